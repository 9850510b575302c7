"""`pawsonalize work`: what the process of a retraining's worker runs; not for people."""

import signal
import sys

from pawsonalize import clock
from pawsonalize.app import attempt, couriers, deliver_due, opened, worker
from pawsonalize.domain.times import DAY
from pawsonalize.logs import configure_logs
from pawsonalize.settings import load_settings


def work(name: str) -> None:
    """Work on the run that this worker's name has claimed, after all other work of the machine.

    Example: pawsonalize work host-4711-1f2e3d
    """
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    for sign in (signal.SIGTERM, signal.SIGINT):  # the lease is given back on the way out
        signal.signal(sign, lambda *_: sys.exit(0))
    with opened(settings) as adapters:
        worker(settings, adapters, name).work()
        for courier in couriers(settings, adapters.deliveries):  # where no server runs
            attempt(deliver_due, courier)
        adapters.workflow_runs.forget(clock.now() - settings.run_retention_days * DAY)
