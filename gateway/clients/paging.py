"""Lists of any service, page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

PAGE_SIZE = 1000


class Paged(Protocol):
    """An answer that may have a next page."""

    next_page_token: str


P = TypeVar("P", bound=Paged)


async def pages(ask: Callable[[str], Awaitable[P]]) -> AsyncIterator[P]:
    """Ask with the token of each page until the last; fewer if the caller stops before."""
    token = ""
    while True:
        page = await ask(token)
        yield page
        token = page.next_page_token
        if not token:
            return
