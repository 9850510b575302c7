"""Check of the feeds that are polled."""

from collections.abc import Iterator

from pawsonalize.app.checks import Check, CheckedService, Diagnosis, attention, fine
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.domain.times import HOUR, iso
from pawsonalize.wings.feeds.polling import FeedState
from pawsonalize.wings.feeds.scheduled import listed_feeds, polling

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
