"""Check of the feeds that are polled."""

from collections.abc import Iterator

from pawsonalize.app.adapters import Adapters
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.domain.times import HOUR, iso
from pawsonalize.frame.checks import Check, CheckedService, Diagnosis, attention
from pawsonalize.wings.feeds.polling import FeedState
from pawsonalize.wings.feeds.scheduled import listed_feeds, polling

_LATE = HOUR


def feeds(service: CheckedService[Adapters]) -> Iterator[Diagnosis]:
    """Find feeds that are late or could not be read."""
    try:
        listed = listed_feeds(service.settings)
        states = polling(service.settings, service.adapters)
    except PawsonalizeError as error:
        yield attention("feeds", str(error))
        return
    if not listed:
        yield Diagnosis("feeds", "none is listed (feeds_file)")
    for name, feed in listed.items():
        state, due = states.state(name, service.now), states.due(name, service.now)
        again = f"mend it, then run `pawsonalize animals fetch {name}`"
        if state.failed:
            yield attention(f"feed {name}", f"failed {iso(state.looked_at)}: {state.said}", again)
        elif due is not None and due > state.tick and service.now - due > _LATE:
            yield attention(
                f"feed {name}",
                f"it was due {iso(due)} by {feed.schedule}, and was {_fetched(state)}",
                "start a server whose roles have `work`, or run `pawsonalize animals fetch"
                f" {name}`",
            )
        else:
            yield Diagnosis(f"feed {name}", f"{_fetched(state)}: {state.said}".rstrip(": "))


def _fetched(state: FeedState) -> str:
    return f"last fetched {iso(state.taken_at)}" if state.taken_at else "never fetched"


CHECKS = (Check("feeds", feeds),)
