"""Work in a process of its own: what kills that one, or does not end, costs the function nothing.

A function that dies takes its batch with it. Lambda hands the batch on again, and cannot know
whether the function or the service behind it is at fault.
"""

import multiprocessing
import os
import resource
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeVar

_MEMORY = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"  # in MB
_SHARE = 0.6  # the function itself is in memory as well
# A fork has everything imported. Lambda's runtime has one thread, so no lock is held in it.
_FORK = multiprocessing.get_context("fork")

G = TypeVar("G")
T = TypeVar("T")


def run_apart(work: Callable[[G], T], given: G, seconds: float) -> T | None:
    """Return what the work returns in a fork of this process; None if that died or did not end."""
    ours, theirs = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_send, args=(theirs, work, given), daemon=True)
    process.start()
    theirs.close()
    try:
        return ours.recv() if ours.poll(seconds) else None
    except (EOFError, OSError):  # it ended before, or while it answered
        return None
    finally:
        process.kill()
        process.join()
        ours.close()


def _send(to: Connection, work: Callable[[G], T], given: G) -> None:
    if memory := os.environ.get(_MEMORY):
        # Where memory runs out, Lambda may end the function and not the fork alone.
        most = int(int(memory) * 1_000_000 * _SHARE)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    to.send(work(given))
