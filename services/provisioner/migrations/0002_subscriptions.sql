-- What an order tells of its subscription; absent in orders of a version that did not tell it.
ALTER TABLE tenants ADD COLUMN subscription bytea;
