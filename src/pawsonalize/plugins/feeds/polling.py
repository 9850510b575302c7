"""Feeds at addresses: the file that lists them, fetching their pages, and doing so on schedules.

```yaml
north:
  url: https://api.example.org/v5/public/animals/search/available
  format: rescuegroups
  headers: {Authorization: "${RESCUEGROUPS_KEY}"}
  schedule: rate(1 hour)
  complete: true
```

`${NAME}` stands for an environment variable, or for the content of the file that `NAME_FILE` names,
so that secrets need not be in the file. Each feed is fetched once, by whichever server is first.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import msgspec

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.checks import Check, CheckedService, Diagnosis, attention, fine
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import Conflict, InvalidInput, NotFetched, NotFound, PawsonalizeError
from pawsonalize.core.fetch import (
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
from pawsonalize.core.logs import get_logger
from pawsonalize.core.roles import WORK
from pawsonalize.core.times import HOUR, MINUTE, iso
from pawsonalize.core.work.leases import Leases
from pawsonalize.core.work.problems import Problems
from pawsonalize.core.work.tasks import LOOK_SECONDS, Task, at_the_moment
from pawsonalize.plugins.feeds import FeedSettings
from pawsonalize.plugins.feeds.formats import DETECTED, FeedForm, read_feed
from pawsonalize.plugins.feeds.importing import (
    FeedImport,
    FeedReport,
    import_feed,
    keep_newest_import,
)
from pawsonalize.plugins.feeds.mapping import ValueMapping
from pawsonalize.plugins.feeds.rows import read_yaml
from pawsonalize.resources.kind import Resource, is_name
from pawsonalize.resources.registry import Registry
from pawsonalize.train.retraining.schedule import read_schedule


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


if TYPE_CHECKING:
    from pawsonalize.operations.services import Services


class FeedState(Resource, frozen=True, kw_only=True):
    """The state of the feed of this name; moments are milliseconds since 1970.

    `fingerprint` is that of its settings, `tick` the newest done tick of its schedule, `said` the
    result of the last attempt, at `looked_at`. After `attempts` failures the next is `not_before`.
    """

    kind: ClassVar[str] = "feed"

    fingerprint: str = ""
    etag: str = ""
    modified: str = ""
    tick: int = 0
    not_before: int = 0
    attempts: int = 0
    looked_at: int = 0
    imported_at: int = msgspec.field(default=0, name="taken_at")
    result: str = msgspec.field(default="", name="said")
    failed: bool = False
    requested_at: int = 0
    """The moment when a fetch was requested last, as the feed has changed."""

    @property
    def is_requested(self) -> bool:
        """True if it has changed since it was looked at; an import that runs may miss that."""
        return self.requested_at > self.looked_at


# A problem outlasts the wait for the next attempt; a feed that is no longer listed leaves none.
_STANDS = 3 * HOUR
_LONGEST_RESULT = 1_000
_LATE = HOUR
_FIRST_WAIT, _LONGEST_WAIT = MINUTE, HOUR

log = get_logger()


class Polling(msgspec.Struct):
    """Fetches and imports the feeds that are due, under a lease; twice the same changes nothing."""

    feeds: Mapping[str, ListedFeed]
    registry: Registry
    animals: Animals
    problems: Problems
    leases: Leases
    stopped: Callable[[], bool] = NEVER
    _begun: set[str] = msgspec.field(default_factory=set)

    def look(self, now: int) -> int:
        """Take the feeds that are due, and return how many those were, failures included."""
        count = 0
        for name, feed in self.feeds.items():
            tick = feed.latest(now)
            if tick is None and self.state(name, now).is_requested:
                tick = 0
            if tick is None or self.stopped():
                continue
            source = self._with_meanings(feed.source)
            if self._is_due(name, source, tick, now):
                with self.leases.held(f"feed.{name}") as lease:
                    # Another server may have taken it since.
                    if lease is not None and self._is_due(name, source, tick, now):
                        self._begun.add(fingerprint(source))
                        count += 1
                        with suppress(PawsonalizeError):  # the problem says what it is
                            report = self._import(source, self.state(name, now), tick, now)
                            if report is not None:
                                log.info("feed taken", feed=name, result=report.in_words())
        return count

    def _with_meanings(self, source: FeedSource) -> FeedSource:
        return replace(source, how=source.how.with_meanings(self.registry))

    def _is_due(self, name: str, source: FeedSource, tick: int, now: int) -> bool:
        state, mark = self.state(name, now), fingerprint(source)
        # Servers with different settings must not compete: each begins anew once.
        is_new = state.fingerprint != mark and mark not in self._begun
        return is_new or ((tick > state.tick or state.is_requested) and now >= state.not_before)

    def request_fetch(self, name: str, now: int) -> None:
        """Make a feed due, as its source has changed; NotFound for one that is not listed."""
        if name not in self.feeds:
            listed = ", ".join(self.feeds) or "none: set feeds_file"
            raise NotFound(f"there is no feed {name[:100]}: those listed are {listed}")
        self.state(name, now)
        self.registry.assign(FeedState, name, now, requested_at=now)

    def take(
        self, name: str, source: FeedSource, now: int, *, allow_shrink: bool = False
    ) -> FeedReport | None:
        """Take a feed now, due or not; None if unchanged. Conflict while a server takes it."""
        with self.leases.held(f"feed.{name}") as lease:
            if lease is None:
                raise Conflict(f"feed {name} is being fetched by another process: wait for it")
            state = self.state(name, now)
            source = self._with_meanings(source)
            return self._import(source, state, state.tick, now, allow_shrink)

    def state(self, name: str, now: int) -> FeedState:
        """The state of a feed."""
        return self.registry.ensure(FeedState(name=name), now)

    def _import(
        self, source: FeedSource, state: FeedState, tick: int, now: int, allow_shrink: bool = False
    ) -> FeedReport | None:
        try:
            report, changes = self._fetched(source, state, now, allow_shrink)
        except Exception as error:
            reason = error.message if isinstance(error, PawsonalizeError) else repr(error)
            if not self.stopped():
                again = now + min(_FIRST_WAIT << min(state.attempts, 16), _LONGEST_WAIT)
                failed: dict[str, object] = {"attempts": state.attempts + 1, "not_before": again}
                if state.fingerprint != (mark := fingerprint(source)):  # it was another feed's
                    failed |= {"fingerprint": mark, "etag": "", "modified": "", "tick": 0}
                self._save(state, now, **failed, result=reason, failed=True)
                self.problems.report(f"feed: {state.name}", reason, now, within=_STANDS)
            raise
        done = {"tick": tick, "attempts": 0, "not_before": 0, "failed": False, "imported_at": now}
        self._save(state, now, **done, **changes)
        self.problems.clear(f"feed: {state.name}", now)
        return report

    def _fetched(
        self, source: FeedSource, state: FeedState, now: int, allow_shrink: bool
    ) -> tuple[FeedReport | None, dict[str, object]]:
        mark = fingerprint(source)
        same = state.fingerprint == mark
        known = Validators(state.etag, state.modified) if same else Validators()
        pages = source.fetched(known, self.stopped)
        if not pages:
            return None, {"result": "not changed since"}
        how = msgspec.structs.replace(source.how, allow_shrink=allow_shrink)
        report = replace(source, how=how).import_pages(self.animals, pages, now)
        keep_newest_import(self.registry, state.name, how.source, report, now)
        if report.is_refused:
            first = report.rejected[0]
            text = f"all {report.rows:,} rows were rejected; the first, {first.place}"
            raise NotFetched(f"{text}: {first.reason}")
        found = pages[0].validators if len(pages) == 1 else UNKNOWN
        seen = {"fingerprint": mark, "etag": found.etag, "modified": found.modified}
        result = " ".join([report.in_words(), *report.notes])
        return report, {**seen, "result": result[:_LONGEST_RESULT]}

    def _save(self, state: FeedState, now: int, **changes: object) -> None:
        self.registry.assign(FeedState, state.name, now, looked_at=now, **changes)


def fingerprint(source: FeedSource) -> str:
    """Changes with any of a feed's settings, so that the feed is fetched again."""
    settings = (source.url, sorted(source.headers.items()), source.form, source.how)
    return sha256(repr(settings).encode()).hexdigest()


