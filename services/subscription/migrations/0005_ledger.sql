-- The credit ledger. The row of a pool is hot: every debit changes it and nothing else but its entry
-- and, under its lock, the grants that the amount is of.
CREATE TABLE credit_pools (
    account text COLLATE "C" NOT NULL REFERENCES accounts,
    pool text COLLATE "C" NOT NULL,
    -- Granted and neither spent nor expired; what is held is part of it.
    posted bigint NOT NULL DEFAULT 0,
    held bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    debt bigint NOT NULL DEFAULT 0 CHECK (debt >= 0),
    last_sequence bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (account, pool),
    CHECK (posted - held >= 0)
) WITH (fillfactor = 50);

-- Append-only: each moves its amount from one side to another, and is named by the key of its effect.
CREATE TABLE credit_entries (
    name text COLLATE "C" PRIMARY KEY,
    account text COLLATE "C" NOT NULL,
    pool text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    movement text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    debit_side text NOT NULL,
    credit_side text NOT NULL CHECK (credit_side <> debit_side),
    posted bigint NOT NULL,
    held bigint NOT NULL,
    reference text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    trace_id text NOT NULL,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (account, pool, sequence)
);

CREATE FUNCTION entries_never_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entry % stands for good', OLD.name
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER credit_entries_stand BEFORE UPDATE OR DELETE ON credit_entries FOR EACH ROW
    EXECUTE FUNCTION entries_never_change();

-- `subscription` is empty for a grant by hand; `period_start` is null for a first period.
CREATE TABLE credit_grants (
    name text COLLATE "C" PRIMARY KEY,
    account text COLLATE "C" NOT NULL,
    pool text COLLATE "C" NOT NULL,
    sequence bigint GENERATED ALWAYS AS IDENTITY,
    subscription text COLLATE "C" NOT NULL,
    period_start timestamptz,
    period_end timestamptz,
    granted bigint NOT NULL CHECK (granted > 0),
    remaining bigint NOT NULL CHECK (remaining >= 0),
    held bigint NOT NULL CHECK (held >= 0),
    spent bigint NOT NULL CHECK (spent >= 0),
    expired bigint NOT NULL CHECK (expired >= 0),
    reversed bigint NOT NULL CHECK (reversed >= 0),
    closed boolean NOT NULL,
    CHECK (granted = remaining + held + spent + expired + reversed),
    CHECK (NOT closed OR remaining = 0),
    FOREIGN KEY (account, pool) REFERENCES credit_pools
) WITH (fillfactor = 50);

CREATE INDEX credit_grants_pool ON credit_grants (account, pool, sequence);
CREATE INDEX credit_grants_period ON credit_grants (subscription, period_start)
    WHERE subscription <> '';

CREATE TABLE credit_holds (
    name text COLLATE "C" PRIMARY KEY,
    account text COLLATE "C" NOT NULL,
    pool text COLLATE "C" NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    reference text NOT NULL,
    state text NOT NULL CHECK (state IN ('HELD', 'CAPTURED', 'RELEASED')),
    expire_time timestamptz NOT NULL,
    create_time timestamptz NOT NULL,
    -- [[grant, amount], …]
    parts jsonb NOT NULL,
    FOREIGN KEY (account, pool) REFERENCES credit_pools
) WITH (fillfactor = 80);

CREATE INDEX credit_holds_due ON credit_holds (expire_time) WHERE state = 'HELD';

-- Money that went back, or came back, and what that did to credits once its grant was known.
CREATE TABLE credit_reversals (
    provider text COLLATE "C" NOT NULL,
    provider_account text COLLATE "C" NOT NULL,
    reversal_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL
        CHECK (kind IN ('REFUND', 'REFUND_FAILED', 'DISPUTE', 'DISPUTE_WON')),
    customer_id text COLLATE "C" NOT NULL,
    invoice_id text COLLATE "C" NOT NULL,
    checkout_id text COLLATE "C" NOT NULL,
    currency text NOT NULL,
    amount bigint NOT NULL,
    paid bigint NOT NULL,
    reverse_time timestamptz NOT NULL,
    granted text COLLATE "C" NOT NULL DEFAULT '',
    taken bigint NOT NULL DEFAULT 0,
    owed bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (provider, provider_account, reversal_id, kind)
);

CREATE INDEX credit_reversals_open ON credit_reversals (provider, provider_account, customer_id)
    WHERE granted = '';
CREATE INDEX credit_reversals_grant ON credit_reversals (granted) WHERE granted <> '';
