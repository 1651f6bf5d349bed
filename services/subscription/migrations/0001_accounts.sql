-- Accounts, and the providers' customers that belong to them.
CREATE TABLE accounts (
    name text COLLATE "C" PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('USER', 'ORGANIZATION', 'DID')),
    external_id text COLLATE "C" NOT NULL,
    email text NOT NULL,
    create_time timestamptz NOT NULL,
    -- The generation of the account's last order. Only grows.
    generation bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX accounts_outside_name ON accounts (kind, external_id) WHERE external_id <> '';
CREATE INDEX accounts_age ON accounts (create_time, name);

-- One row for every customer that a fact named, also while it is nobody's: facts of one customer
-- meet at its lock.
CREATE TABLE customers (
    provider text COLLATE "C" NOT NULL,
    provider_account text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL CHECK (customer_id <> ''),
    account text COLLATE "C" REFERENCES accounts,
    PRIMARY KEY (provider, provider_account, customer_id)
);

CREATE INDEX customers_account ON customers (account) WHERE account IS NOT NULL;
