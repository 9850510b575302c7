"""Today's readers of events, for those that are read anew out of the archive."""

from pawsonalize.app.adapters import Adapters
from pawsonalize.aws.raw_calls import is_raw_call, read_raw_call
from pawsonalize.domain.events import Event
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.engine.ingest.event_form import read_event
from pawsonalize.engine.ingest.inventory.inventory import AnimalNames
from pawsonalize.engine.upkeep.rereading import Reader


def reader_of(adapters: Adapters) -> Reader:
    """Reads both kinds of events, those of the native API and those of Amazon's calls."""
    names = AnimalNames(adapters.animals, adapters.catalogue)

    def group_of(animal_id: str, at: int) -> AnimalGroup | None:
        animal = adapters.animals.get(animal_id)
        return None if animal is None else animal.group_at(at)

    def read(raw: str, was: Event) -> Event:
        if is_raw_call(raw):
            return read_raw_call(raw, was, names)
        return read_event(raw.encode(), was.received_at, group_of, was.dataset_group)

    return read
