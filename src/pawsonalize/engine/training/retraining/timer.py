"""The schedule, kept: the run of each tick begins once, on whichever server sees it first."""

from pawsonalize.engine.training.retraining.runs import Runs
from pawsonalize.engine.training.retraining.schedule import Schedule


class Timer:
    """Begins the run of a tick when its time has come.

    Ticks that were missed while nothing was up are made up for by one run. Where the clock jumps
    forward over several, one run begins; where it jumps back, those it meets again are known.
    """

    def __init__(self, runs: Runs, schedule: Schedule, now: int) -> None:
        self._runs = runs
        self._schedule = schedule
        last = next((record.started_at for record in runs.newest(1)), now)
        self._seen = min(last, now)

    def look(self, now: int) -> None:
        """Begin the run that is due, if any is and no other one runs."""
        self._seen = min(self._seen, now)
        tick = self._schedule.latest(now)
        if tick is not None and tick > self._seen and self._runs.begin_tick(tick, now):
            self._seen = tick
