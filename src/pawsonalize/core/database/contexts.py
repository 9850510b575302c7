"""Contexts of a thread: a request that it answers, and the leases that its writes depend on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from sqlalchemy import Connection, select

from pawsonalize.core.database.tables import work
from pawsonalize.core.errors import LeaseLost
from pawsonalize.core.logs import get_logger

log = get_logger()

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
        # Read in the transaction of the write, so nobody takes the lease in between.
        if connection.scalar(select(work.c.token).where(work.c.name == name)) != token:
            # Here, as some callers end without a word, and a beat may find nothing left to lose.
            log.warning("another process goes on", lease=name)
            raise LeaseLost(f"another process goes on with {name}: this one ends")


P = ParamSpec("P")
T = TypeVar("T")

# True in requests and the threads that they use. Trainings and jobs have time.
answering: ContextVar[bool] = ContextVar("answering", default=False)


def in_time(call: Callable[P, T]) -> Callable[P, T]:
    """The same call, for whom somebody waits."""

    def answered(*args: P.args, **kwargs: P.kwargs) -> T:
        before = answering.set(True)
        try:
            return call(*args, **kwargs)
        finally:
            answering.reset(before)

    return answered
