-- What was told last of each budget to those whom it concerns. The previous version tells nothing:
-- what it changes or raises is told at the next look of this one.
CREATE TABLE budget_notices (
    budget          text COLLATE "C" PRIMARY KEY REFERENCES budgets ON DELETE CASCADE,
    -- That of the fact; only grows.
    revision        bigint NOT NULL CHECK (revision > 0),
    -- Which state of the budget it is of.
    budget_revision bigint NOT NULL,
    content         bytea  NOT NULL
) WITH (fillfactor = 80);
