"""Waiting for what happens in other threads and processes, on a busy machine, too."""

import time
from collections.abc import Callable


def wait_until(
    holds: Callable[[], object],
    seconds: float = 300,
    *,
    pause: float = 0.02,
    told: Callable[[], object] = str,
) -> None:
    """Return once it holds; fail if it does not within the seconds, with what is `told`."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} seconds: {told()}"
        time.sleep(pause)
