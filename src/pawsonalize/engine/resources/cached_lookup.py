"""A cache of look-ups for a second, so that frequent queries do not read the tables again."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from cachetools import TTLCache

from pawsonalize.domain.times import SECOND

KeyT = TypeVar("KeyT")
FoundT = TypeVar("FoundT")
_MOST = 10_000  # keys that are kept at once


class CachedLookup(Generic[KeyT, FoundT]):
    """A look-up whose results are kept for a second; errors are not kept."""

    def __init__(self, look: Callable[[KeyT], FoundT], now: Callable[[], int]) -> None:
        self._look = look
        self._known: TTLCache[KeyT, FoundT] = TTLCache(_MOST, SECOND, now)
        self._lock = Lock()  # never held while the tables are read

    def find(self, key: KeyT) -> FoundT:
        """The value under the key, at most a second old."""
        with self._lock:
            if key in self._known:
                return self._known[key]
        found = self._look(key)
        with self._lock:
            self._known[key] = found
        return found

    def known(self, key: KeyT) -> tuple[FoundT] | None:
        """The value alone if it is known right now, which needs no thread; None if not."""
        with self._lock:
            return (self._known[key],) if key in self._known else None

    def forget(self, key: KeyT) -> None:
        """Look again the next time, as this process knows that something changed."""
        with self._lock:
            self._known.pop(key, None)
