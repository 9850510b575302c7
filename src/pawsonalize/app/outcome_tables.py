"""The tables of outcomes reports, without all else that takes long to import."""

from collections.abc import Iterator
from contextlib import contextmanager

from pawsonalize.domain.events import EventTypes
from pawsonalize.engine.reporting.outcomes_report import OutcomeSources
from pawsonalize.settings import Settings
from pawsonalize.storage.animals.animals import Animals
from pawsonalize.storage.database import Database
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.event_reads import Outcomes
from pawsonalize.storage.events.impressions import Impressions


def outcome_tables(database: Database, event_types: EventTypes) -> OutcomeSources:
    """What a report is read from; it may be a moment behind."""
    reads = database.replica_reads()
    return OutcomeSources(
        Outcomes(reads, event_types=event_types),
        Impressions(reads),
        Animals(reads),
        EventLog(reads, event_types=event_types),
    )


@contextmanager
def opened_outcome_tables(settings: Settings) -> Iterator[OutcomeSources]:
    """Those of a database that a server made, open while the block runs."""
    database = Database(
        settings.database,
        must_exist=True,
        connections=settings.database_connections,
        read_url=settings.database_read_url,
    )
    try:
        yield outcome_tables(database, EventTypes.with_added(settings.event_types))
    finally:
        database.close()
