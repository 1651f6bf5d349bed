-- Tiers of the rate card that accounts were given by hand; who has none has no row.
CREATE TABLE account_tiers (
    account     text COLLATE "C" PRIMARY KEY,
    tier        text        NOT NULL CHECK (tier <> ''),
    update_time timestamptz NOT NULL DEFAULT now()
);
