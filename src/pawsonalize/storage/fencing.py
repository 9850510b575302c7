"""Writes that count only while a lease is held: each transaction looks first."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import Connection, select

from pawsonalize.domain.errors import LeaseLost
from pawsonalize.storage.work_tables import work

_FENCES: ContextVar[tuple[tuple[str, int], ...]] = ContextVar("fences", default=())


@contextmanager
def fence_writes(name: str, token: int) -> Iterator[None]:
    """While the block runs, make writes of this thread LeaseLost if the token is another's."""
    before = _FENCES.set((*_FENCES.get(), (name, token)))
    try:
        yield
    finally:
        _FENCES.reset(before)


def works_under_lease() -> bool:
    """True if writes of this thread are fenced."""
    return bool(_FENCES.get())


def check_fences(connection: Connection) -> None:
    """Raise LeaseLost unless this thread's leases are still its own, in a write transaction."""
    for name, token in _FENCES.get():
        if connection.scalar(select(work.c.token).where(work.c.name == name)) != token:
            raise LeaseLost(f"another process goes on with {name}: this one ends")
