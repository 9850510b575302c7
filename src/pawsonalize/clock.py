"""The one place where the clock is read; from here the moment travels as an argument."""

import time


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
