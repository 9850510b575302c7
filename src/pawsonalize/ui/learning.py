"""Messages of the site while no model is live: the events that it learns from, or lacks."""

from dataclasses import dataclass

from pawsonalize.engine.training.retraining.record import Step
from pawsonalize.engine.training.retraining.runs import FirstRun, Runs
from pawsonalize.storage.events.event_log import EventLog

_MEANWHILE = (
    "Until then animals are ordered by what you and others look at, how long they wait, and how"
    " little they were shown."
)
_STEPS = 4
_DOING = {
    Step.CHECK_DATA: (1, "looking through the events"),
    Step.CREATE_VERSIONS: (2, "about to learn"),
    Step.AWAIT_VERSIONS: (2, "learning"),
    Step.EVALUATE: (3, "checking what was learned on events it has not seen"),
    Step.UPDATE_CAMPAIGNS: (4, "putting what was learned into service"),
    Step.AWAIT_CAMPAIGNS: (4, "putting what was learned into service"),
}


@dataclass(frozen=True, slots=True)
class Learning:
    """Progress of the first model; `first_run` is None where this server trains nothing."""

    log: EventLog
    runs: Runs
    first_run: FirstRun | None

    def in_words(self) -> str:
        """Describe the progress at this moment in two or three sentences."""
        return f"No model is live yet{self._state()} {_MEANWHILE}"

    def _state(self) -> str:
        events = self.log.head()
        run = next(iter(self.runs.newest(1)), None)
        if run is not None and run.ended_at is None:
            step, doing = _DOING.get(run.step, (_STEPS, "about to end"))
            return f". The first is {doing} (step {step} of {_STEPS}), from {events:,} events."
        if run is not None and run.outcome is not None:
            return f". The last training led to none: {run.reason.rstrip('.')}."
        if self.first_run is None:
            return ": run pawsonalize train."
        needed = self.first_run.events_needed
        if events < needed:
            there_are = "there is 1 event" if events == 1 else f"there are {events:,} events"
            return f": {there_are}, and the first training begins with {needed:,}."
        return ". The first training is about to begin."
