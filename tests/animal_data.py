"""Animals for tests, written in one line."""

from pawsonalize.animals.animal import Animal, AnimalStatus, StatusChange
from pawsonalize.core.groups import AnimalGroup
from tests.event_data import T0


def animal(
    animal_id: str,
    item: str = "2-Beagle-2-3",
    *,
    listed: int = T0,
    adopted: int | None = None,
    **more: object,
) -> Animal:
    """An animal of that group, available from `listed` until it was adopted."""
    group = AnimalGroup.parse(item)
    assert group is not None
    history = [StatusChange(AnimalStatus.AVAILABLE, listed)]
    if adopted is not None:
        history.append(StatusChange(AnimalStatus.ADOPTED, adopted))
    return Animal(
        animal_id=animal_id,
        species=group.species,
        breed=group.breed,
        size=group.size,
        age=group.age,
        history=tuple(history),
        **{"name": "Rex", **more},  # type: ignore[arg-type]  # any of the fields
    )
