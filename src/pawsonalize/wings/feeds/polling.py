"""Feeds at addresses on their schedules: each is fetched once, by whichever server is first."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec
import structlog

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.attempts import at_the_moment
from pawsonalize.app.checks import Check, CheckedService, Diagnosis, attention, fine
from pawsonalize.domain.errors import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    NotFetched,
    PawsonalizeError,
)
from pawsonalize.domain.roles import WORK
from pawsonalize.domain.times import HOUR, MINUTE, iso
from pawsonalize.engine.training.retraining.schedule import read_schedule
from pawsonalize.fetch import Validators
from pawsonalize.kinds.leases import Leases
from pawsonalize.kinds.problems import Problems
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.resource import Resource
from pawsonalize.settings import Settings
from pawsonalize.storage.animals.animals import Animals
from pawsonalize.wings.feeds import FeedSettings
from pawsonalize.wings.feeds.importing import FeedReport, note_brought
from pawsonalize.wings.feeds.sources import NEVER, FeedSource, ListedFeed, read_feeds, validators_of

if TYPE_CHECKING:
    from pawsonalize.app.background import Task
    from pawsonalize.http.services import Services


class FeedState(Resource, frozen=True, kw_only=True):
    """The state of the feed of this name.

    `fingerprint` is that of its settings; `tick` is the newest done tick of its schedule.
    `not_before` is set after `attempts` failed attempts. `said` is the result of the last attempt,
    at `looked_at`. Moments are milliseconds since 1970.
    """

    kind: ClassVar[str] = "feed"

    fingerprint: str = ""
    etag: str = ""
    modified: str = ""
    tick: int = 0
    not_before: int = 0
    attempts: int = 0
    looked_at: int = 0
    taken_at: int = 0
    said: str = ""
    failed: bool = False


# A problem outlasts the wait for the next attempt; a feed that is no longer listed leaves none.
_STANDS = 3 * HOUR
_LONGEST_SAID = 1_000
_FIRST_WAIT, _LONGEST_WAIT = MINUTE, HOUR

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ScheduledFeed:
    """A feed, and the latest moment at or before another at which it was due, None for never."""

    source: FeedSource
    latest: Callable[[int], int | None]


class Polling:
    """Fetches and imports the feeds that are due.

    A lease keeps two servers from taking the same feed at once. If a server dies with it, another
    takes the feed again; to take a feed twice changes nothing.
    """

    def __init__(
        self,
        feeds: Mapping[str, ScheduledFeed],
        registry: Registry,
        animals: Animals,
        problems: Problems,
        leases: Leases,
        stopped: Callable[[], bool] = NEVER,
    ) -> None:
        self._feeds = feeds
        self._registry = registry
        self._animals = animals
        self._problems = problems
        self._leases = leases
        self._stopped = stopped
        self._begun: set[str] = set()

    def look(self, now: int) -> int:
        """Take the feeds that are due, and return how many those were, failures included."""
        taken = 0
        for name, feed in self._feeds.items():
            tick = feed.latest(now)
            if tick is None or self._stopped():
                continue
            source = self._with_meanings(feed.source)
            if self._is_due(name, source, tick, now):
                with self._leases.held(_lease(name)) as lease:
                    # Another server may have taken it since.
                    if lease is not None and self._is_due(name, source, tick, now):
                        self._begun.add(fingerprint(source))
                        self._attempt(source, self.state(name, now), tick, now)
                        taken += 1
        return taken

    def _with_meanings(self, source: FeedSource) -> FeedSource:
        """The feed with what an operator said of its values: new meanings make it due."""
        return replace(source, how=source.how.with_meanings(self._registry))

    def _is_due(self, name: str, source: FeedSource, tick: int, now: int) -> bool:
        state, mark = self.state(name, now), fingerprint(source)
        # Servers with different settings must not compete: each begins anew once.
        is_new = state.fingerprint != mark and mark not in self._begun
        return is_new or (tick > state.tick and now >= state.not_before)

    def due(self, name: str, now: int) -> int | None:
        """When a listed feed was due last; None: never yet."""
        return self._feeds[name].latest(now)

    def take(
        self, name: str, source: FeedSource, now: int, *, allow_shrink: bool = False
    ) -> FeedReport | None:
        """Take a feed now, due or not; None if it has not changed. Errors are raised.

        Conflict while a server takes it.
        """
        with self._leases.held(_lease(name)) as lease:
            if lease is None:
                raise Conflict(f"feed {name} is being fetched by another process: wait for it")
            state = self.state(name, now)
            source = self._with_meanings(source)
            return self._taken(source, state, state.tick, now, allow_shrink)

    def state(self, name: str, now: int) -> FeedState:
        """The state of a feed."""
        found = self._registry.find(FeedState, name)
        if found is not None:
            return found
        try:
            return self._registry.create(FeedState(name=name), now)
        except AlreadyExists:  # another server was faster
            return self._registry.get(FeedState, name)

    def _attempt(self, source: FeedSource, state: FeedState, tick: int, now: int) -> None:
        try:
            report = self._taken(source, state, tick, now)
        except PawsonalizeError:
            return  # the problem says what it is
        if report is not None:
            log.info("feed taken", feed=state.name, said=report.in_words())

    def _taken(
        self,
        source: FeedSource,
        state: FeedState,
        tick: int,
        now: int,
        allow_shrink: bool = False,
    ) -> FeedReport | None:
        changes: dict[str, object] = {}
        try:
            report, changes = self._fetched(source, state, now, allow_shrink)
        except Exception as error:
            reason = error.message if isinstance(error, PawsonalizeError) else repr(error)
            if not self._stopped():
                failed: dict[str, object]
                wait = min(_FIRST_WAIT << min(state.attempts, 16), _LONGEST_WAIT)
                failed = {"attempts": state.attempts + 1, "not_before": now + wait}
                if state.fingerprint != (mark := fingerprint(source)):  # it was another feed's
                    failed |= {"fingerprint": mark, "etag": "", "modified": "", "tick": 0}
                self._save(state, now, **failed, said=reason, failed=True)
                self._problems.report(_problem(state.name), reason, now, within=_STANDS)
            raise
        done = {"tick": tick, "attempts": 0, "not_before": 0, "failed": False, "taken_at": now}
        self._save(state, now, **done, **changes)
        self._problems.clear(_problem(state.name), now)
        return report

    def _fetched(
        self, source: FeedSource, state: FeedState, now: int, allow_shrink: bool
    ) -> tuple[FeedReport | None, dict[str, object]]:
        mark = fingerprint(source)
        same = state.fingerprint == mark
        known = Validators(state.etag, state.modified) if same else Validators()
        pages = source.fetched(known, self._stopped)
        if not pages:
            return None, {"said": "not changed since"}
        how = replace(source.how, allow_shrink=allow_shrink)
        report = replace(source, how=how).taken(self._animals, pages, now)
        note_brought(self._registry, state.name, how.source, report, now)
        if report.is_refused:
            first = report.rejected[0]
            raise NotFetched(
                f"all {report.rows:,} rows were rejected; the first, {first.place}: {first.reason}"
            )
        found = validators_of(pages)
        seen = {"fingerprint": mark, "etag": found.etag, "modified": found.modified}
        said = " ".join([report.in_words(), *report.notes])
        return report, {**seen, "said": said[:_LONGEST_SAID]}

    def _save(self, state: FeedState, now: int, **changes: object) -> None:
        changed = {"looked_at": now} | changes
        self._registry.change(
            FeedState, state.name, lambda one: msgspec.structs.replace(one, **changed), now
        )


def fingerprint(source: FeedSource) -> str:
    """Changes with any of a feed's settings, so that the feed is fetched again."""
    told = (source.url, sorted(source.headers.items()), source.form, source.how)
    return sha256(repr(told).encode()).hexdigest()


