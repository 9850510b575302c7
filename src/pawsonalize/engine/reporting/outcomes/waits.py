"""Waits: from an animal's arrival to its adoption, once or, if it comes back, again."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.statuses import AnimalStatus
from pawsonalize.domain.stays import Stay
from pawsonalize.domain.times import DAY


class Ending(StrEnum):
    """How a wait ended. Only an adoption is what is waited for; the others are cut short."""

    ADOPTED = "adopted"
    LEFT = "left"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Wait:
    """An animal waits from `since` until just before `until`, in milliseconds since 1970.

    `group` is what it was on arrival. `stays` are when it could be shown, and as what.
    """

    animal_id: str
    group: AnimalGroup
    since: int
    until: int
    ending: Ending
    stays: tuple[Stay, ...]

    @property
    def days(self) -> float:
        """How long it is, in days."""
        return (self.until - self.since) / DAY


_ENDS = {AnimalStatus.ADOPTED: Ending.ADOPTED, AnimalStatus.REMOVED: Ending.LEFT}


def waits_of(animal: Animal, until: int) -> Iterator[Wait]:
    """The animal's waits by what is known before `until`; one that goes on is cut there.

    A wait begins when the animal is listed, comes back from its adopters, or is listed again.
    """
    began: int | None = None
    for change in animal.history:
        if change.at >= until:
            break
        ending = _ENDS.get(change.status)
        if ending is None:
            began = change.at if began is None else began
        elif began is not None:
            yield _wait(animal, began, change.at, ending)
            began = None
    if began is not None:
        yield _wait(animal, began, until, Ending.WAITING)


def _wait(animal: Animal, since: int, until: int, ending: Ending) -> Wait:
    stays = tuple(stay for stay in animal.stays() if stay.since < until and stay.until > since)
    return Wait(animal.animal_id, animal.group_at(since), since, until, ending, stays)
