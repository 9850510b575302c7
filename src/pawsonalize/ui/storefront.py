"""Parts that the adoption site needs, handed to it by the composition root."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from pawsonalize.engine.ingest.events import Ingest
from pawsonalize.engine.serving.animals.available_watch import InventorySearch
from pawsonalize.engine.serving.animals.ranking import Individuals
from pawsonalize.engine.serving.live_model import LiveModel
from pawsonalize.engine.serving.recommender import Runtime
from pawsonalize.engine.upkeep.erasing import Erasing
from pawsonalize.storage.animals.animals import Animals
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.ui.learning import Learning


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
