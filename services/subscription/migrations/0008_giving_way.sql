-- Which subscription gives way to which other that was bought after it and is in force beside it.
-- The previous version does not read these, and goes on letting both be.
CREATE TABLE giving_way (
    subscription text COLLATE "C" PRIMARY KEY,
    account text COLLATE "C" NOT NULL REFERENCES accounts,
    provider text COLLATE "C" NOT NULL,
    provider_account text COLLATE "C" NOT NULL,
    provider_subscription_id text COLLATE "C" NOT NULL CHECK (provider_subscription_id <> ''),
    gives_way_to text COLLATE "C" NOT NULL,
    -- What was collected from then on is given back.
    paid_since timestamptz NOT NULL,
    found_time timestamptz NOT NULL DEFAULT now(),
    -- When it was decided that it ends; from then on it never counts.
    decided timestamptz,
    tries integer NOT NULL DEFAULT 0,
    next_try timestamptz,
    done_time timestamptz,
    refund_id text NOT NULL DEFAULT ''
) WITH (fillfactor = 80);

CREATE INDEX giving_way_found ON giving_way (found_time) WHERE decided IS NULL;
CREATE INDEX giving_way_decided ON giving_way (decided) WHERE decided IS NOT NULL;
CREATE INDEX giving_way_open ON giving_way (decided) WHERE decided IS NOT NULL AND done_time IS NULL;

-- Decisions to give something back that wait for news, by the name of what they are about.
CREATE TABLE postponed (
    name text COLLATE "C" PRIMARY KEY,
    tries integer NOT NULL,
    next_try timestamptz NOT NULL,
    since timestamptz NOT NULL,
    -- Whether a person was told that it takes long.
    told boolean NOT NULL
) WITH (fillfactor = 80);
