-- Facts that came in. Ids of money facts are kept for good: a fact counts once, whenever it comes.
CREATE TABLE inbox_facts (
    source text COLLATE "C" NOT NULL,
    fact_id text COLLATE "C" NOT NULL,
    type text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, fact_id)
);

-- The newest revision applied of each object that state facts speak of.
CREATE TABLE inbox_revisions (
    object_key text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (object_key, type)
) WITH (fillfactor = 70);

-- Facts that wait for something: a parent that has not come yet, or a version of this service that
-- knows their type.
CREATE TABLE inbox_parked (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text COLLATE "C" NOT NULL,
    fact_id text COLLATE "C" NOT NULL,
    fact_key text NOT NULL,
    revision bigint NOT NULL,
    type text NOT NULL,
    payload bytea NOT NULL,
    traceparent text NOT NULL,
    waiting_for text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (source, fact_id)
);

CREATE INDEX inbox_parked_waiting_for ON inbox_parked (waiting_for, seq);
