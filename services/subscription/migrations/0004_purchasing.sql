-- What subscriptions and orders tell others, and purchases that are given back. Columns only: the
-- previous version goes on reading and writing its own.
ALTER TABLE subscriptions
    ADD COLUMN customer_id text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN suspend_time timestamptz,
    ADD COLUMN trial_end_time timestamptz;

-- What the order of a generation told of its subscription. The previous version writes orders
-- without it and leaves that of an older generation here, so the generation is part of it.
ALTER TABLE orders ADD COLUMN holding jsonb;

-- `barred`: why a payment may begin nothing. A purchase that was given back keeps the status
-- REFUND_DUE, which the previous version knows, and has a `refund_time`.
ALTER TABLE purchases
    ADD COLUMN barred text NOT NULL DEFAULT '',
    -- When it was decided to give it back; from then on it is never applied.
    ADD COLUMN refund_decided timestamptz,
    ADD COLUMN refund_tries integer NOT NULL DEFAULT 0,
    ADD COLUMN refund_next timestamptz,
    ADD COLUMN refund_time timestamptz,
    ADD COLUMN refund_id text NOT NULL DEFAULT '';

CREATE INDEX purchases_refundable ON purchases (create_time)
    WHERE status = 'REFUND_DUE' AND refund_time IS NULL;
CREATE INDEX purchases_unquoted ON purchases (name) WHERE barred = 'UNKNOWN_QUOTE';
CREATE INDEX purchases_decided ON purchases (refund_decided) WHERE refund_decided IS NOT NULL;
