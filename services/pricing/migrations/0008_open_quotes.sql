-- What a dry run of new prices looks at: quotes that nothing took, by when they expire.
CREATE INDEX quotes_open ON quotes (kind, expire_time) WHERE taker = '';
