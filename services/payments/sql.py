"""The statements of ``store``: events, objects, facts, tokens, the pinned account."""

# In the order of ids, so that two batches that overlap wait for each other in one direction. Who
# meets a row that another transaction is inserting waits for its commit; a row that was updated
# rather than inserted has an xmax.
PUT_EVENTS = """
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bool[],
        $7::text[], $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::timestamptz[],
        $13::int[], $14::text[], $15::text[], $16::bytea[])
        AS row (provider, event_id, type, object_id, account, livemode, api_version, created,
            root_key, state, reason, receive_time, copies, traceparent, key_id, sealed)
), put AS (
    INSERT INTO events AS known (provider, event_id, type, object_id, account, livemode,
        api_version, created, root_key, state, reason, receive_time, deliveries, traceparent)
    SELECT provider, event_id, type, object_id, account, livemode, api_version, created,
        root_key, state, reason, receive_time, copies, traceparent
    FROM given ORDER BY event_id
    ON CONFLICT (provider, event_id) DO UPDATE
        SET deliveries = known.deliveries + excluded.deliveries
    RETURNING provider, event_id, xmax = 0 AS new
), bodies AS (
    INSERT INTO event_bodies (provider, event_id, key_id, sealed, receive_time)
    SELECT provider, event_id, key_id, sealed, receive_time
    FROM given JOIN put USING (provider, event_id) WHERE new
)
SELECT event_id, new FROM put
"""

_EVENT_COLUMNS = """
provider, event_id, type, object_id, account, livemode, api_version, created, root_key, state,
reason, receive_time, deliveries, replay, traceparent
"""

EVENT = f"""
SELECT {_EVENT_COLUMNS} FROM events WHERE provider = $1 AND event_id = $2 FOR UPDATE
"""  # noqa: S608 - built of constants

_AFTER = """
($1::timestamptz IS NULL OR (receive_time, event_id) < ($1::timestamptz, $2::text))
"""

LIST_EVENTS = f"""
SELECT {_EVENT_COLUMNS} FROM events WHERE {_AFTER}
ORDER BY receive_time DESC, event_id DESC LIMIT $3
"""  # noqa: S608 - built of constants

LIST_EVENTS_IN_STATE = f"""
SELECT {_EVENT_COLUMNS} FROM events WHERE {_AFTER} AND state = $4
ORDER BY receive_time DESC, event_id DESC LIMIT $3
"""  # noqa: S608 - built of constants

REOPEN = """
UPDATE events SET state = $3, reason = $4, root_key = $5, replay = true, settled_at = NULL
WHERE provider = $1 AND event_id = $2
"""

OPEN_EVENTS = f"""
SELECT {_EVENT_COLUMNS} FROM events
WHERE provider = $1 AND root_key = $2 AND state IN ('PENDING', 'FAILED')
ORDER BY receive_time, event_id LIMIT $3
"""  # noqa: S608 - built of constants

BODY = "SELECT key_id, sealed FROM event_bodies WHERE provider = $1 AND event_id = $2"

SETTLE = """
UPDATE events SET state = $3, reason = $4, replay = replay AND $3 <> 'DONE', settled_at = now()
WHERE provider = $1 AND event_id = ANY($2::text[])
"""

DROP_BODIES = """
DELETE FROM event_bodies WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM event_bodies WHERE receive_time < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))
RETURNING true
"""

NEXT_TICKET = "SELECT nextval('fetch_tickets')"

MAKE_OBJECT = """
INSERT INTO provider_objects (provider, provider_account, kind, object_id)
VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""

_OBJECT = "provider = $1 AND provider_account = $2 AND kind = $3 AND object_id = $4"

LOCK_OBJECT = f"""
SELECT revision, ticket, digest FROM provider_objects WHERE {_OBJECT} FOR UPDATE
"""  # noqa: S608 - built of constants

SAVE_OBJECT = f"""
UPDATE provider_objects SET revision = $5, ticket = $6, digest = $7, summary = $8,
    changed_at = CASE WHEN revision = $5 THEN changed_at ELSE now() END
WHERE {_OBJECT}
"""  # noqa: S608 - built of constants

RECORD_FACT = """
INSERT INTO money_facts (fact_id, type, object_id) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING RETURNING true
"""

# A bucket that fills by $2 a second and holds that much; the clock, not now(), which stands still
# in a transaction.
_FILLED = """
least($2::float8, bucket.tokens
    + $2::float8 * extract(epoch FROM clock_timestamp() - bucket.refill_time)::float8)
"""

TAKE_TOKEN = f"""
INSERT INTO request_tokens AS bucket (endpoint, tokens, refill_time)
VALUES ($1, $2::float8 - 1, clock_timestamp())
ON CONFLICT (endpoint) DO UPDATE SET tokens = {_FILLED} - 1, refill_time = clock_timestamp()
    WHERE {_FILLED} >= 1 + $3::float8
RETURNING true
"""  # noqa: S608 - built of constants

TOKEN_WAIT = f"""
SELECT greatest(0.01, (1 + $3::float8 - {_FILLED}) / $2::float8) FROM request_tokens AS bucket
WHERE endpoint = $1
"""  # noqa: S608 - built of constants

PINNED = "SELECT account, livemode FROM provider_accounts WHERE provider = $1"

PIN = """
INSERT INTO provider_accounts (provider, account, livemode) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING
"""
