"""What the service's own processes run: trainings, refreshes, the gate, retrainings.

These commands are not for people. Each starts by `python -m pawsonalize.cli.low_priority`.
"""

import signal
import sys
from functools import partial

import typer

from pawsonalize import clock
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.domain.times import DAY
from pawsonalize.settings import Settings, load_settings


def train_version(name: str) -> None:
    """Train a solution version that was created before, after all other work of the machine.

    Example: pawsonalize train-version recommender-20260517T093000000Z-1f2e3d
    """
    from pawsonalize.app import opened
    from pawsonalize.app.tenants import count_training

    with opened(load_settings()) as adapters:
        try:
            adapters.trainer.train(name)
        except PawsonalizeError as error:  # the version keeps its reason, for who waits for it
            raise typer.Exit(1) from error
        finally:
            count_training(adapters, name)


def refresh() -> None:
    """Take new events into the versions that campaigns serve, after all other work of the machine.

    Example: pawsonalize refresh
    """
    from pawsonalize.app import opened
    from pawsonalize.app.side_processes import FAILED, refresh_counts
    from pawsonalize.engine.resources.processes import rest

    settings = _settings()
    began = clock.now()
    with opened(settings) as adapters:
        all_fresh = refresh_counts(adapters, adapters.problems(settings))
    rest(settings.refresh_lock, began, clock.now())
    if not all_fresh:
        raise typer.Exit(FAILED)


def follow_latest() -> None:
    """Send campaigns that follow their solution to its newest version, if the gate promotes it.

    Example: pawsonalize follow-latest
    """
    from pawsonalize.app import following, opened
    from pawsonalize.engine.resources.processes import rest

    settings = _settings()
    began = clock.now()
    try:
        with opened(settings) as adapters:
            following(settings, adapters).look_after(began)
    finally:
        rest(settings.judging_lock, began, clock.now())


def work(name: str) -> None:
    """Work on the run that this worker's name has claimed, after all other work of the machine.

    Example: pawsonalize work host-4711-1f2e3d
    """
    from pawsonalize.app import attempt, couriers, opened, worker

    settings = _settings()
    for sign in (signal.SIGTERM, signal.SIGINT):  # the lease is given back on the way out
        signal.signal(sign, lambda *_: sys.exit(0))
    with opened(settings) as adapters:
        worker(settings, adapters, name).work()
        for courier in couriers(settings, adapters.deliveries):  # where no server runs
            attempt(f"deliver due {courier.name}", partial(courier.deliver_due, clock.now()))
        adapters.retraining_runs.forget(clock.now() - settings.run_retention_days * DAY)


def _settings() -> Settings:
    """The settings, with logs as they say."""
    from pawsonalize.logs import configure_logs

    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    return settings
