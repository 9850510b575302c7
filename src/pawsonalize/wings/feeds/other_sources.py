"""Refusal of a feed whose animals another source has already, as when a file is imported twice."""

from collections import defaultdict
from collections.abc import Collection

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.errors import Conflict
from pawsonalize.domain.statuses import LEFT
from pawsonalize.engine.ingest.inventory import Inventory
from pawsonalize.storage.animals.animals import Animals

_FEWEST = 2  # one name may be that of two animals


def check_other_sources(animals: Animals, listed: Collection[Animal], source: str) -> None:
    """Conflict if most of these animals are new, and in care under one other source."""
    in_care = [animal for animal in listed if animal.status not in LEFT]
    known = animals.get_many([animal.animal_id for animal in in_care])
    new = {_marks(one) for one in in_care if one.name and one.animal_id not in known}
    if len(new) < _FEWEST or 2 * len(new) <= len(in_care):
        return
    same = defaultdict[str, set[tuple[str, ...]]](set)
    for animal in Inventory(animals).all():
        if animal.source != source and animal.status not in LEFT and _marks(animal) in new:
            same[animal.source].add(_marks(animal))
    other = max(same, key=lambda name: len(same[name]), default="")
    count = len(same[other])
    if count >= _FEWEST and 2 * count > len(in_care):
        where = f"from the source {other}" if other else "without a source"
        way = f"with --source {other}" if other else "without --source"
        raise Conflict(
            f"{count:,} of {len(in_care):,} animals are known already {where}, by name, breed and"
            f" birth: nothing was changed. If they are the same, import the file {way}; if they"
            " are others, with --allow-known"
        )


def _marks(animal: Animal) -> tuple[str, ...]:
    born = animal.age if animal.born is None else animal.born.isoformat()
    return animal.name.casefold(), animal.species, animal.breed, born
