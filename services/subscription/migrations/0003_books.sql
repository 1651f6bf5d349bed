-- What follows from the facts: subscriptions, orders, and what the provisioner saw.
CREATE TABLE subscriptions (
    name text COLLATE "C" PRIMARY KEY,
    account text COLLATE "C" NOT NULL REFERENCES accounts,
    provider text COLLATE "C" NOT NULL,
    provider_account text COLLATE "C" NOT NULL,
    provider_subscription_id text COLLATE "C" NOT NULL,
    checkout_id text COLLATE "C" NOT NULL,
    offer jsonb NOT NULL,
    state text NOT NULL,
    period_start timestamptz,
    period_end timestamptz,
    begin_time timestamptz,
    ending text NOT NULL CHECK (ending IN ('NONE', 'UNPAID', 'ENDED')),
    -- When a grace is over by now() of this database, and when the timer acted on that.
    due timestamptz,
    over_time timestamptz,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX subscriptions_account ON subscriptions (account, create_time, name);
CREATE INDEX subscriptions_age ON subscriptions (create_time, name);
CREATE INDEX subscriptions_due ON subscriptions (due) WHERE over_time IS NULL;
CREATE INDEX subscriptions_over ON subscriptions (over_time) WHERE over_time IS NOT NULL;

CREATE TABLE orders (
    account text COLLATE "C" NOT NULL REFERENCES accounts,
    incarnation integer NOT NULL CHECK (incarnation > 0),
    epoch bigint NOT NULL,
    generation bigint NOT NULL,
    phase text NOT NULL CHECK (phase IN ('RUNNING', 'SUSPENDED', 'DELETED')),
    plan text NOT NULL,
    capacity_kind text NOT NULL,
    capacity bytea NOT NULL,
    owner_subject text NOT NULL,
    organization text NOT NULL,
    paid_until timestamptz,
    update_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, incarnation)
) WITH (fillfactor = 70);

-- A deleted incarnation is closed for good, whatever a program thinks.
CREATE FUNCTION deleted_stays_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'incarnation % of % is closed', OLD.incarnation, OLD.account
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER orders_deleted_stays_deleted BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (OLD.phase = 'DELETED' AND NEW.phase <> 'DELETED')
    EXECUTE FUNCTION deleted_stays_deleted();

CREATE INDEX orders_epoch ON orders (epoch);

CREATE TABLE observations (
    tenant text COLLATE "C" PRIMARY KEY,
    account text COLLATE "C" NOT NULL,
    incarnation integer NOT NULL,
    epoch bigint NOT NULL,
    generation bigint NOT NULL,
    revision bigint NOT NULL,
    phase text NOT NULL,
    reason text NOT NULL,
    namespace text NOT NULL,
    observe_time timestamptz
) WITH (fillfactor = 70);

CREATE INDEX observations_account ON observations (account, incarnation);

-- One row. Raised after a restore from backup; orders of an older epoch are void.
CREATE TABLE epoch (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    epoch bigint NOT NULL CHECK (epoch > 0)
);

INSERT INTO epoch (epoch) VALUES (1);
