-- Facts on their way out, one row for each destination. A row leaves when its destination has
-- acknowledged it, or for dead_letters when it can never be taken.
CREATE TABLE outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    destination text COLLATE "C" NOT NULL,
    fact_id text COLLATE "C" NOT NULL,
    fact_key text COLLATE "C" NOT NULL CHECK (fact_key <> ''),
    revision bigint NOT NULL CHECK (revision >= 0),
    type text NOT NULL,
    payload bytea NOT NULL,
    traceparent text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- When a relay may take the row: at once, after a back-off, or when the lease of the relay that
    -- has it runs out.
    due_at timestamptz NOT NULL DEFAULT now(),
    -- Grows with every claim; what a relay says about a row counts only in the epoch it claimed.
    epoch bigint NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    last_error text NOT NULL DEFAULT '',
    UNIQUE (destination, fact_id)
) WITH (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.05
);

-- The head of each key is found by skipping from key to key.
CREATE INDEX outbox_heads ON outbox (destination, fact_key, seq);

CREATE TABLE dead_letters (
    seq bigint PRIMARY KEY,
    destination text NOT NULL,
    fact_id text NOT NULL,
    fact_key text NOT NULL,
    revision bigint NOT NULL,
    type text NOT NULL,
    payload bytea NOT NULL,
    traceparent text NOT NULL,
    created_at timestamptz NOT NULL,
    dead_at timestamptz NOT NULL DEFAULT now(),
    reason text NOT NULL
);
