"""Checks of the events: that there are some, and that all of them have a meaning."""

from collections import Counter
from collections.abc import Iterator

import msgspec

from pawsonalize.app.checks import IN_DOCTOR, Check, CheckedService, Diagnosis, attention, fine
from pawsonalize.aws.events import is_raw_call
from pawsonalize.domain.events import ACTIONS, plain_spelling
from pawsonalize.engine.ingest.event_form import unknown_fields_of
from pawsonalize.engine.ingest.events import named_types
from pawsonalize.engine.reporting.exposure_report import NEXT_MOVE, joined_events
from pawsonalize.engine.upkeep.archive_reading import ArchiveReader
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.raw_events import RawEvents

_NAMED = 10
_NEWEST_EVENTS = 500
_NEWEST = 100  # that may have been erased


def newest_event_at(log: EventLog) -> int | None:
    """Return the moment at which the newest event came in that is still there."""
    head = log.head()
    newest = log.read(max(head - _NEWEST, 0), head, _NEWEST)
    return max((one.event.received_at for one in newest), default=None)


def event_types(service: CheckedService) -> Iterator[Diagnosis]:
    """Find event types without a meaning."""
    log, named = service.adapters.log, named_types(service.adapters.registry)
    unknown = Counter[str]()
    for (group, event_type), count in log.types().items():
        known = log.of(group).event_types.knows(event_type) or group.endswith(ACTIONS)
        if not known and plain_spelling(event_type) not in named.get(group, ()):
            unknown[event_type] += count
    if not unknown:
        yield fine("every event's type has a meaning")
        return
    most = ", ".join(f"{name} ({count:,})" for name, count in unknown.most_common(_NAMED))
    more = f" and {len(unknown) - _NAMED:,} more" if len(unknown) > _NAMED else ""
    example = msgspec.json.encode({unknown.most_common(1)[0][0]: "view"}).decode()
    yield attention(
        f"events of these types count as views, for nobody said what they mean: {most}{more}",
        f"say so in the setting event_types, such as {example}",
    )


def unknown_fields(service: CheckedService) -> Iterator[Diagnosis]:
    """Find fields of the newest events that have no meaning."""
    raws = _newest_raws(service)
    if not raws:
        yield fine("known when events have come in by HTTP or a stream")
        return
    found = Counter[str]()
    for raw in raws:
        if not is_raw_call(raw):
            found.update(unknown_fields_of(raw))
    if not found:
        yield fine(f"none in the newest {len(raws):,} events")
        return
    most = ", ".join(f"{name} ({count:,})" for name, count in found.most_common(_NAMED))
    yield attention(
        f"in the newest {len(raws):,} events, these fields have no meaning: {most}",
        "put what you want to keep into `properties`, and send the rest no more"
        " (docs/how-to/send-context.md)",
    )


def _newest_raws(service: CheckedService) -> list[str]:
    """Return the newest events as they came in, from the tables, or else from the archive."""
    adapters = service.adapters
    head = adapters.log.head()
    after = max(0, head - _NEWEST_EVENTS)
    raws = RawEvents(adapters.database).between(after + 1, head)
    reader = ArchiveReader(adapters.erased_archive)
    for segment in [] if len(raws) == head - after else reader.segments(after):
        for row in reader.rows(segment, after):
            if row.event.raw is not None:
                raws.setdefault(row.offset, row.event.raw)
    return list(raws.values())


def events(service: CheckedService) -> Iterator[Diagnosis]:
    """Count the events."""
    count = service.adapters.log.count()
    if count:
        yield fine(f"{count:,} events")
    else:
        yield attention(
            "no events",
            "send some to /v1/events, or read a file with `pawsonalize import`; if you expected"
            " some, look whether the data folder is the right one",
        )


def events_and_answers(service: CheckedService) -> Iterator[Diagnosis]:
    """Find a site whose events do not name the answers they came from."""
    found = joined_events(service.adapters.impressions, service.adapters.log, service.now)
    if found.are_nearly_none:
        yield attention(found.message, NEXT_MOVE)
    elif found.is_enough:
        yield fine(found.message)


CHECKS = (
    Check("events", events, IN_DOCTOR, is_slow=True),
    Check("event types", event_types, IN_DOCTOR, is_slow=True),
    Check("unknown fields", unknown_fields),
    Check("events and answers", events_and_answers),
)
