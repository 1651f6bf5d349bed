-- The trace of the order in force, in the W3C's form, which the runs that make it true continue.
-- Empty for none. The previous version leaves it as it is.
ALTER TABLE tenants ADD COLUMN traceparent text COLLATE "C" NOT NULL DEFAULT '';
