"""The one place where clocks are read; from here the moment travels as an argument.

`now` is the service's clock, which dates animals, events, answers and schedules. It is the
machine's, or the moment in a file (the setting `clock_file`), which stands still until somebody
writes the file anew. `real_now` is the machine's in any case, for what waits for machines or lets
callers in: caches, pauses between looks, rates, keys, sessions, signatures.
"""

import threading
import time
from contextlib import nullcontext, suppress
from pathlib import Path

from pawsonalize.core.errors import InvalidInput, NotReady
from pawsonalize.core.times import iso, parse_moment

_TRIES, _PAUSE_SECONDS = 20, 0.005  # outlast a writer that empties the file before it fills it


class ClockFile:
    """A file that holds one moment, which never goes back while this process lives."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.Lock()  # no thread compares with what another one read later
        self._content, self._moment = b"", 0

    def now(self) -> int:
        """Return the moment in the file; NotReady if there is none, or one before the last."""
        with self._lock:
            try:
                if (content := self._read()) != self._content:
                    text = content.decode(errors="replace").strip()
                    moment, before = parse_moment(text, repr(text)), self._moment
                    if moment < before:
                        raise InvalidInput(f"it holds {iso(moment)}, and held {iso(before)} before")
                    self._content, self._moment = content, moment
            except (OSError, InvalidInput) as error:
                reason = error.message if isinstance(error, InvalidInput) else error.strerror
                raise NotReady(
                    f"the setting clock_file is {self.path}, and that file tells no time: {reason}."
                    " Write one there that is not before the last, in the form 2026-03-01T09:00:00Z"
                ) from error
            return self._moment

    def _read(self) -> bytes:
        # Each time anew: a few bytes cost as little as a look whether they have changed, which two
        # writes in a row can escape.
        for left in reversed(range(_TRIES)):
            with (
                suppress(OSError) if left else nullcontext(),
                Path(self.path).open("rb", 0) as file,
            ):
                if (content := file.read(64)).strip() or not left:
                    return content
            time.sleep(_PAUSE_SECONDS)
        return b""


_file: ClockFile | None = None


def use_file(path: str) -> None:
    """Let `now` be the moment in that file in this process; without a path, the machine's."""
    global _file  # noqa: PLW0603 - it is of the process, as the machine's clock is
    if path != (_file.path if _file else ""):
        _file = ClockFile(path) if path else None


def is_played() -> bool:
    """True if `now` is the moment in a file."""
    return _file is not None


def now() -> int:
    """Milliseconds since 1970 by the service's clock: `clock_file`, else the machine's."""
    return real_now() if _file is None else _file.now()


def real_now() -> int:
    """Milliseconds since 1970 by the machine's clock."""
    return time.time_ns() // 1_000_000


def passed() -> int:
    """Milliseconds that advance when either clock does; subtract two, as caches do for expiry."""
    return real_now() if _file is None else real_now() + _file.now()
