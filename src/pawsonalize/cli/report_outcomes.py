"""`python -m pawsonalize.cli.report_outcomes GROUP SINCE UNTIL WITHIN PARTS`: a report, as JSON."""

import gc
import os
import signal
import sys

from pawsonalize.cli.low_priority import end_with_parent, give_way, need_few_connections

_NICENESS = 2


# Servers start it for somebody who waits. So it imports only what it needs, and goes only a little
# after other work.
def main(dataset_group: str, *numbers: str) -> int:
    """Write the report or why there is none; the exit code says which it is."""
    import msgspec

    from pawsonalize.app.databases import opened_outcome_tables
    from pawsonalize.config import read_secrets
    from pawsonalize.domain.errors import PawsonalizeError, reason_of
    from pawsonalize.engine.reporting import outcomes_process
    from pawsonalize.engine.reporting.outcomes_report import OutcomesOrder
    from pawsonalize.logs import configure_logs
    from pawsonalize.settings import load_settings
    from pawsonalize.storage.data_folder import make_files_private

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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this
    gc.disable()  # it ends in a moment, and nearly all it makes lives until then
    need_few_connections()
    give_way(_NICENESS)
    end_with_parent()
    sys.exit(main(*sys.argv[1:]))
