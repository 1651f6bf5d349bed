-- What payments proved. `account` is null while nobody knows whose it is.
CREATE TABLE purchases (
    name text COLLATE "C" PRIMARY KEY,
    provider text COLLATE "C" NOT NULL,
    provider_account text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    checkout_id text COLLATE "C" NOT NULL,
    account text COLLATE "C" REFERENCES accounts,
    provider_subscription_id text COLLATE "C" NOT NULL,
    fact_id text COLLATE "C" NOT NULL,
    -- The whole fact, and what its items stand for.
    checkout jsonb NOT NULL,
    appraisal jsonb NOT NULL,
    unknown_prices text[] NOT NULL,
    status text NOT NULL CHECK (status IN ('APPLIED', 'REFUND_DUE', 'PARKED')),
    reason text NOT NULL,
    subscription text COLLATE "C" NOT NULL,
    create_time timestamptz NOT NULL,
    UNIQUE (provider, provider_account, checkout_id)
);

CREATE INDEX purchases_account ON purchases (account);
CREATE INDEX purchases_ownerless ON purchases (provider, provider_account, customer_id)
    WHERE account IS NULL;
CREATE INDEX purchases_age ON purchases (create_time, name);
CREATE INDEX purchases_attention ON purchases (status, create_time, name)
    WHERE status <> 'APPLIED';
CREATE INDEX purchases_unpriced ON purchases (name) WHERE unknown_prices <> '{}';

CREATE TABLE invoices (
    provider text COLLATE "C" NOT NULL,
    provider_account text COLLATE "C" NOT NULL,
    invoice_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    account text COLLATE "C" REFERENCES accounts,
    provider_subscription_id text COLLATE "C" NOT NULL,
    billing_reason text NOT NULL,
    currency text NOT NULL,
    paid bigint NOT NULL,
    period_start timestamptz,
    period_end timestamptz,
    pay_time timestamptz NOT NULL,
    PRIMARY KEY (provider, provider_account, invoice_id)
);

CREATE INDEX invoices_account ON invoices (account, provider_subscription_id);
CREATE INDEX invoices_ownerless ON invoices (provider, provider_account, customer_id)
    WHERE account IS NULL;

-- Recorded only: a failed payment changes no entitlement.
CREATE TABLE payment_failures (
    provider text COLLATE "C" NOT NULL,
    provider_account text COLLATE "C" NOT NULL,
    invoice_id text COLLATE "C" NOT NULL,
    attempt integer NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    provider_subscription_id text COLLATE "C" NOT NULL,
    failure_code text NOT NULL,
    record_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, provider_account, invoice_id, attempt)
);

-- The newest state of each of the providers' subscriptions.
CREATE TABLE snapshots (
    provider text COLLATE "C" NOT NULL,
    provider_account text COLLATE "C" NOT NULL,
    provider_subscription_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    account text COLLATE "C" REFERENCES accounts,
    revision bigint NOT NULL,
    fact_id text COLLATE "C" NOT NULL,
    seen jsonb NOT NULL,
    appraisal jsonb NOT NULL,
    unknown_prices text[] NOT NULL,
    PRIMARY KEY (provider, provider_account, provider_subscription_id)
) WITH (fillfactor = 70);

CREATE INDEX snapshots_account ON snapshots (account);
CREATE INDEX snapshots_ownerless ON snapshots (provider, provider_account, customer_id)
    WHERE account IS NULL;
CREATE INDEX snapshots_unpriced ON snapshots (provider_subscription_id)
    WHERE unknown_prices <> '{}';
