"""Progress: how long work reports how far it is."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Gets how much is done and the total, in one unit."""


def silent(_done: int, _total: int) -> None:
    """A progress that is ignored."""
