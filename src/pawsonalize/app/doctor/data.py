"""Checks of what is in the tables."""

from collections.abc import Iterator

from pawsonalize.app.doctor.finding import Finding, Patient, attention


def database(patient: Patient) -> Iterator[Finding]:
    """Which database was looked at, whether it is whole and takes writes."""
    looked_at = patient.adapters.database
    yield Finding("database", looked_at.shown_url)
    if (damage := looked_at.damage()) is not None:
        yield attention("database", damage)
    if (reason := looked_at.why_not_writable()) is not None:
        yield attention("database", reason, "until then events are refused with 503")


def events(patient: Patient) -> Iterator[Finding]:
    """How many events there are."""
    count = patient.adapters.log.count()
    if count:
        yield Finding("events", f"{count:,} events")
    else:
        yield attention(
            "events",
            "no events",
            "send some to /v1/events, or read a file with `pawsonalize import`; if you expected"
            " some, look whether the data folder is the right one",
        )


def animals(patient: Patient) -> Iterator[Finding]:
    """How many animals wait, and how many groups are described."""
    waiting = sum(patient.adapters.supply.count(patient.now).values())
    groups = patient.adapters.catalogue.item_count()
    yield Finding("animals", f"{waiting:,} available animals, {groups:,} groups in the items")
