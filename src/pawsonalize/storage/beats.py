"""Whether others live, by what they count up, and by no clock but our own steady one."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class BeatWatch:
    """Remembers since when each holder's count of beats stands still.

    A holder whose count stood still for `seconds` while we looked is gone. If we were kept from
    looking for half as long, so the holder may have been from beating: we begin anew.
    """

    seconds: float
    steady: Callable[[], float] = time.monotonic
    _seen: dict[str, "_Seen"] = field(default_factory=dict)

    def is_gone(self, name: str, holder: object, beats: int) -> bool:
        """Look at what the table says of that name; whether its holder is gone."""
        now = self.steady()
        seen = self._seen.get(name)
        if seen is None or seen.said != (holder, beats) or now - seen.looked > self.seconds / 2:
            seen = self._seen[name] = _Seen((holder, beats), now, now)
        seen.looked = now
        return now - seen.since >= self.seconds

    def forget(self, name: str) -> None:
        """Forget a name that nobody holds."""
        self._seen.pop(name, None)


@dataclass(slots=True)
class _Seen:
    said: tuple[object, int]
    since: float
    looked: float