def _problem(name: str) -> str:
    return f"feed: {name}"


def _lease(name: str) -> str:
    return f"feed.{name}"


def listed_feeds(settings: Settings) -> dict[str, ListedFeed]:
    """The feeds by name; none without a file. InvalidInput if it cannot be used."""
    if not settings.part(FeedSettings).feeds_file:
        return {}
    return read_feeds(Path(settings.part(FeedSettings).feeds_file), os.environ)


def scheduled_feeds(settings: Settings) -> dict[str, ScheduledFeed]:
    """The same with their schedules; InvalidInput if one cannot be read."""
    return {name: _scheduled(name, feed) for name, feed in listed_feeds(settings).items()}


def polling(
    settings: Settings, adapters: Adapters, stopped: Callable[[], bool] = lambda: False
) -> Polling:
    """The polling of the feeds."""
    feeds, problems = scheduled_feeds(settings), adapters.problems(settings)
    return Polling(feeds, adapters.registry, adapters.animals, problems, adapters.leases, stopped)


def _scheduled(name: str, feed: ListedFeed) -> ScheduledFeed:
    try:
        schedule = read_schedule(feed.schedule, feed.time_zone)
    except InvalidInput as error:
        raise InvalidInput(f"feed {name}: {error.message}", field="feeds_file") from error
    return ScheduledFeed(feed.source, (lambda _now: None) if schedule is None else schedule.latest)


