"""The feeds that the settings list, and their polling."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.attempts import at_the_moment
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.roles import WORK
from pawsonalize.engine.training.retraining.schedule import read_schedule
from pawsonalize.settings import Settings
from pawsonalize.wings.feeds.feeds_file import ListedFeed, read_feeds
from pawsonalize.wings.feeds.polling import Polling, ScheduledFeed
from pawsonalize.wings.feeds.settings import FeedSettings

if TYPE_CHECKING:
    from pawsonalize.app.background import Task
    from pawsonalize.http.services import Services


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
