"""The statements of ``store``: events, objects, facts, tokens, the pinned account."""

from services.chassis import queue

# In the order of ids, so that two batches that overlap wait for each other in one direction. Who
# meets a row that another transaction is inserting waits for its commit; a row that was updated
# rather than inserted has an xmax.
PUT_EVENTS = f"""
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bool[],
        $7::text[], $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::timestamptz[],
        $13::int[], $14::text[], $15::text[], $16::text[], $17::bytea[], $18::int[], $19::float8[])
        AS row (provider, event_id, type, object_id, account, livemode, api_version, created,
            root_key, state, reason, receive_time, copies, traceparent, shows, key_id, sealed,
            priority, due_in)
), put AS (
    INSERT INTO events AS known (provider, event_id, type, object_id, account, livemode,
        api_version, created, root_key, state, reason, receive_time, deliveries, traceparent, shows)
    SELECT provider, event_id, type, object_id, account, livemode, api_version, created,
        root_key, state, reason, receive_time, copies, traceparent, shows
    FROM given ORDER BY event_id
    ON CONFLICT (provider, event_id) DO UPDATE
        SET deliveries = known.deliveries + excluded.deliveries
    RETURNING provider, event_id, xmax = 0 AS new
), bodies AS (
    INSERT INTO event_bodies (provider, event_id, key_id, sealed, receive_time)
    SELECT provider, event_id, key_id, sealed, receive_time
    FROM given JOIN put USING (provider, event_id) WHERE new
), wanted AS (
    SELECT root_key AS key, max(priority) AS priority, min(due_in) AS due_in
    FROM given JOIN put USING (provider, event_id)
    WHERE new AND root_key IS NOT NULL AND due_in IS NOT NULL GROUP BY root_key
), asked AS ({queue.enqueue_rows("wanted", "$20")})
SELECT event_id, new FROM put
"""  # noqa: S608 - built of constants

_EVENT_COLUMNS = """
provider, event_id, type, object_id, account, livemode, api_version, created, root_key, state,
reason, receive_time, deliveries, replay, traceparent, shows
"""

EVENT = f"""
SELECT {_EVENT_COLUMNS} FROM events WHERE provider = $1 AND event_id = $2 FOR UPDATE
"""  # noqa: S608 - built of constants

# A first page begins at infinity, so that the index finds every page's begin.
_AFTER = """
(receive_time, event_id) < (coalesce($1::timestamptz, 'infinity'), coalesce($2::text, ''))
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

_OPEN = "state IN ('PENDING', 'FAILED')"

BODY = "SELECT key_id, sealed FROM event_bodies WHERE provider = $1 AND event_id = $2"

SETTLE = f"""
WITH asked AS ({queue.withdrawal("$5", "$6", "$7")})
UPDATE events SET state = $3, reason = $4, replay = replay AND $3 <> 'DONE', settled_at = now()
WHERE provider = $1 AND event_id = ANY($2::text[])
"""  # noqa: S608 - built of constants

DROP_BODIES = """
DELETE FROM event_bodies WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM event_bodies WHERE receive_time < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))
RETURNING true
"""

# In the order that is asked for, so that two that overlap wait in one direction. A row that is
# there is written as it is if a later fetch wrote it. ``before`` may be older than the row that was
# waited for: then what another fetch has just raised is said to be raised once more. It looks one
# by one: a join may be planned as a look at the whole table.
PUT_OBJECTS = """
WITH seen AS (
    SELECT * FROM unnest($4::text[], $5::text[], $6::bytea[], $7::jsonb[]) WITH ORDINALITY
        AS row (kind, object_id, digest, summary, place)
), before AS (
    SELECT kind, object_id, (
        SELECT revision FROM provider_objects AS known
        WHERE provider = $1 AND provider_account = $2
            AND known.kind = seen.kind AND known.object_id = seen.object_id
    ) AS revision FROM seen
), put AS (
    INSERT INTO provider_objects AS known (provider, provider_account, kind, object_id, revision,
        ticket, digest, summary)
    SELECT $1, $2, kind, object_id, 1, $3, digest, summary FROM seen ORDER BY place
    ON CONFLICT (provider, provider_account, kind, object_id) DO UPDATE SET
        (revision, ticket, digest, summary, changed_at) = (
            SELECT CASE WHEN later AND other THEN known.revision + 1 ELSE known.revision END,
                greatest(known.ticket, excluded.ticket),
                CASE WHEN later THEN excluded.digest ELSE known.digest END,
                CASE WHEN later THEN excluded.summary ELSE known.summary END,
                CASE WHEN later AND other THEN now() ELSE known.changed_at END
            FROM (SELECT known.ticket < excluded.ticket AS later,
                known.digest <> excluded.digest AS other) AS news)
    RETURNING kind, object_id, revision, ticket
)
SELECT kind, object_id, put.revision, ticket, put.revision > coalesce(before.revision, 0) AS raised
FROM put LEFT JOIN before USING (kind, object_id)
"""

RECORD_FACTS = """
INSERT INTO money_facts (fact_id, type, object_id)
SELECT fact_id, type, object_id FROM unnest($1::text[], $2::text[], $3::text[])
    AS row (fact_id, type, object_id)
