-- Operations learn to be sent again. Rows of the previous version read as they are; it neither
-- reads nor writes these columns.
ALTER TABLE operations
    -- What we were asked for, as JSON.
    ADD COLUMN ask bytea NOT NULL DEFAULT '{}',
    ADD COLUMN quote text COLLATE "C" NOT NULL DEFAULT '',
    -- Idempotency keys that were given up, and since when the present one may have been used.
    ADD COLUMN attempt integer NOT NULL DEFAULT 0,
    ADD COLUMN keyed_at timestamptz,
    -- The outcome in ids and stable words, never a secret.
    ADD COLUMN result jsonb NOT NULL DEFAULT '{}';

-- The provider's customer of each account: one, whatever happens at once.
CREATE TABLE customers (
    account_id text COLLATE "C" NOT NULL,
    provider text COLLATE "C" NOT NULL,
    provider_account text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    bound_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, provider, provider_account),
    UNIQUE (provider, provider_account, customer_id)
);

-- Payment pages that we had made. `session_id` is empty until the provider's answer was seen.
CREATE TABLE checkouts (
    operation_id text COLLATE "C" PRIMARY KEY REFERENCES operations,
    account_id text COLLATE "C" NOT NULL,
    provider text COLLATE "C" NOT NULL,
    provider_account text COLLATE "C" NOT NULL,
    quote text COLLATE "C" NOT NULL,
    ask_hash bytea NOT NULL,
    session_id text COLLATE "C" NOT NULL DEFAULT '',
    state text COLLATE "C" NOT NULL CHECK (state IN ('OPEN', 'COMPLETE', 'CLOSED')),
    expire_time timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- An account has one open page at most.
CREATE UNIQUE INDEX checkouts_open ON checkouts (account_id, provider, provider_account)
    WHERE state = 'OPEN';

CREATE UNIQUE INDEX checkouts_session ON checkouts (provider, provider_account, session_id)
    WHERE session_id <> '';
