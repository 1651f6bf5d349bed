-- Who is to be told of an alert, written with it: a row for each message and target. The queue
-- "alert-deliveries" holds the names of those that are due.
CREATE TABLE alert_deliveries (
    name        text COLLATE "C" PRIMARY KEY,
    alert       text COLLATE "C" NOT NULL REFERENCES budget_alerts (name),
    budget      text COLLATE "C" NOT NULL,
    channel     text        NOT NULL CHECK (channel IN ('MAIL', 'WEBHOOK')),
    target      text        NOT NULL,
    subject     text        NOT NULL,
    body        text        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('PENDING', 'DELIVERED', 'GIVEN_UP')),
    attempts    integer     NOT NULL,
    last_error  text        NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    update_time timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX alert_deliveries_alert ON alert_deliveries (alert);
