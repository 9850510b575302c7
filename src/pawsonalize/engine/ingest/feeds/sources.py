"""Feeds at addresses: what they are called, how they are fetched, and how they are taken."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pawsonalize.domain.errors import NotFetched
from pawsonalize.engine.ingest.feeds.importing import FeedImport, FeedReport, import_feed
from pawsonalize.engine.ingest.feeds.paging import next_page
from pawsonalize.engine.ingest.feeds.reading import AS_IT_LOOKS, FeedForm, read_feed
from pawsonalize.engine.ingest.inventory.inventory import Inventory
from pawsonalize.fetch.http import (
    MAX_BYTES,
    TOTAL_SECONDS,
    Fetched,
    Limits,
    Validators,
    fetch,
    same_origin,
    shown,
)
from pawsonalize.storage.animals import Animals

_MAX_PAGES = 2_000
NEVER: Callable[[], bool] = lambda: False  # noqa: E731  # a value, and a default
UNKNOWN = Validators()
_AS_USUAL = FeedImport()


@dataclass(frozen=True, slots=True)
class FeedSource:
    """A feed at an address. Its headers may be secrets, and so may parts of the address."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: FeedForm = AS_IT_LOOKS
    how: FeedImport = _AS_USUAL

    def fetched(
        self, known: Validators = UNKNOWN, stopped: Callable[[], bool] = NEVER
    ) -> list[Fetched]:
        """Its pages, in order; none if it has not changed since `known`.

        NotFetched if one of them could not be: a part of a complete feed is worse than none.
        """
        deadline = time.monotonic() + TOTAL_SECONDS
        first = fetch(self.url, self.headers, known, stopped=stopped)
        if first is None:
            return []
        pages, size, seen = [first], len(first.content), {self.url}
        while (url := next_page(pages[-1].url, pages[-1].content)) is not None:
            if not same_origin(self.url, url):
                raise NotFetched(f"the next page of {shown(self.url)} is on another server")
            if url in seen or len(pages) >= _MAX_PAGES:
                raise NotFetched(f"the pages of {shown(self.url)} have no end")
            seen.add(url)
            left = Limits(total=max(deadline - time.monotonic(), 0.0))
            page = fetch(url, self.headers, limits=left, stopped=stopped)
            assert page is not None, "nothing was known of it"
            pages.append(page)
            size += len(page.content)
            if size > MAX_BYTES:
                raise NotFetched(f"{shown(self.url)} has more than {MAX_BYTES >> 20} MB")
        return pages

    def taken(self, animals: Animals, pages: Sequence[Fetched], now: int) -> FeedReport:
        """Import its pages; they are as true as when they were changed, if that was said."""
        rows, notes = read_feed([page.content for page in pages], self.form, self.url)
        changed = pages[0].modified_at if len(pages) == 1 else None
        told_at = now if changed is None else min(changed, now)
        report = import_feed(Inventory(animals), animals, rows, self.how, told_at, now)
        report.notes[:0] = notes
        return report


def validators_of(pages: Sequence[Fetched]) -> Validators:
    """What to ask with the next time: nothing for several pages, since the first is not all."""
    return pages[0].validators if len(pages) == 1 else UNKNOWN
