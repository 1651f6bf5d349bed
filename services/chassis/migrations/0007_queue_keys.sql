-- The index of keys is made anew, to be younger than that of priorities. To the planner all indexes of
-- an empty table are alike, of alike ones it takes the youngest, and a plan that was made for an empty
-- queue is kept when it is full: what asks for one key would read all that wait.
CREATE UNIQUE INDEX reconcile_queue_keys ON reconcile_queue (queue, key);
ALTER TABLE reconcile_queue DROP CONSTRAINT reconcile_queue_pkey;
ALTER TABLE reconcile_queue
    ADD CONSTRAINT reconcile_queue_pkey PRIMARY KEY USING INDEX reconcile_queue_keys;
