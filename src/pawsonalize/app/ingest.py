"""Ingest over the adapters, for servers and consumers alike."""

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.tenants import event_limits
from pawsonalize.engine.ingest.events import Ingest, RawTooLong, UnknownTypes, named_types
from pawsonalize.http.metrics import count_raw_too_long, count_unknown_type
from pawsonalize.kinds.cached_lookup import CachedLookup
from pawsonalize.settings import Settings


def ingest_of(settings: Settings, adapters: Adapters) -> Ingest:
    """What takes events in."""
    named = CachedLookup[None, dict[str, frozenset[str]]](
        lambda _: named_types(adapters.registry), clock.now
    )
    return Ingest(
        adapters.log,
        adapters.animals,
        reads_are_local=adapters.database.is_local,
        unknown_types=UnknownTypes(
            adapters.log.event_types, lambda: named.find(None), count_unknown_type
        ),
        raw_too_long=RawTooLong(count_raw_too_long) if settings.archive_raw else None,
        limits=event_limits(settings, adapters),
    )
