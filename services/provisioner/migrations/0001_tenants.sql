-- One row for each incarnation of an account. Rows are never deleted: names and numbers of tenants
-- that are gone stay taken.
CREATE TABLE tenants (
    id text COLLATE "C" PRIMARY KEY,
    number bigint NOT NULL UNIQUE,
    account text COLLATE "C" NOT NULL,
    incarnation integer NOT NULL CHECK (incarnation > 0),
    -- The order in force.
    epoch bigint NOT NULL,
    generation bigint NOT NULL,
    ordered_phase text NOT NULL,
    plan text NOT NULL,
    capacity bytea NOT NULL,
    owner_subject text NOT NULL,
    organization text NOT NULL,
    paid_until timestamptz,
    receive_time timestamptz,
    -- What is known of the cluster.
    phase text NOT NULL,
    reason text NOT NULL,
    namespace text COLLATE "C" NOT NULL,
    uid text NOT NULL,
    claim text NOT NULL,
    attempt integer NOT NULL,
    standing bytea,
    observed_generation bigint NOT NULL,
    conditions jsonb NOT NULL,
    create_time timestamptz NOT NULL,
    ready_time timestamptz,
    update_time timestamptz NOT NULL,
    -- Numbers the facts about the tenant.
    revision bigint NOT NULL,
    -- Numbers the changes of the row, and says by the database's clock when the last one was.
    change bigint NOT NULL DEFAULT 0,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (account, incarnation)
) WITH (fillfactor = 50);

CREATE UNIQUE INDEX tenants_namespace ON tenants (namespace) WHERE namespace <> '';
CREATE INDEX tenants_owner ON tenants (owner_subject, number) WHERE owner_subject <> '';
CREATE INDEX tenants_organization ON tenants (organization, number) WHERE organization <> '';
CREATE INDEX tenants_changed ON tenants (changed_at);

-- The last number given. A row and not a sequence: who pages through the numbers must not meet one
-- that commits later than a higher one.
CREATE TABLE tenant_numbers (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    last bigint NOT NULL
);

INSERT INTO tenant_numbers (last) VALUES (0);
