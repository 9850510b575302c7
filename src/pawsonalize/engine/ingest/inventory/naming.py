"""Events that name an animal of the inventory where an item's id belongs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.events import DEFAULT_DATASET_GROUP, Event
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.storage.animals import Animals
from pawsonalize.storage.base import Catalogue


@dataclass(frozen=True, slots=True)
class AnimalNames:
    """What an event is about whose item may be an animal."""

    animals: Animals
    catalogue: Catalogue

    def resolved(self, events: Sequence[Event]) -> list[Event]:
        """The events; those on an animal are on the group that it had then, and keep its id.

        The inventory is of the default dataset group. In another one an id is an animal's only if
        it is no item there and the animal's group is one.
        """
        asked = {one.item_id for one in events if AnimalGroup.parse(one.item_id) is None}
        known = self.animals.get_many(list(asked)) if asked else {}
        return [
            self._resolved(event, known[event.item_id]) if event.item_id in known else event
            for event in events
        ]

    def _resolved(self, event: Event, animal: Animal) -> Event:
        group = animal.group_at(event.sent_at).id
        if event.dataset_group != DEFAULT_DATASET_GROUP:
            items = self.catalogue.of(event.dataset_group)
            if items.item(event.item_id) is not None or items.item(group) is None:
                return event
        return replace(event, item_id=group, animal_id=animal.animal_id)
