"""The statements of ``store.commerce``: operations, pages, customers."""

_OPERATION = """
id, kind, account_id, provider, provider_account, deployment, parameters, parameters_hash,
object_id, state, ask, quote, attempt, result, created_at,
coalesce(extract(epoch FROM clock_timestamp() - keyed_at), 0)::float8 AS key_age
"""

PUT_OPERATION = """
INSERT INTO operations (id, kind, account_id, provider, provider_account, deployment, parameters,
    parameters_hash, object_id, state, ask, quote, attempt, result)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""

PUT_OPERATION_ONCE = f"{PUT_OPERATION} ON CONFLICT (id) DO NOTHING"

OPERATION = f"SELECT {_OPERATION} FROM operations WHERE id = $1"  # noqa: S608 - built of constants

LOCK_KIND = "SELECT pg_advisory_xact_lock(hashtextextended('operations of ' || $1 || ' ' || $2, 0))"

UNDER_WAY = """
SELECT id FROM operations WHERE account_id = $1 AND kind = $2 AND state = 'STARTED' ORDER BY id
"""

# `object_id` stays once it is set: only the object that the operation made has it.
OPERATION_MADE = """
UPDATE operations SET object_id = $2, state = 'MADE' WHERE id = $1 AND object_id = ''
"""

PREPARE_OPERATION = """
UPDATE operations SET parameters = $2, parameters_hash = $3, keyed_at = clock_timestamp()
WHERE id = $1 AND parameters = ''
"""

AMEND_OPERATION = """
UPDATE operations SET parameters = $3, parameters_hash = $4 WHERE id = $1 AND parameters_hash = $2
"""

RENEW_OPERATION = """
UPDATE operations SET attempt = attempt + 1, keyed_at = clock_timestamp()
WHERE id = $1 AND attempt = $2
"""

FINISH_OPERATION = """
UPDATE operations SET state = $2, object_id = $3, result = $4 WHERE id = $1 AND state = 'STARTED'
RETURNING true
"""

_PLACE = """
operation_id, account_id, provider, provider_account, quote, ask_hash, session_id, state,
expire_time
"""

# Waits for another that inserts for the same account.
TAKE_PLACE = """
INSERT INTO checkouts (operation_id, account_id, provider, provider_account, quote, ask_hash,
    expire_time, state)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'OPEN')
ON CONFLICT DO NOTHING
"""

TAKEN_PLACE = f"""
SELECT {_PLACE} FROM checkouts
WHERE account_id = $1 AND provider = $2 AND provider_account = $3 AND state = 'OPEN' FOR UPDATE
"""  # noqa: S608 - built of constants

PLACE = f"SELECT {_PLACE} FROM checkouts WHERE operation_id = $1"  # noqa: S608 - constants

PLACE_OF = f"""
SELECT {_PLACE} FROM checkouts
WHERE provider = $1 AND provider_account = $2 AND session_id = $3 AND session_id <> ''
"""  # noqa: S608 - built of constants

FILL_PLACE = "UPDATE checkouts SET session_id = $2, expire_time = $3 WHERE operation_id = $1"

LEAVE_PLACE = "UPDATE checkouts SET state = $2 WHERE operation_id = $1 AND state = 'OPEN'"

CUSTOMER_OF = """
SELECT customer_id FROM customers
WHERE account_id = $1 AND provider = $2 AND provider_account = $3
"""

ACCOUNT_OF_CUSTOMER = """
SELECT account_id FROM customers
WHERE provider = $1 AND provider_account = $2 AND customer_id = $3
"""

BIND_CUSTOMER = """
INSERT INTO customers (account_id, provider, provider_account, customer_id)
VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""

FACT_RECORDED = "SELECT EXISTS (SELECT FROM money_facts WHERE fact_id = $1)"
