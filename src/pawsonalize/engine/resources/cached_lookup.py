"""A cache of look-ups for a second, so that frequent queries do not read the tables again."""

from collections.abc import Callable
from typing import Generic, TypeVar

from pawsonalize.domain.times import SECOND

KeyT = TypeVar("KeyT")
FoundT = TypeVar("FoundT")


class CachedLookup(Generic[KeyT, FoundT]):
    """A look-up whose results are kept for a second; errors are not kept."""

    def __init__(self, look: Callable[[KeyT], FoundT], now: Callable[[], int]) -> None:
        self._look = look
        self._now = now
        self._known: dict[KeyT, tuple[int, FoundT]] = {}

    def find(self, key: KeyT) -> FoundT:
        """The value under the key, at most a second old."""
        now = self._now()
        known = self._known.get(key)
        if known is not None and now - known[0] < SECOND:
            return known[1]
        self.forget(key)  # should the look-up raise, nothing stays
        found = self._look(key)
        self._known[key] = (now, found)
        return found

    def forget(self, key: KeyT) -> None:
        """Look again the next time, as this process knows that something changed."""
        self._known.pop(key, None)
