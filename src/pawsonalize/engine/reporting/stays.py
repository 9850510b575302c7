"""Stays of animals, and which of them were shown."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.statuses import AnimalStatus, Stay
from pawsonalize.domain.times import DAY


class Ending(StrEnum):
    """End of a wait. Only an adoption ends it; the others cut it short."""

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
        """Length of the stay in days."""
        return (self.until - self.since) / DAY


_ENDS = {AnimalStatus.ADOPTED: Ending.ADOPTED, AnimalStatus.REMOVED: Ending.LEFT}


def waits_of(animal: Animal, until: int) -> Iterator[Wait]:
    """The animal's waits, as known before `until`; a wait that goes on is cut there.

    A wait begins as `Animal.waits_since` has it: when the animal becomes available. If it never
    does, it begins when the animal comes in.
    """
    began: int | None = None
    was_available = False
    for change in animal.history:
        if change.at >= until:
            break
        ending = _ENDS.get(change.status)
        if ending is None:
            is_available = change.status is AnimalStatus.AVAILABLE
            began = change.at if began is None or is_available > was_available else began
            was_available = was_available or is_available
        elif began is not None:
            yield _wait(animal, began, change.at, ending)
            began, was_available = None, False
    if began is not None:
        yield _wait(animal, began, until, Ending.WAITING)


def _wait(animal: Animal, since: int, until: int, ending: Ending) -> Wait:
    stays = tuple(stay for stay in animal.stays() if stay.since < until and stay.until > since)
    return Wait(animal.animal_id, animal.group_at(since), since, until, ending, stays)


_Span = tuple[int, int, int]  # from, until, position of the wait


class Showing:
    """Marks waits as shown, apart for each key (a policy, a solution version)."""

    def __init__(self, waits: Sequence[Wait]) -> None:
        self._waits = waits
        self._spans: dict[str, list[_Span]] = defaultdict(list)
        for position, wait in enumerate(waits):
            for stay in wait.stays:
                span = (max(stay.since, wait.since), min(stay.until, wait.until), position)
                self._spans[stay.item_id].append(span)
                self._spans[wait.animal_id].append(span)
        # The waits that are not shown yet, so that a second showing costs next to nothing.
        self._left: dict[Hashable, dict[str, list[_Span]]] = {}
        self.shown: dict[Hashable, set[int]] = defaultdict(set)

    def show(self, key: Hashable, item_id: str, at: int) -> None:
        """Mark the item, or the animal of that id, as shown at that moment."""
        left = self._left.get(key)
        if left is None:
            left = self._left[key] = dict(self._spans)
        spans = left.get(item_id)
        if not spans:
            return
        seen = {position for since, until, position in spans if since <= at < until}
        if seen:
            self.shown[key] |= seen
            left[item_id] = [span for span in spans if span[2] not in seen]

    def never(self, key: Hashable, since: int, until: int) -> float | None:
        """The share of the waits in that time that the key never showed; None without any."""
        there = [
            position
            for position, wait in enumerate(self._waits)
            if wait.since < until and wait.until > since and wait.stays
        ]
        if not there:
            return None
        return sum(position not in self.shown[key] for position in there) / len(there)
