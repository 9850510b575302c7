"""Feeds at addresses: their names, and how they are fetched, page by page."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import msgspec

from pawsonalize.domain.errors import NotFetched
from pawsonalize.engine.ingest.inventory.inventory import Inventory
from pawsonalize.fetch import (
    MAX_BYTES,
    TOTAL_SECONDS,
    Fetched,
    Limits,
    Validators,
    fetch,
    safe_address,
    same_origin,
)
from pawsonalize.storage.animals.animals import Animals
from pawsonalize.wings.feeds.formats import DETECTED, FeedForm, read_feed
from pawsonalize.wings.feeds.importing import FeedImport, FeedReport, import_feed


class _Link(msgspec.Struct, frozen=True):
    href: str | None = None


class _Links(msgspec.Struct, frozen=True):
    next: _Link | str | None = None


class _Pagination(msgspec.Struct, frozen=True):
    """Petfinder's: `{"current_page": 1, "total_pages": 9, "_links": {"next": {"href": …}}}`."""

    current_page: int | None = None
    total_pages: int | None = None
    links: _Links = msgspec.field(default_factory=_Links, name="_links")


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    """RescueGroups': `{"pageReturned": 1, "pages": 9}`."""

    page_returned: int | None = None
    pages: int | None = None


class _Page(msgspec.Struct, frozen=True):
    pagination: _Pagination = msgspec.field(default_factory=_Pagination)
    meta: _Meta = msgspec.field(default_factory=_Meta)
    links: _Links = msgspec.field(default_factory=_Links)  # JSON:API's


_PAGE = msgspec.json.Decoder(_Page)


def next_page(url: str, content: bytes) -> str | None:
    """The address of the page after this one; None after the last, and if there are no pages."""
    page = None
    if content.lstrip()[:1] == b"{":
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            page = _PAGE.decode(content)
    if page is None:
        return None
    for link in (page.pagination.links.next, page.links.next):
        href = link.href if isinstance(link, _Link) else link
        if href:
            return urljoin(url, href)
    for current, last in (
        (page.pagination.current_page, page.pagination.total_pages),
        (page.meta.page_returned, page.meta.pages),
    ):
        if current is not None and last is not None and current < last:
            return _numbered(url, current + 1)
    return None


def _numbered(url: str, page: int) -> str:
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query, True) if pair[0] != "page"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("page", page)])))


_MAX_PAGES = 2_000
NEVER: Callable[[], bool] = lambda: False  # noqa: E731  # a value, and a default
UNKNOWN = Validators()
_AS_USUAL = FeedImport()


@dataclass(frozen=True, slots=True)
class FeedSource:
    """A feed at an address. Its headers may be secrets, and so may parts of the address."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: FeedForm = DETECTED
    how: FeedImport = _AS_USUAL

    def fetched(
        self, known: Validators = UNKNOWN, stopped: Callable[[], bool] = NEVER
    ) -> list[Fetched]:
        """Its pages, in order; none if it has not changed since `known`.

        NotFetched if one page could not be fetched: a part of a complete feed is worse than none.
        """
        deadline = time.monotonic() + TOTAL_SECONDS
        first = fetch(self.url, self.headers, known, stopped=stopped)
        if first is None:
            return []
        pages, size, seen = [first], len(first.content), {self.url}
        while (url := next_page(pages[-1].url, pages[-1].content)) is not None:
            if not same_origin(self.url, url):
                raise NotFetched(f"the next page of {safe_address(self.url)} is on another server")
            if url in seen or len(pages) >= _MAX_PAGES:
                raise NotFetched(f"the pages of {safe_address(self.url)} have no end")
            seen.add(url)
            left = Limits(total=max(deadline - time.monotonic(), 0.0))
            page = fetch(url, self.headers, limits=left, stopped=stopped)
            assert page is not None, "nothing was known of it"
            pages.append(page)
            size += len(page.content)
            if size > MAX_BYTES:
                raise NotFetched(f"{safe_address(self.url)} has more than {MAX_BYTES >> 20} MB")
        return pages

    def taken(self, animals: Animals, pages: Sequence[Fetched], now: int) -> FeedReport:
        """Import its pages, as of the moment when they were changed, if the server gave one."""
        rows, notes = read_feed([page.content for page in pages], self.form, self.url)
        changed = pages[0].modified_at if len(pages) == 1 else None
        told_at = now if changed is None else min(changed, now)
        report = import_feed(Inventory(animals), animals, rows, self.how, told_at, now)
        report.notes[:0] = notes
        return report


def validators_of(pages: Sequence[Fetched]) -> Validators:
    """The headers for the next request; none for several pages, since the first is not all."""
    return pages[0].validators if len(pages) == 1 else UNKNOWN
