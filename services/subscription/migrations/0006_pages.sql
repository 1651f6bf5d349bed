-- The last payment page of each account: given back while it is open and the same is asked for.
CREATE TABLE pages (
    account text COLLATE "C" PRIMARY KEY REFERENCES accounts,
    ask_hash bytea NOT NULL,
    quote text NOT NULL,
    checkout_id text COLLATE "C" NOT NULL,
    update_time timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
