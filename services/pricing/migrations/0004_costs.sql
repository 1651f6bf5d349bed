-- Which rate card was in force when. A trigger keeps it, so that it is also kept while an older
-- version of pricing still runs.
CREATE TABLE rate_card_activations (
    sequence      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version       text        NOT NULL REFERENCES rate_cards,
    activate_time timestamptz NOT NULL
);

INSERT INTO rate_card_activations (version, activate_time)
SELECT version, activate_time FROM active_rate_card;

CREATE FUNCTION note_rate_card_activation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR OLD.version IS DISTINCT FROM NEW.version THEN
        INSERT INTO rate_card_activations (version, activate_time)
        VALUES (NEW.version, NEW.activate_time);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER rate_card_activated AFTER INSERT OR UPDATE ON active_rate_card
    FOR EACH ROW EXECUTE FUNCTION note_rate_card_activation();

-- What the provisioner saw of a tenant, each revision once: records follow from all of it.
CREATE TABLE cost_observations (
    tenant   text COLLATE "C" NOT NULL,
    revision bigint NOT NULL CHECK (revision > 0),
    content  bytea  NOT NULL,
    PRIMARY KEY (tenant, revision)
);

-- One time in which a tenant's capacity stood unchanged. Seconds of the epoch; the largest number
-- there is for what still stands, so that every comparison is one of numbers.
CREATE TABLE cost_records (
    name              text COLLATE "C" PRIMARY KEY,
    begin_second      bigint  NOT NULL,
    end_second        bigint  NOT NULL CHECK (begin_second < end_second),
    revision          bigint  NOT NULL,
    hours_per_month   integer NOT NULL,
    -- Exact: a decimal in the major unit of the currency.
    monthly_rate      numeric NOT NULL,
    currency          text COLLATE "C" NOT NULL,
    tenant            text COLLATE "C" NOT NULL,
    account           text COLLATE "C" NOT NULL,
    user_name         text COLLATE "C" NOT NULL,
    team              text COLLATE "C" NOT NULL,
    organization      text COLLATE "C" NOT NULL,
    plan              text COLLATE "C" NOT NULL,
    region            text COLLATE "C" NOT NULL,
    namespace         text    NOT NULL,
    rate_card_version text    NOT NULL,
    FOREIGN KEY (tenant, revision) REFERENCES cost_observations (tenant, revision)
);

CREATE INDEX cost_records_newest ON cost_records (begin_second, name);
CREATE INDEX cost_records_ended ON cost_records (end_second);
CREATE INDEX cost_records_tenant ON cost_records (tenant);
CREATE INDEX cost_records_user ON cost_records (user_name, begin_second, name)
    WHERE user_name <> '';
CREATE INDEX cost_records_organization ON cost_records (organization, begin_second, name)
    WHERE organization <> '';
CREATE INDEX cost_records_account ON cost_records (account, begin_second, name);

CREATE TABLE budgets (
    name         text COLLATE "C" PRIMARY KEY,
    -- For who may see it; the content holds them too.
    user_name    text COLLATE "C" NOT NULL,
    organization text COLLATE "C" NOT NULL,
    revision     bigint      NOT NULL CHECK (revision > 0),
    content      bytea       NOT NULL,
    create_time  timestamptz NOT NULL,
    update_time  timestamptz NOT NULL
);

CREATE INDEX budgets_user ON budgets (user_name, name);
CREATE INDEX budgets_organization ON budgets (organization, name);

-- Thresholds that were passed, once for each budget, threshold and month. They stay when the
-- budget is deleted.
CREATE TABLE budget_alerts (
    number       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         text COLLATE "C" NOT NULL UNIQUE,
    budget       text COLLATE "C" NOT NULL,
    user_name    text COLLATE "C" NOT NULL,
    organization text COLLATE "C" NOT NULL,
    content      bytea       NOT NULL,
    create_time  timestamptz NOT NULL
);

CREATE INDEX budget_alerts_budget ON budget_alerts (budget, number);
CREATE INDEX budget_alerts_user ON budget_alerts (user_name, number);
CREATE INDEX budget_alerts_organization ON budget_alerts (organization, number);
