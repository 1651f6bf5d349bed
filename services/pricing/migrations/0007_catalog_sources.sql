-- ConfigMaps that catalogs come from, as the provisioner told of them last.
CREATE TABLE catalog_sources (
    source         text COLLATE "C" PRIMARY KEY,
    -- The provisioner's; what has an older one is not taken.
    revision       bigint      NOT NULL CHECK (revision > 0),
    stands         boolean     NOT NULL,
    -- Bytes, not text: what others write may hold a NUL. None where it holds no catalog.
    content        bytea,
    left_out_bytes bigint      NOT NULL,
    -- The catalog that it governs while it stands; empty before anything of it was good.
    catalog        text        NOT NULL,
    -- What of it is not in force, and why.
    error          text        NOT NULL,
    take_time      timestamptz NOT NULL DEFAULT now()
);
