-- Keys to reconcile. One row a key, however often it is enqueued; the row leaves when a run that
-- began after the last enqueue is done.
CREATE TABLE reconcile_queue (
    queue text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL CHECK (key <> ''),
    generation bigint NOT NULL DEFAULT 1,
    priority smallint NOT NULL DEFAULT 0 CHECK (priority BETWEEN 0 AND 9),
    -- Idle: when the key is due. Running: when the lease of its holder runs out.
    due_at timestamptz NOT NULL,
    running boolean NOT NULL DEFAULT false,
    -- What was asked for while it ran.
    next_at timestamptz NOT NULL DEFAULT 'infinity',
    epoch bigint NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    last_error text NOT NULL DEFAULT '',
    PRIMARY KEY (queue, key)
) WITH (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.05
);

CREATE INDEX reconcile_queue_due ON reconcile_queue (queue, priority, due_at);

-- Rows come and go, epochs must not come back: a holder from before would pass for the present one.
CREATE SEQUENCE reconcile_epoch AS bigint;
