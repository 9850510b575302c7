"""The doctor's checks of what comes in."""

from collections import Counter
from collections.abc import Iterator

import msgspec

from pawsonalize.app.diagnosis import Diagnosis, Patient, attention
from pawsonalize.app.jobs import listed_feeds, polling
from pawsonalize.aws.raw_calls import is_raw_call
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.domain.event_types import spelled
from pawsonalize.domain.events import ACTIONS
from pawsonalize.domain.times import HOUR, iso
from pawsonalize.engine.ingest.event_form import unknown_fields_of
from pawsonalize.engine.ingest.events import named_types
from pawsonalize.engine.upkeep.archive_reading import ArchiveReader
from pawsonalize.storage.raw_events import RawEvents
from pawsonalize.wings.dead_letters.letters import HTTP
from pawsonalize.wings.dead_letters.settings import DeadLetterSettings
from pawsonalize.wings.feeds.polling import FeedState

_NAMED = 10
_NEWEST_EVENTS = 500
_LATE = HOUR


def dead_letters(patient: Patient) -> Iterator[Diagnosis]:
    """What could not be taken, and why."""
    reasons = patient.adapters.dead_letters.reasons()
    waiting = sum(one.count for one in reasons)
    if not waiting:
        yield Diagnosis("dead letters", "none waits")
        return
    commonest = ", ".join(f"{one.field or one.code} ({one.count:,})" for one in reasons[:3])
    told = f"{waiting:,} wait, most of them for {commonest}"
    move = (
        "look at them with `pawsonalize dead-letters ls`, mend and replay or remove them"
        " (docs/how-to/mend-dead-letters.md)"
    )
    # Who sent by HTTP was told; of what is in a stream, this is the only word.
    if (
        any(one.source != HTTP for one in reasons)
        or waiting >= patient.settings.part(DeadLetterSettings).max_dead_letters
    ):
        yield attention("dead letters", told, move)
    else:
        yield Diagnosis("dead letters", told, next_move=move)


def event_types(patient: Patient) -> Iterator[Diagnosis]:
    """Event types without a meaning."""
    log, named = patient.adapters.log, named_types(patient.adapters.registry)
    unknown = Counter[str]()
    for (group, event_type), count in log.types().items():
        known = log.of(group).event_types.knows(event_type) or group.endswith(ACTIONS)
        if not known and spelled(event_type) not in named.get(group, ()):
            unknown[event_type] += count
    if not unknown:
        yield Diagnosis("event types", "every event's type has a meaning")
        return
    most = ", ".join(f"{name} ({count:,})" for name, count in unknown.most_common(_NAMED))
    more = f" and {len(unknown) - _NAMED:,} more" if len(unknown) > _NAMED else ""
    example = msgspec.json.encode({unknown.most_common(1)[0][0]: "view"}).decode()
    yield attention(
        "event types",
        f"events of these types count as views, for nobody said what they mean: {most}{more}",
        f"say so in the setting event_types, such as {example}",
    )


def unknown_fields(patient: Patient) -> Iterator[Diagnosis]:
    """Fields of the newest events that mean nothing here."""
    raws = _newest_raws(patient)
    if not raws:
        yield Diagnosis("unknown fields", "known when events have come in by HTTP or a stream")
        return
    found = Counter[str]()
    for raw in raws:
        if not is_raw_call(raw):
            found.update(unknown_fields_of(raw))
    if not found:
        yield Diagnosis("unknown fields", f"none in the newest {len(raws):,} events")
        return
    most = ", ".join(f"{name} ({count:,})" for name, count in found.most_common(_NAMED))
    yield attention(
        "unknown fields",
        f"in the newest {len(raws):,} events, these fields have no meaning: {most}",
        "put what you want to keep into `properties`, and send the rest no more"
        " (docs/how-to/send-context.md)",
    )


def _newest_raws(patient: Patient) -> list[str]:
    """The newest events as they came in, from the tables, or else from the archive."""
    adapters = patient.adapters
    head = adapters.log.head()
    after = max(0, head - _NEWEST_EVENTS)
    raws = RawEvents(adapters.database).between(after + 1, head)
    reader = ArchiveReader(adapters.erased_archive)
    for segment in [] if len(raws) == head - after else reader.segments(after):
        for row in reader.rows(segment, after):
            if row.event.raw is not None:
                raws.setdefault(row.offset, row.event.raw)
    return list(raws.values())


def feeds(patient: Patient) -> Iterator[Diagnosis]:
    """Whether every feed was fetched when it was due, and could be read."""
    try:
        listed = listed_feeds(patient.settings)
        states = polling(patient.settings, patient.adapters)
    except PawsonalizeError as error:
        yield attention("feeds", str(error))
        return
    if not listed:
        yield Diagnosis("feeds", "none is listed (feeds_file)")
    for name, feed in listed.items():
        state, due = states.state(name, patient.now), states.due(name, patient.now)
        again = f"mend it, then run `pawsonalize animals fetch {name}`"
        if state.failed:
            yield attention(f"feed {name}", f"failed {iso(state.looked_at)}: {state.said}", again)
        elif due is not None and due > state.tick and patient.now - due > _LATE:
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
