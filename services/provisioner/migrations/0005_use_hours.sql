-- What tenants use, in hours that were not told yet: sums and peaks of samples.
CREATE TABLE use_hours (
    tenant       text COLLATE "C" NOT NULL,
    -- Since the epoch, in UTC.
    hour         bigint  NOT NULL,
    samples      integer NOT NULL CHECK (samples > 0),
    -- Thousandths of a core, and bytes. Sums of a tenant of ten thousand cores and a PiB, measured
    -- every second, are far from what the type holds.
    cpu_sum      bigint  NOT NULL,
    cpu_peak     bigint  NOT NULL,
    memory_sum   bigint  NOT NULL,
    memory_peak  bigint  NOT NULL,
    -- None where nothing counts it.
    storage_peak bigint,
    PRIMARY KEY (tenant, hour)
);
CREATE INDEX use_hours_over ON use_hours (hour, tenant);

-- Whose turn it is to measure. The row is locked by who adds to the hours and by who tells them.
CREATE TABLE use_looks (
    one       boolean     PRIMARY KEY DEFAULT true CHECK (one),
    look_time timestamptz NOT NULL
);
INSERT INTO use_looks (look_time) VALUES ('-infinity');
