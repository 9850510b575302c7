"""Locks that a process holds for as long as it lives, however it ends.

The kernel releases a lock at the holder's death, `kill -9` and restarts of the machine included,
so there is no heartbeat to miss and no process id to confuse with a later one.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOOK_SECONDS = 0.005


@contextmanager
def held(path: Path, *, patience: float = 0.0) -> Iterator[int | None]:
    """The lock's empty file, locked while the block runs; None if another process holds it.

    A child that inherits the descriptor holds the lock on, after the block as well. `patience`
    (seconds) outlasts those who only look whether it is held.
    """
    descriptor = _take(path, patience)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock; the file of one that nobody holds is removed."""
    if not path.exists():
        return False
    with held(path) as descriptor:
        if descriptor is not None:
            path.unlink()
        return descriptor is None


def holder(path: Path) -> int | None:
    """The process whose id is written in the lock's file, or None."""
    try:
        return int(path.read_bytes() or 0) or None
    except FileNotFoundError:
        return None


def _take(path: Path, patience: float) -> int | None:
    deadline = time.monotonic() + patience
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() >= deadline:
                return None
            time.sleep(_LOOK_SECONDS)
            continue
        # Whoever held it may have removed the file between the opening and the locking.
        if os.fstat(descriptor).st_nlink:
            os.ftruncate(descriptor, 0)
            return descriptor
        os.close(descriptor)
