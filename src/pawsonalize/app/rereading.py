"""Today's readers of events, for those that are read anew out of the archive."""

from dataclasses import replace
from functools import partial

from pawsonalize.app.adapters import Adapters
from pawsonalize.aws.events import is_raw_call, read_raw_call
from pawsonalize.domain.events import Event
from pawsonalize.engine.ingest.event_form import read_event
from pawsonalize.engine.ingest.events import group_at
from pawsonalize.engine.ingest.inventory import AnimalNames
from pawsonalize.engine.ingest.payloads import single
from pawsonalize.engine.upkeep.replay import Reader


def reader_of(adapters: Adapters) -> Reader:
    """Reads both kinds of events, those of the native API and those of Amazon's calls."""
    names = AnimalNames(adapters.animals, adapters.catalogue)
    group_of = partial(group_at, adapters.animals)

    def read(raw: str, was: Event) -> Event:
        if is_raw_call(raw):
            return read_raw_call(raw, was, names)
        found = single(raw.encode())
        # A stream may have said when it took the event, which is not in what it took.
        origin = replace(found.origin, sent_at=found.origin.sent_at or was.sent_at)
        payload = replace(found, origin=origin)
        return read_event(payload, was.received_at, group_of, was.dataset_group)

    return read
