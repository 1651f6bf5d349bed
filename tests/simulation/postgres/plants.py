"""Known bugs of SQL that no in-memory store can show; planted while a context lasts."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from services.subscription.store import ledger

# Under READ COMMITTED a statement that has waited for a row sees that row anew, and no other.
_STALE = """
    UPDATE credit_pools SET posted = seen.posted + $3, held = seen.held + $4,
        debt = seen.debt + $5, last_sequence = credit_pools.last_sequence + 1
    FROM (SELECT * FROM credit_pools WHERE account = $1 AND pool = $2) AS seen
    WHERE credit_pools.account = $1 AND credit_pools.pool = $2
        AND (seen.posted + $3) - (seen.held + $4) >= 0
    RETURNING credit_pools.last_sequence, credit_pools.posted, credit_pools.held
"""


@contextmanager
def spends_what_it_saw() -> Iterator[None]:
    """A debit reckons with the balance that its statement saw before it waited (rule 18)."""
    head, rest = ledger._POST.split("WITH moved AS (", 1)
    _, tail = rest.split("\n)\n", 1)
    with patch.object(ledger, "_POST", f"{head}WITH moved AS ({_STALE})\n{tail}"):
        yield
