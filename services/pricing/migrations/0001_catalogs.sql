-- Catalogs are append-only: a version is the hash of its content and never changes.

CREATE TABLE catalog_versions (
    name        text        NOT NULL,
    version     text        NOT NULL,
    -- Text, not jsonb: the order of plans is part of the content.
    content     text        NOT NULL,
    sequence    bigint      GENERATED ALWAYS AS IDENTITY,
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, version)
);

-- Which version is in force; `error` says why the source's newest content is not.
CREATE TABLE active_catalogs (
    name          text        PRIMARY KEY,
    version       text        NOT NULL,
    activate_time timestamptz NOT NULL DEFAULT now(),
    error         text        NOT NULL DEFAULT '',
    FOREIGN KEY (name, version) REFERENCES catalog_versions (name, version)
);

-- What a provider's price sells, in every version that knows it.
CREATE TABLE catalog_prices (
    provider       text   NOT NULL,
    provider_price text   NOT NULL,
    catalog        text   NOT NULL,
    version        text   NOT NULL,
    sequence       bigint NOT NULL,
    PRIMARY KEY (provider, provider_price, catalog, version),
    FOREIGN KEY (catalog, version) REFERENCES catalog_versions (name, version)
);

CREATE INDEX catalog_prices_newest ON catalog_prices (provider, provider_price, sequence DESC);
