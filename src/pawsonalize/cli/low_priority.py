"""`python -m pawsonalize.cli.low_priority COMMAND …` lets all other work go first."""

import importlib
import os
import stat
import sys

_NICENESS = 10
_CONNECTIONS = 8  # as BACKGROUND_CONNECTIONS of the settings, which take long to import


# The process gives way before it imports anything: that alone takes a second, which requests would
# feel.
def give_way(niceness: int = _NICENESS) -> None:
    """Let everything else go first, once only; of several cores, leave one alone."""
    if os.nice(0) >= niceness:
        return
    os.nice(niceness - os.nice(0))
    if sys.platform == "linux":
        _, *others = sorted(os.sched_getaffinity(0))
        if others:
            os.sched_setaffinity(0, others)


def need_few_connections() -> None:
    """Whoever works alone needs fewer connections to the database than who answers."""
    name = "PAWSONALIZE_DATABASE_CONNECTIONS"
    os.environ[name] = str(min(int(os.environ.get(name, _CONNECTIONS)), _CONNECTIONS))


def end_with_parent() -> None:
    """End when the process does that started this one and belongs to; see `ChildProcesses`."""
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        from pawsonalize.kinds.processes import end_after

        end_after(lambda: os.read(0, 1))  # nobody writes: it returns at the end of file


if __name__ == "__main__":
    need_few_connections()
    give_way()
    end_with_parent()
    importlib.import_module("pawsonalize.cli.main").main(warn=False)
