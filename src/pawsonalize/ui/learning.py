"""What the site says while no model is live: what is learned from, or what is missing."""

from dataclasses import dataclass

from pawsonalize.engine.training.retraining.record import Step
from pawsonalize.engine.training.retraining.runs import FirstRun, Runs
from pawsonalize.storage.event_log import EventLog

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
    """How far the first model is; `first_run` is None where this server trains nothing."""

    log: EventLog
    runs: Runs
    first_run: FirstRun | None

    def in_words(self) -> str:
        """What is so at this moment, in two or three sentences."""
        events = self.log.head()
        run = next(iter(self.runs.newest(1)), None)
        if run is not None and run.ended_at is None:
            step, doing = _DOING.get(run.step, (_STEPS, "about to end"))
            return (
                f"No model is live yet. The first is {doing} (step {step} of {_STEPS}), from"
                f" {events:,} events. {_MEANWHILE}"
            )
        if run is not None and run.outcome is not None:
            why = run.reason.rstrip(".")
            return f"No model is live yet. The last training led to none: {why}. {_MEANWHILE}"
        if self.first_run is None:
            return f"No model is live yet: run pawsonalize train. {_MEANWHILE}"
        needed = self.first_run.events_needed
        if events < needed:
            return (
                f"No model is live yet: there {_are(events)}, and the first training begins"
                f" with {needed:,}. {_MEANWHILE}"
            )
        return f"No model is live yet. The first training is about to begin. {_MEANWHILE}"


def _are(events: int) -> str:
    return "is 1 event" if events == 1 else f"are {events:,} events"
