-- What changed of what stands, by day (86400 seconds of the epoch), organization, plan and region:
-- what costs are summed from where nobody narrows them to a person, an organization or an account.
-- ``rate`` is the sum of the monthly rates that came less those that went, ``rate_seconds`` the same
-- times the seconds that were left of the day.
CREATE TABLE cost_days (
    day             bigint  NOT NULL,
    organization    text COLLATE "C" NOT NULL,
    plan            text COLLATE "C" NOT NULL,
    region          text COLLATE "C" NOT NULL,
    currency        text COLLATE "C" NOT NULL,
    hours_per_month integer NOT NULL,
    rate            numeric NOT NULL,
    rate_seconds    numeric NOT NULL,
    begun           bigint  NOT NULL,
    ended           bigint  NOT NULL,
    PRIMARY KEY (day, organization, plan, region, currency, hours_per_month)
);

-- What has changed since, only ever added to: transactions that change records of the same day do
-- not wait for each other. It is folded into cost_days again and again.
CREATE TABLE cost_day_changes (LIKE cost_days);

-- Kept by triggers, so that they are also kept while an older version of pricing still runs. Where a
-- record only gets its end, its begin cancels out, and one row is left.
CREATE FUNCTION note_added_costs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cost_day_changes
    SELECT day, organization, plan, region, currency, hours_per_month, sum(sign * rate),
        sum(sign * rate * seconds), sum(sign * begun), sum(sign * ended)
    FROM (
        SELECT 1 AS sign, organization, plan, region, currency, hours_per_month, change.*
        FROM new_rows CROSS JOIN LATERAL (VALUES
            (begin_second / 86400, monthly_rate, 86400 - begin_second % 86400, 1, 0),
            (end_second / 86400, -monthly_rate, 86400 - end_second % 86400, 0, 1)
        ) AS change (day, rate, seconds, begun, ended)
        WHERE begun = 1 OR end_second < 9223372036854775807
    ) AS changed
    GROUP BY day, organization, plan, region, currency, hours_per_month
    HAVING sum(sign * rate) <> 0 OR sum(sign * rate * seconds) <> 0
        OR sum(sign * begun) <> 0 OR sum(sign * ended) <> 0;
    RETURN NULL;
END
$$;

CREATE FUNCTION note_changed_costs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cost_day_changes
    SELECT day, organization, plan, region, currency, hours_per_month, sum(sign * rate),
        sum(sign * rate * seconds), sum(sign * begun), sum(sign * ended)
    FROM (
        SELECT 1 AS sign, organization, plan, region, currency, hours_per_month, change.*
        FROM new_rows CROSS JOIN LATERAL (VALUES
            (begin_second / 86400, monthly_rate, 86400 - begin_second % 86400, 1, 0),
            (end_second / 86400, -monthly_rate, 86400 - end_second % 86400, 0, 1)
        ) AS change (day, rate, seconds, begun, ended)
        WHERE begun = 1 OR end_second < 9223372036854775807
        UNION ALL
        SELECT -1 AS sign, organization, plan, region, currency, hours_per_month, change.*
        FROM old_rows CROSS JOIN LATERAL (VALUES
            (begin_second / 86400, monthly_rate, 86400 - begin_second % 86400, 1, 0),
            (end_second / 86400, -monthly_rate, 86400 - end_second % 86400, 0, 1)
        ) AS change (day, rate, seconds, begun, ended)
        WHERE begun = 1 OR end_second < 9223372036854775807
    ) AS changed
    GROUP BY day, organization, plan, region, currency, hours_per_month
    HAVING sum(sign * rate) <> 0 OR sum(sign * rate * seconds) <> 0
        OR sum(sign * begun) <> 0 OR sum(sign * ended) <> 0;
    RETURN NULL;
END
$$;

CREATE FUNCTION note_removed_costs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cost_day_changes
    SELECT day, organization, plan, region, currency, hours_per_month, sum(sign * rate),
        sum(sign * rate * seconds), sum(sign * begun), sum(sign * ended)
    FROM (
        SELECT -1 AS sign, organization, plan, region, currency, hours_per_month, change.*
        FROM old_rows CROSS JOIN LATERAL (VALUES
            (begin_second / 86400, monthly_rate, 86400 - begin_second % 86400, 1, 0),
            (end_second / 86400, -monthly_rate, 86400 - end_second % 86400, 0, 1)
        ) AS change (day, rate, seconds, begun, ended)
        WHERE begun = 1 OR end_second < 9223372036854775807
    ) AS changed
    GROUP BY day, organization, plan, region, currency, hours_per_month
    HAVING sum(sign * rate) <> 0 OR sum(sign * rate * seconds) <> 0
        OR sum(sign * begun) <> 0 OR sum(sign * ended) <> 0;
    RETURN NULL;
END
$$;

CREATE TRIGGER cost_records_added AFTER INSERT ON cost_records
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION note_added_costs();
CREATE TRIGGER cost_records_changed AFTER UPDATE ON cost_records
    REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION note_changed_costs();
CREATE TRIGGER cost_records_removed AFTER DELETE ON cost_records
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION note_removed_costs();

-- What stands already. Making the triggers keeps everybody else from the records until the end.
DO $$
BEGIN
    INSERT INTO cost_days
    SELECT day, organization, plan, region, currency, hours_per_month, sum(sign * rate),
        sum(sign * rate * seconds), sum(sign * begun), sum(sign * ended)
    FROM (
        SELECT 1 AS sign, organization, plan, region, currency, hours_per_month, change.*
        FROM cost_records CROSS JOIN LATERAL (VALUES
            (begin_second / 86400, monthly_rate, 86400 - begin_second % 86400, 1, 0),
            (end_second / 86400, -monthly_rate, 86400 - end_second % 86400, 0, 1)
        ) AS change (day, rate, seconds, begun, ended)
        WHERE begun = 1 OR end_second < 9223372036854775807
    ) AS changed
    GROUP BY day, organization, plan, region, currency, hours_per_month
    HAVING sum(sign * rate) <> 0 OR sum(sign * rate * seconds) <> 0
        OR sum(sign * begun) <> 0 OR sum(sign * ended) <> 0;
END
$$;
