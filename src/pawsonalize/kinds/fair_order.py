"""Work that waits is done in turns: no dataset group waits for two of another's."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from pawsonalize.storage.turns import Turns

WorkT = TypeVar("WorkT")


class FairOrder:
    """The order in which work of one kind is begun, whichever machine begins it."""

    def __init__(self, turns: Turns, work: str) -> None:
        self._turns = turns
        self._work = work

    def ordered(
        self, waiting: Sequence[WorkT], whose: Callable[[WorkT], str | None]
    ) -> list[WorkT]:
        """The work, which comes oldest first, in the order in which it is to be begun.

        Of each dataset group one at a time: first of the one whose last turn was longest ago.
        """
        if len(waiting) < 2:
            return list(waiting)
        last = self._turns.last(self._work)
        places: dict[str, int] = {}
        keyed = []
        for place, one in enumerate(waiting):
            group = whose(one) or ""
            places[group] = places.get(group, -1) + 1
            keyed.append((places[group], last.get(group, 0), place, one))
        return [one for *_, one in sorted(keyed, key=lambda each: each[:3])]

    def begun(self, group: str | None) -> None:
        """Note that work of the dataset group was begun: the others are next."""
        self._turns.take(self._work, group or "")
