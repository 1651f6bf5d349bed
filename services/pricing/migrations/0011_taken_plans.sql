-- What was sold to an account: recommendations compare prices by it.
CREATE INDEX quotes_taken_plans ON quotes (owner, take_time) WHERE kind = 'plan' AND taker <> '';
