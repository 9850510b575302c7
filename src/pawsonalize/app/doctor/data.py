"""Checks of what is in the tables."""

from collections.abc import Iterator

from pawsonalize.app.doctor.finding import Finding, Patient, attention


def database(patient: Patient) -> Iterator[Finding]:
    """Which database was looked at."""
    yield Finding("database", patient.adapters.database.shown_url)


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
