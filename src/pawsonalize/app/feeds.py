"""The feeds in the settings, and their polling."""

import os
from collections.abc import Callable
from pathlib import Path

from pawsonalize.app.adapters import Adapters
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.feeds.feeds_file import ListedFeed, read_feeds
from pawsonalize.engine.ingest.feeds.polling import Polling, ScheduledFeed
from pawsonalize.engine.training.retraining.schedule import read_schedule
from pawsonalize.settings import Settings


def listed_feeds(settings: Settings) -> dict[str, ListedFeed]:
    """The feeds by name; none without a file. InvalidInput if it cannot be used."""
    if not settings.feeds_file:
        return {}
    return read_feeds(Path(settings.feeds_file), os.environ)


def polling(
    settings: Settings, adapters: Adapters, stopped: Callable[[], bool] = lambda: False
) -> Polling:
    """The polling of the feeds; InvalidInput if a schedule cannot be read."""
    feeds = {name: _scheduled(name, feed) for name, feed in listed_feeds(settings).items()}
    problems = adapters.problems(settings)
    return Polling(feeds, adapters.registry, adapters.animals, problems, stopped)


def _scheduled(name: str, feed: ListedFeed) -> ScheduledFeed:
    try:
        schedule = read_schedule(feed.schedule, feed.time_zone)
    except InvalidInput as error:
        raise InvalidInput(f"feed {name}: {error.message}", field="feeds_file") from error
    return ScheduledFeed(feed.source, (lambda _now: None) if schedule is None else schedule.latest)
