"""Parts that the adoption site needs, handed to it by the composition root."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from pawsonalize.engine.ingest.events import Ingest
from pawsonalize.engine.serving.animals.available_watch import InventorySearch
from pawsonalize.engine.serving.animals.ranking import Individuals
from pawsonalize.engine.serving.live_model import LiveModel
from pawsonalize.engine.serving.recommender import Runtime
from pawsonalize.engine.training.retraining.record import Step
from pawsonalize.engine.training.retraining.runs import FirstRun, Runs
from pawsonalize.engine.upkeep.erasing import Erasing
from pawsonalize.storage.animals.animals import Animals
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
        if events >= needed:
            events = self.log.rows_through(events)  # the log is also other dataset groups'
        if events < needed:
            there_are = "there is 1 event" if events == 1 else f"there are {events:,} events"
            return f": {there_are}, and the first training begins with {needed:,}."
        return ". The first training is about to begin."


@dataclass(frozen=True, slots=True)
class Storefront:
    """The engine's parts behind the pages."""

    runtime: Runtime
    individuals: Individuals
    search: InventorySearch
    ingest: Ingest
    log: EventLog
    animals: Animals
    live: LiveModel
    now: Callable[[], int]
    learning: Learning
    erasing: Erasing
    start_training: Callable[[], None] | None = None
    """Returns at once and trains in the background; None hides the button."""
    is_demo: bool = True
    """Whether pages tell how they are made, and what one can try."""
    is_open: bool = True
    """Whether anybody may act as any visitor; if not, nobody can say who they are."""
    name: str = "Pawsonalize"
    """Name of the site."""
    page_key: str | None = None
    """Key with which the pages call the API, where one is needed."""

    @classmethod
    def of(cls, request: Request) -> "Storefront":
        """The storefront of the app that serves the request."""
        storefront = request.app.state.storefront
        assert isinstance(storefront, cls)
        return storefront
