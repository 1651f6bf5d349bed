-- What is done in turn for an account is looked up when more of it is asked for.
CREATE INDEX operations_under_way ON operations (account_id, kind) WHERE state = 'STARTED';
