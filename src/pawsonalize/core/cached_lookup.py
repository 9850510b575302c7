"""A cache of look-ups for a second, so that frequent queries do not read the tables again."""

from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Generic, TypeVar

from cachetools import TTLCache

from pawsonalize.core.times import SECOND

KeyT = TypeVar("KeyT")
FoundT = TypeVar("FoundT")
_MOST = 10_000  # keys that are kept at once


class CachedLookup(Generic[KeyT, FoundT]):
    """Results of a look-up, kept for a second or `lasts` milliseconds; errors are not kept."""

    def __init__(
        self, look: Callable[[KeyT], FoundT], now: Callable[[], int], lasts: int = SECOND
    ) -> None:
        self._look = look
        self._known: TTLCache[KeyT, FoundT] = TTLCache(_MOST, lasts, now)
        self._lock = Lock()  # never held while the tables are read

    def find(self, key: KeyT) -> FoundT:
        """The value under the key, as it was at most so long ago."""
        if (known := self.known(key)) is not None:
            return known[0]
        found = self._look(key)
        with self._lock:
            self._known[key] = found
        return found

    def known(self, key: KeyT) -> tuple[FoundT] | None:
        """The value alone if it is known right now; None if not."""
        # This needs no thread.
        with self._lock, suppress(KeyError):  # to ask first is no use: it may expire right then
            return (self._known[key],)
        return None

    def forget(self, key: KeyT) -> None:
        """Look again the next time."""
        # This process knows that something changed.
        with self._lock, suppress(KeyError):
            del self._known[key]
