-- What tenants used within an hour (numbered from the epoch, UTC), as the provisioner told it:
-- thousandths of a core, and bytes.
CREATE TABLE tenant_use (
    tenant      text COLLATE "C" NOT NULL,
    hour        bigint  NOT NULL,
    samples     integer NOT NULL CHECK (samples > 0),
    cpu_mean    bigint  NOT NULL,
    cpu_peak    bigint  NOT NULL,
    memory_mean bigint  NOT NULL,
    memory_peak bigint  NOT NULL,
    -- None where nobody counts it.
    storage     bigint,
    PRIMARY KEY (tenant, hour)
);
CREATE INDEX tenant_use_hour ON tenant_use (hour);

-- What stands, of each tenant at most one; the number is that of what has no end.
CREATE INDEX cost_records_standing ON cost_records (tenant) WHERE end_second = 9223372036854775807;
