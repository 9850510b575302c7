"""The port of the standing problems, in the manner of `storage/base.py`."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that goes wrong and lasts.

    `since` and `last_seen` are the first and the newest report of it. `expires_at` is the moment
    from which it counts as over if nobody reports it again; None: when somebody clears it.
    `told_at` is when people were told, None if they were not.
    """

    name: str
    message: str
    since: int
    last_seen: int
    expires_at: int | None = None
    told_at: int | None = None


class ProblemTable(Protocol):
    """The problems of all processes of all machines, one for each name."""

    def report(self, problem: Problem) -> None:
        """Store it. If its name stands already, only what is new of it is stored.

        That is all but `since` and `told_at`.
        """
        ...

    def find(self, name: str) -> Problem | None:
        """The problem of that name, or None."""
        ...

    def all(self) -> list[Problem]:
        """Every problem, the oldest first; those that have expired too."""
        ...

    def tell(self, problem: Problem, at: int) -> bool:
        """Compare and set: note that people were told of it, if nobody noted that before.

        False if somebody did, or if it is over.
        """
        ...

    def remove(self, problem: Problem) -> bool:
        """Delete it, unless it ended and began anew since; returns whether it was there."""
        ...
