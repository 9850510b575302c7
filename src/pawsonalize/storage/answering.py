"""Whether somebody waits for what is done: then a database that froze is not waited for."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

answering: ContextVar[bool] = ContextVar("answering", default=False)
"""True in requests and the threads that they use. Trainings and jobs have time."""


def in_time(call: Callable[P, T]) -> Callable[P, T]:
    """The same call, for whom somebody waits."""

    def answered(*args: P.args, **kwargs: P.kwargs) -> T:
        before = answering.set(True)
        try:
            return call(*args, **kwargs)
        finally:
            answering.reset(before)

    return answered
