-- First answers of mutations, written in the transaction of their effect.
CREATE TABLE idempotency (
    account text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    rpc text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    request_hash bytea NOT NULL,
    -- Null only inside the transaction that makes the answer.
    answer bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, actor, rpc, key)
);

CREATE INDEX idempotency_age ON idempotency (created_at);
