"""Feeds at addresses: the file that lists them, and fetching them page by page.

```yaml
north:
  url: https://api.example.org/v5/public/animals/search/available
  format: rescuegroups
  headers: {Authorization: "${RESCUEGROUPS_KEY}"}
  schedule: rate(1 hour)
  complete: true
```

`${NAME}` stands for an environment variable, or for the content of the file that `NAME_FILE` names,
so that secrets need not be in the file.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import msgspec

from pawsonalize.domain.errors import InvalidInput, NotFetched
from pawsonalize.engine.training.retraining.schedule import read_schedule
from pawsonalize.fetch import (
    MAX_BYTES,
    TOTAL_SECONDS,
    Fetched,
    Limits,
    Validators,
    check_url,
    fetch,
    origin_of,
    safe_address,
)
from pawsonalize.kinds.resource import is_name
from pawsonalize.storage.animals.animals import Animals
from pawsonalize.wings.feeds.formats import DETECTED, FeedForm, read_feed
from pawsonalize.wings.feeds.importing import FeedImport, FeedReport, import_feed
from pawsonalize.wings.feeds.mapping import ValueMapping
from pawsonalize.wings.feeds.rows import read_yaml


class _Link(msgspec.Struct, frozen=True):
    href: str | None = None


class _Links(msgspec.Struct, frozen=True):
    next: _Link | str | None = None


class _Pagination(msgspec.Struct, frozen=True):
    current_page: int | None = None
    total_pages: int | None = None
    links: _Links = msgspec.field(default_factory=_Links, name="_links")


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    page_returned: int | None = None
    pages: int | None = None


class _Page(msgspec.Struct, frozen=True):
    has_more: bool = False  # Shelterluv's
    exceeded_transfer_limit: bool = msgspec.field(default=False, name="exceededTransferLimit")
    end_number: int | str = 0  # Adopt-a-Pet's
    total_pets: int | str = 0
    animals: list[msgspec.Raw] = []
    features: list[msgspec.Raw] = []
    pagination: _Pagination = msgspec.field(default_factory=_Pagination)
    meta: _Meta = msgspec.field(default_factory=_Meta)
    links: _Links = msgspec.field(default_factory=_Links)  # JSON:API's


_PAGE = msgspec.json.Decoder(_Page)
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_MAX_PAGES = 2_000
_VARIABLE = re.compile(r"\$\{(\w+)\}")
NEVER: Callable[[], bool] = lambda: False  # noqa: E731  # a value, and a default
UNKNOWN = Validators()
_AS_USUAL = FeedImport()


def next_page(url: str, content: bytes) -> str | None:
    """The address of the page after this one; None after the last, and if there are no pages."""
    try:
        # Socrata's pages are lists, and say nothing of others.
        is_list = content.lstrip()[:1] == b"["
        page = _Page() if is_list else _PAGE.decode(content)
        full = len(_LIST.decode(content)) if is_list and "$limit" in url else 0
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    for link in (page.pagination.links.next, page.links.next):
        href = link.href if isinstance(link, _Link) else link
        if href:
            return urljoin(url, href)
    query = dict(parse_qsl(urlsplit(url).query, True))
    for current, last in (
        (page.pagination.current_page, page.pagination.total_pages),
        (page.meta.page_returned, page.meta.pages),
    ):
        if current is not None and last is not None and current < last:
            return _with(url, query, page=current + 1)
    for more, offset, count in (
        (page.has_more, "offset", len(page.animals)),
        (page.exceeded_transfer_limit, "resultOffset", len(page.features)),
        (str(full) == query.get("$limit"), "$offset", full),
    ):
        if more and count:
            return _with(url, query, **{offset: _number(query.get(offset)) + count})
    first, last = _number(page.end_number) + 1, _number(page.total_pets)
    if 1 < first <= last:
        length = first - _number(query.get("start_number") or 1)
        return _with(url, query, start_number=first, end_number=first + length - 1)
    return None


def _with(url: str, query: Mapping[str, str], **changed: int) -> str:
    changed_query = urlencode({**query, **changed}, safe="$")
    return urlunsplit(urlsplit(url)._replace(query=changed_query))


def _number(value: str | int | None) -> int:
    text = str(value)
    return int(text) if text.isdecimal() and len(text) < 10 else 0


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
        """Return its pages; none if it has not changed since `known`.

        NotFetched if one page is missing: a part of a complete feed is worse than none.
        """
        deadline = time.monotonic() + TOTAL_SECONDS
        first = fetch(self.url, self.headers, known, stopped=stopped)
        if first is None:
            return []
        pages, size, seen = [first], len(first.content), {self.url}
        while (url := next_page(pages[-1].url, pages[-1].content)) is not None:
            if origin_of(self.url) != origin_of(url):
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

    def import_pages(self, animals: Animals, pages: Sequence[Fetched], now: int) -> FeedReport:
        """Import its pages, as of the moment when they were changed, if the server gave one."""
        rows, notes = read_feed([page.content for page in pages], self.form, self.url)
        changed = pages[0].modified_at if len(pages) == 1 else None
        true_at = now if changed is None else min(changed, now)
        report = import_feed(animals, rows, self.how, true_at, now)
        report.notes[:0] = notes
        return report


def validators_of(pages: Sequence[Fetched]) -> Validators:
    """The headers for the next request; none for several pages, since the first is not all."""
    return pages[0].validators if len(pages) == 1 else UNKNOWN


class FeedEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One feed of the file; the options of `animals import`, and when to fetch it."""

    url: str
    headers: dict[str, str] = {}
    schedule: str = "rate(1 hour)"
    time_zone: str = "UTC"
    format: str | None = None
    complete: bool = False
    source: str = ""
    encoding: str | None = None
    separator: str | None = None
    columns: dict[str, str] = {}
    dates: str | None = None
    map: str | None = None


