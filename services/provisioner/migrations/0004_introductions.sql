-- Who was told of every tenant since it is told of any: those of their facts that were written
-- before went elsewhere only.
CREATE TABLE introductions (
    destination    text        PRIMARY KEY,
    introduce_time timestamptz NOT NULL DEFAULT now()
);
