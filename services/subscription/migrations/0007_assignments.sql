-- Plans that operators gave by hand. Each is named by the subscription that follows from it, whose
-- row names no provider, no subscription there and no checkout: the previous version reads that as
-- something that somebody paid for once, and what it writes over an end is put right by the timer.
CREATE TABLE assignments (
    subscription text COLLATE "C" PRIMARY KEY,
    account text COLLATE "C" NOT NULL REFERENCES accounts,
    offer jsonb NOT NULL,
    -- Who gave what is given now, and why.
    actor text NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    begin_time timestamptz NOT NULL,
    -- When it ends by now() of this database; who said so last, why and when.
    end_time timestamptz CHECK (end_time >= begin_time),
    end_actor text NOT NULL,
    end_reason text NOT NULL,
    end_ask_time timestamptz,
    -- When the next month begins that credits are granted for.
    renew_time timestamptz
) WITH (fillfactor = 80);

CREATE INDEX assignments_account ON assignments (account);
CREATE INDEX assignments_end ON assignments (end_time) WHERE end_time IS NOT NULL;
CREATE INDEX assignments_renewal ON assignments (renew_time) WHERE renew_time IS NOT NULL;