class ListedFeed(msgspec.Struct, frozen=True):
    """A feed, its schedule as text, and the latest moment up to another at which it was due."""

    source: FeedSource
    schedule: str = ""
    latest: Callable[[int], int | None] = lambda _now: None


def read_feeds(path: Path, environment: Mapping[str, str]) -> dict[str, ListedFeed]:
    """The feeds of a file by their names; InvalidInput names what is wrong, and where."""
    feeds = {}
    has = "a name, and below it the feed"
    content = read_yaml(path, "the feeds file", has, "feeds_file")
    for name, entry in content.items():
        try:
            feeds[str(name)] = _listed(str(name), entry, environment)
        except (InvalidInput, msgspec.ValidationError) as error:
            raise InvalidInput(f"{path}, feed {name}: {error}", field="feeds_file") from error
    _check_apart(feeds)
    return feeds


def filled_in(text: str, environment: Mapping[str, str]) -> str:
    """The text with environment variables in their places; InvalidInput for one not set.

    Where `KEY` is not set, the content of the file that `KEY_FILE` names is its value.
    """

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name in environment:
            return environment[name]
        if (path := environment.get(f"{name}_FILE")) is None:
            raise InvalidInput(
                f"the environment variable {name} is not set: set it, or {name}_FILE to a file"
            )
        try:
            return Path(path).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{name}_FILE cannot be read: {error}") from error

    return _VARIABLE.sub(value, text)


def read_header(text: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """Name and value of a header as HTTP writes it, `Name: value`."""
    name, colon, value = text.partition(":")
    if not colon:
        raise InvalidInput("a header is written Name: value", field="header")
    return checked_header(name.strip(), filled_in(value.strip(), environment))


def checked_header(name: str, value: str) -> tuple[str, str]:
    """The header; InvalidInput, without its value, if it cannot be one."""
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or not value.isprintable():
        raise InvalidInput(f"the header {name!r} is none: write Name: value on one line")
    if not value.isascii():
        raise InvalidInput(f"the header {name} has letters that HTTP does not carry")
    return name, value


def _listed(name: str, content: object, environment: Mapping[str, str]) -> ListedFeed:
    if not is_name(name):
        raise InvalidInput("its name must be of letters, digits, - and _")
    entry = msgspec.convert(content, FeedEntry)
    url = filled_in(entry.url, environment)
    check_url(url)
    headers = dict(
        checked_header(key, filled_in(value, environment)) for key, value in entry.headers.items()
    )
    form = FeedForm.read(entry.format, entry.encoding, entry.separator, entry.columns, entry.dates)
    mapping = ValueMapping.read(None if entry.map is None else Path(entry.map))
    how = FeedImport(entry.source, entry.complete, mapping=mapping)
    latest = read_schedule(entry.schedule, entry.time_zone) or (lambda _now: None)
    return ListedFeed(FeedSource(url, headers, form, how), entry.schedule, latest)


def _check_apart(feeds: Mapping[str, ListedFeed]) -> None:
    """InvalidInput if a complete feed would take another one's animals for gone."""
    sources: dict[str, str] = {}
    complete = {name for name, feed in feeds.items() if feed.source.how.complete}
    for name, feed in feeds.items():
        other = sources.setdefault(feed.source.how.source, name)
        if other != name and complete & {name, other}:
            raise InvalidInput(
                f"feeds {other} and {name} have the same source, and one of them is complete: it"
                " would remove the other's animals. Give each a source of its own",
                field="feeds_file",
            )