def listed_feeds(settings: Settings) -> dict[str, ListedFeed]:
    """Return the feeds by name; none without a file. InvalidInput if it cannot be used."""
    file = settings.part(FeedSettings).feeds_file
    return read_feeds(Path(file), os.environ) if file else {}


def polling(
    settings: Settings, adapters: Adapters, stopped: Callable[[], bool] = lambda: False
) -> Polling:
    """The polling of the feeds."""
    feeds, problems = listed_feeds(settings), adapters.problems
    return Polling(feeds, adapters.registry, adapters.animals, problems, adapters.leases, stopped)


class Fetching(msgspec.Struct, frozen=True):
    """The polling of the feeds in a running server, and its thread."""

    polling: Polling
    threads: ThreadPoolExecutor


@contextmanager
def started(adapters: Adapters, _services: "Services") -> Iterator[Fetching]:
    """Yield the polling and its thread; an import that runs ends when the block does."""
    stopping = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="feeds") as threads:
        try:
            yield Fetching(polling(adapters.settings, adapters, stopping.is_set), threads)
        finally:
            stopping.set()


def tasks(adapters: Adapters, _services: "Services", fetching: Fetching) -> Iterator[Task]:
    """Yield the task that fetches the feeds which are due."""
    if adapters.settings.has_role(WORK):
        look = at_the_moment(fetching.polling.look)
        yield Task("fetch feeds", LOOK_SECONDS, look, fetching.threads)


USABLE = (listed_feeds,)


def feeds(service: CheckedService) -> Iterator[Diagnosis]:
    """Find feeds that are late or could not be read."""
    try:
        poll = polling(service.settings, service.adapters)
    except PawsonalizeError as error:
        yield attention(str(error))
        return
    if not poll.feeds:
        yield fine("none is listed (feeds_file)")
    for name, feed in poll.feeds.items():
        state, due = poll.state(name, service.now), feed.latest(service.now)
        again = f"mend it, then run `pawsonalize animals fetch {name}`"
        if state.failed:
            text = f"failed {iso(state.looked_at)}: {state.result}"
            yield attention(text, again, about=f"feed {name}")
        elif due is not None and due > state.tick and service.now - due > _LATE:
            yield attention(
                f"it was due {iso(due)} by {feed.schedule}, and was {_fetched(state)}",
                "start a server whose roles have `work`, or run `pawsonalize animals fetch"
                f" {name}`",
                about=f"feed {name}",
            )
        else:
            yield fine(f"{_fetched(state)}: {state.result}".rstrip(": "), about=f"feed {name}")


def _fetched(state: FeedState) -> str:
    return f"last fetched {iso(state.imported_at)}" if state.imported_at else "never fetched"


CHECKS = (Check("feeds", feeds),)