@dataclass(frozen=True, slots=True)
class Fetching:
    """The feeds of a running server, their polling, and its thread."""

    feeds: Mapping[str, ListedFeed]
    polling: Polling
    threads: ThreadPoolExecutor


@contextmanager
def started(settings: Settings, adapters: Adapters, _services: "Services") -> Iterator[Fetching]:
    """Yield the polling and its thread; an import that runs ends when the block does."""
    stopping = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="feeds") as threads:
        try:
            poll = polling(settings, adapters, stopping.is_set)
            yield Fetching(listed_feeds(settings), poll, threads)
        finally:
            stopping.set()


def tasks(
    settings: Settings,
    _adapters: Adapters,
    _services: "Services",
    fetching: Fetching,
) -> Iterator["Task"]:
    """Yield the task that fetches the feeds which are due."""
    from pawsonalize.app import background  # noqa: PLC0415 - checks do not need it

    if settings.has_role(WORK):
        look = at_the_moment(fetching.polling.look)
        yield background.Task("fetch feeds", background.LOOK_SECONDS, look, fetching.threads)


USABLE = (scheduled_feeds,)


_LATE = HOUR


def feeds(service: CheckedService) -> Iterator[Diagnosis]:
    """Find feeds that are late or could not be read."""
    try:
        listed = listed_feeds(service.settings)
        states = polling(service.settings, service.adapters)
    except PawsonalizeError as error:
        yield attention(str(error))
        return
    if not listed:
        yield fine("none is listed (feeds_file)")
    for name, feed in listed.items():
        state, due = states.state(name, service.now), states.due(name, service.now)
        again = f"mend it, then run `pawsonalize animals fetch {name}`"
        if state.failed:
            yield attention(
                f"failed {iso(state.looked_at)}: {state.said}", again, about=f"feed {name}"
            )
        elif due is not None and due > state.tick and service.now - due > _LATE:
            yield attention(
                f"it was due {iso(due)} by {feed.schedule}, and was {_fetched(state)}",
                "start a server whose roles have `work`, or run `pawsonalize animals fetch"
                f" {name}`",
                about=f"feed {name}",
            )
        else:
            yield fine(f"{_fetched(state)}: {state.said}".rstrip(": "), about=f"feed {name}")


def _fetched(state: FeedState) -> str:
    return f"last fetched {iso(state.taken_at)}" if state.taken_at else "never fetched"


CHECKS = (Check("feeds", feeds),)
