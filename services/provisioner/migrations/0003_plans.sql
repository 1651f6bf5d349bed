-- What was told last of each ConfigMap with plans. The revision numbers the facts about it; the
-- digest is that of the content, so that a write which changes nothing tells nothing.
CREATE TABLE plans_told (
    source   text COLLATE "C" PRIMARY KEY,
    revision bigint NOT NULL CHECK (revision > 0),
    digest   bytea  NOT NULL
);
