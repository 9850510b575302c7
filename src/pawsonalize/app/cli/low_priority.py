"""`python -m pawsonalize.app.cli.low_priority COMMAND …` lets all other work go first.

With `report_outcomes GROUP SINCE UNTIL WITHIN PARTS` it prints an outcomes report as JSON.
"""

import gc
import importlib
import os
import signal
import stat
import sys

_NICENESS, _AWAITED_NICENESS = 10, 2
_CONNECTIONS = 8  # as BACKGROUND_CONNECTIONS of the settings, which take long to import


# The process gives way before it imports anything: that alone takes a second, which requests would
# feel.
def give_way(niceness: int = _NICENESS) -> None:
    """Lower this process's priority, once only, and keep it off one of several cores (Linux)."""
    if os.nice(0) >= niceness:
        return
    os.nice(niceness - os.nice(0))
    if sys.platform == "linux":
        _, *others = sorted(os.sched_getaffinity(0))
        if others:
            os.sched_setaffinity(0, others)


def need_few_connections() -> None:
    """Allow this process few connections to the database, as it answers no requests."""
    name = "PAWSONALIZE_DATABASE_CONNECTIONS"
    os.environ[name] = str(min(int(os.environ.get(name, _CONNECTIONS)), _CONNECTIONS))


def end_with_parent() -> None:
    """End this process when its parent ends, if standard input is a pipe; see `ChildProcesses`."""
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        from pawsonalize.core.work.processes import end_after

        end_after(lambda: os.read(0, 1))  # nobody writes: it returns at the end of file


# Servers start it for somebody who waits. So it imports only what it needs, and goes only a little
# after other work.
def report_outcomes(dataset_group: str, *numbers: str) -> int:
    """Print the report, or the reason why there is none, as JSON; returns the exit code."""
    import msgspec

    from pawsonalize.app.databases import opened_outcome_tables
    from pawsonalize.app.settings import load_settings
    from pawsonalize.core.config import read_secrets
    from pawsonalize.core.database.data_folder import make_files_private
    from pawsonalize.core.errors import PawsonalizeError, reason_of
    from pawsonalize.core.logs import configure_logs
    from pawsonalize.reports import outcomes_process
    from pawsonalize.reports.outcomes_report import OutcomesOrder

    since, until, within, parts = map(int, numbers)
    written: outcomes_process.OutcomesMade | outcomes_process.OutcomesRefused
    try:
        read_secrets(os.environ)
        settings = load_settings()
        make_files_private(settings.data_access)
        configure_logs(settings.log_format, settings.log_level)
        with opened_outcome_tables(settings) as tables:
            order = OutcomesOrder(since, until, within)
            written = outcomes_process.make_outcomes(tables.of(dataset_group), order, parts)
    except PawsonalizeError as error:
        written = outcomes_process.OutcomesRefused(reason_of(error))
    print(msgspec.json.encode(written).decode())
    return outcomes_process.REFUSED if isinstance(written, outcomes_process.OutcomesRefused) else 0


if __name__ == "__main__":
    need_few_connections()
    if sys.argv[1:2] == ["report_outcomes"]:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this
        gc.disable()  # it ends in a moment, and nearly all it makes lives until then
        give_way(_AWAITED_NICENESS)
        end_with_parent()
        sys.exit(report_outcomes(*sys.argv[2:]))
    give_way()
    end_with_parent()
    importlib.import_module("pawsonalize.app.cli.main").main(warn=False)
