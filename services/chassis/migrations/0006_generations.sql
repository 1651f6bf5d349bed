-- Nor may generations come back. Whoever remembers one withdraws the key later, and a row that went
-- and came anew in between, for something newer, has to be another one. The previous version goes on
-- counting up from what is drawn here.
CREATE SEQUENCE reconcile_generation AS bigint;
SELECT setval('reconcile_generation', 1 + (SELECT coalesce(max(generation), 0) FROM reconcile_queue));
ALTER TABLE reconcile_queue ALTER COLUMN generation SET DEFAULT nextval('reconcile_generation');
