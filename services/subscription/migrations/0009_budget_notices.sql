-- What pricing told last of each budget. One without passed thresholds took back what was told
-- before, and stays, so that nothing older comes in behind it.
CREATE TABLE budget_notices (
    budget       text COLLATE "C" PRIMARY KEY,
    revision     bigint NOT NULL CHECK (revision > 0),
    -- Whom it concerns: an account by its name, or by the name that the outside knows it by, which
    -- may have no account yet. Empty for none.
    account      text COLLATE "C" NOT NULL,
    user_name    text COLLATE "C" NOT NULL,
    organization text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    month        text NOT NULL,
    currency     text NOT NULL,
    amount       bigint NOT NULL,
    passed       jsonb NOT NULL
) WITH (fillfactor = 80);

CREATE INDEX budget_notices_account ON budget_notices (account) WHERE account <> '';
CREATE INDEX budget_notices_user ON budget_notices (user_name) WHERE user_name <> '';
CREATE INDEX budget_notices_organization ON budget_notices (organization)
    WHERE organization <> '';
