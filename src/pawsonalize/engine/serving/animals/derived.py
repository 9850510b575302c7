"""What answers work out of a shelf's animals and use again, for each shelf its own."""

from dataclasses import dataclass, field
from threading import Lock
from weakref import WeakKeyDictionary

from pawsonalize.engine.serving.animals.due import Dues
from pawsonalize.engine.serving.animals.liking import Likings
from pawsonalize.engine.serving.animals.shelf import Shelf
from pawsonalize.engine.serving.animals.taste import Tastes


@dataclass(frozen=True, slots=True)
class Derived:
    """Of one shelf; used by who holds the shelf's lock."""

    likings: Likings = field(default_factory=Likings)
    tastes: Tastes = field(default_factory=Tastes)
    dues: Dues = field(default_factory=Dues)


class DerivedOfShelves:
    """Goes with its shelf, so that no shelf is answered from what was worked out of another."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[Shelf, Derived] = WeakKeyDictionary()
        self._lock = Lock()

    def of(self, shelf: Shelf) -> Derived:
        """What is kept of the shelf."""
        with self._lock:
            return self._of.setdefault(shelf, Derived())
