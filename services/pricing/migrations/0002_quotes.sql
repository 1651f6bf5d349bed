-- Rate cards are append-only like catalogs: a version is the hash of its content.
CREATE TABLE rate_cards (
    version     text        PRIMARY KEY,
    content     text        NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE active_rate_card (
    single        boolean     PRIMARY KEY DEFAULT true CHECK (single),
    version       text        NOT NULL REFERENCES rate_cards,
    activate_time timestamptz NOT NULL DEFAULT now()
);

-- Promised prices. Only what became of a quote changes, once: its taker.
CREATE TABLE quotes (
    name        text COLLATE "C" PRIMARY KEY,
    owner       text COLLATE "C" NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('deployment', 'plan')),
    currency    text        NOT NULL,
    -- What counts towards a threshold, in minor units.
    weight      bigint      NOT NULL CHECK (weight >= 0),
    content     bytea       NOT NULL,
    create_time timestamptz NOT NULL,
    expire_time timestamptz NOT NULL,
    taker       text COLLATE "C" NOT NULL DEFAULT '',
    paid        boolean     NOT NULL DEFAULT false,
    take_time   timestamptz
) WITH (fillfactor = 80);

CREATE INDEX quotes_unpaid ON quotes (owner, currency) WHERE taker <> '' AND NOT paid;

CREATE FUNCTION quotes_never_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'quote % was promised, and is taken once', OLD.name
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER quotes_promised BEFORE UPDATE ON quotes FOR EACH ROW
    WHEN ((OLD.taker <> '')
        OR (OLD.name, OLD.owner, OLD.kind, OLD.currency, OLD.weight, OLD.content,
            OLD.create_time, OLD.expire_time)
        IS DISTINCT FROM
           (NEW.name, NEW.owner, NEW.kind, NEW.currency, NEW.weight, NEW.content,
            NEW.create_time, NEW.expire_time))
    EXECUTE FUNCTION quotes_never_change();
