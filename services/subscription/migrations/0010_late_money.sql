-- Money that arrives for what was given back already. Columns only, and none that the previous
-- version reads or writes: to it, what was given back stays so, and the new one takes care of more.
--
-- `heard`: how many paid invoices of it were known when it was asked for last. `rounds`: how often
-- it is to be asked for again since more of them came; `rounds_done`: how often that was done. The
-- first invoice of a purchase is what it was bought with, whenever it is told of.
ALTER TABLE giving_way
    ADD COLUMN heard integer NOT NULL DEFAULT 0,
    ADD COLUMN rounds integer NOT NULL DEFAULT 0,
    ADD COLUMN rounds_done integer NOT NULL DEFAULT 0;
ALTER TABLE purchases
    ADD COLUMN refund_heard integer NOT NULL DEFAULT 0,
    ADD COLUMN refund_rounds integer NOT NULL DEFAULT 0,
    ADD COLUMN refund_rounds_done integer NOT NULL DEFAULT 0;

-- What was asked for before begins nothing by itself.
UPDATE giving_way SET heard = (
    SELECT count(*) FROM invoices
    WHERE invoices.account = giving_way.account AND invoices.paid > 0
        AND invoices.provider = giving_way.provider
        AND invoices.provider_account = giving_way.provider_account
        AND invoices.provider_subscription_id = giving_way.provider_subscription_id)
WHERE tries > 0;
UPDATE purchases SET refund_heard = (
    SELECT count(*) FROM invoices
    WHERE invoices.account = purchases.account AND invoices.paid > 0
        AND invoices.provider = purchases.provider
        AND invoices.provider_account = purchases.provider_account
        AND invoices.provider_subscription_id = purchases.provider_subscription_id
        AND invoices.billing_reason <> 'subscription_create')
WHERE refund_tries > 0 AND provider_subscription_id <> '';

CREATE INDEX giving_way_again ON giving_way (rounds) WHERE rounds_done < rounds;
CREATE INDEX purchases_again ON purchases (refund_rounds) WHERE refund_rounds_done < refund_rounds;
