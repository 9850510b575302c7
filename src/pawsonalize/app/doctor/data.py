"""Checks of what is in the tables."""

from collections import Counter
from collections.abc import Iterator

import msgspec

from pawsonalize.app.doctor.finding import Diagnosis, Patient, attention
from pawsonalize.domain.event_types import spelled
from pawsonalize.domain.events import ACTIONS
from pawsonalize.engine.ingest.events import named_types

_NAMED = 10


def database(patient: Patient) -> Iterator[Diagnosis]:
    """Which database is used, whether it is whole and takes writes."""
    looked_at = patient.adapters.database
    yield Diagnosis("database", looked_at.shown_url)
    if (damage := looked_at.damage()) is not None:
        yield attention("database", damage)
    if (reason := looked_at.why_not_writable()) is not None:
        yield attention("database", reason, "until then events are refused with 503")


def events(patient: Patient) -> Iterator[Diagnosis]:
    """How many events there are."""
    count = patient.adapters.log.count()
    if count:
        yield Diagnosis("events", f"{count:,} events")
    else:
        yield attention(
            "events",
            "no events",
            "send some to /v1/events, or read a file with `pawsonalize import`; if you expected"
            " some, look whether the data folder is the right one",
        )


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


def animals(patient: Patient) -> Iterator[Diagnosis]:
    """How many animals wait, and how many groups are described."""
    waiting = sum(patient.adapters.availability.count(patient.now).values())
    groups = patient.adapters.catalogue.item_count()
    yield Diagnosis("animals", f"{waiting:,} available animals, {groups:,} groups in the items")
