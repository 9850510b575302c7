"""Feeds at addresses on their schedules: each is fetched once, by whichever server is first."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec
import structlog

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.background import at_the_moment
from pawsonalize.app.checks import Check, CheckedService, Diagnosis, attention, fine
from pawsonalize.domain.errors import Conflict, NotFetched, NotFound, PawsonalizeError
from pawsonalize.domain.roles import WORK
from pawsonalize.domain.times import HOUR, MINUTE, iso
from pawsonalize.fetch import Validators
from pawsonalize.kinds.problems import Problems
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.resource import Resource
from pawsonalize.settings import Settings
from pawsonalize.storage.animals.animals import Animals
from pawsonalize.wings.feeds import FeedSettings
from pawsonalize.wings.feeds.importing import FeedReport, keep_newest_import
from pawsonalize.wings.feeds.sources import NEVER, FeedSource, ListedFeed, read_feeds, validators_of
from pawsonalize.work.leases import Leases

if TYPE_CHECKING:
    from pawsonalize.access.services import Services
    from pawsonalize.app.background import Task


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

log = structlog.get_logger()


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
        found = validators_of(pages)
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
def started(settings: Settings, adapters: Adapters, _services: "Services") -> Iterator[Fetching]:
    """Yield the polling and its thread; an import that runs ends when the block does."""
    stopping = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="feeds") as threads:
        try:
            yield Fetching(polling(settings, adapters, stopping.is_set), threads)
        finally:
            stopping.set()


def tasks(
    settings: Settings, _adapters: Adapters, _services: "Services", fetching: Fetching
) -> Iterator["Task"]:
    """Yield the task that fetches the feeds which are due."""
    from pawsonalize.app import background  # noqa: PLC0415 - checks do not need it

    if settings.has_role(WORK):
        look = at_the_moment(fetching.polling.look)
        yield background.Task("fetch feeds", background.LOOK_SECONDS, look, fetching.threads)


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