ORDER BY fact_id
ON CONFLICT DO NOTHING RETURNING fact_id
"""

# A bucket that fills by $2 a second and holds that much; the clock, not now(), which stands still
# in a transaction.
_FILLED = """
least($2::float8, bucket.tokens
    + $2::float8 * extract(epoch FROM clock_timestamp() - bucket.refill_time)::float8)
"""


def _take_token(condition: str) -> str:
    return f"""
INSERT INTO request_tokens AS bucket (endpoint, tokens, refill_time)
SELECT $1, $2::float8 - 1, clock_timestamp() WHERE {condition}
ON CONFLICT (endpoint) DO UPDATE SET tokens = {_FILLED} - 1, refill_time = clock_timestamp()
    WHERE {_FILLED} >= 1 + $3::float8
RETURNING true
"""


TAKE_TOKEN = _take_token("true")

# One statement and so one snapshot: whatever was asked of a queued object up to the generation that
# is returned here, its event is among these. Events are found first and put in order then: a plan
# for both may follow the order through the whole table.
BEGIN_FOLD = f"""
WITH named AS MATERIALIZED (
    SELECT {_EVENT_COLUMNS}, 0 AS place FROM events
    WHERE provider = $4 AND root_key = $5 AND {_OPEN}
), own AS (
    SELECT * FROM named ORDER BY receive_time, event_id LIMIT $6
), shown AS (
    SELECT DISTINCT unnest(string_to_array(shows, ' ')) AS key FROM own
), others AS MATERIALIZED (
    SELECT {_EVENT_COLUMNS}, 1 AS place FROM events
    WHERE provider = $4 AND root_key = ANY(ARRAY(SELECT key FROM shown)) AND {_OPEN}
), theirs AS (
    SELECT * FROM others ORDER BY receive_time, event_id LIMIT $6
), token AS ({_take_token("EXISTS (SELECT FROM own)")}), ticket AS (
    SELECT nextval('fetch_tickets') AS ticket WHERE EXISTS (SELECT FROM token)
), queued AS MATERIALIZED ({queue.asked("SELECT key FROM shown", "$7")})
SELECT found.*, ticket.ticket, queued.generation
FROM (SELECT * FROM own UNION ALL SELECT * FROM theirs) found
LEFT JOIN ticket ON true LEFT JOIN queued ON queued.key = found.root_key
ORDER BY found.place, found.receive_time, found.event_id
"""  # noqa: S608 - built of constants

BEGIN_FETCH = f"""
WITH token AS ({_take_token("true")}) SELECT nextval('fetch_tickets') FROM token
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
