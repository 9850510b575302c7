"""Parts that the adoption site needs, handed to it by the composition root."""

from collections.abc import Callable, Container
from typing import Protocol

import msgspec
from starlette.requests import Request

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core.event import Visitor
from pawsonalize.events.erasure.erasing import Erasing
from pawsonalize.events.event_form import Part
from pawsonalize.events.ingest import Ingest
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.recommend.animals.recommender import AnimalRecommender
from pawsonalize.recommend.groups import GroupRecommender
from pawsonalize.recommend.live_model import LiveModel
from pawsonalize.recommend.query import Query
from pawsonalize.site.languages import text


class DemoSite(msgspec.Struct, frozen=True):
    """Additions of a made-up shelter to its pages, which tell how they are made."""

    learning: Callable[[], str]
    """Describes the progress of the first model."""
    actions: tuple[tuple[str, str, str], ...]
    """Event type, the message of its button, and the one once that is done."""
    adopt: Callable[[str], None] | None
    """Makes an animal adopted, as its shelter would."""
    start_training: Callable[[], None] | None
    """Returns at once and trains in the background; None hides the button."""
    is_open: bool
    """True if anybody may act as any visitor; if not, nobody can say who they are."""
    panel: str
    """Template of what stands beside each page."""
    account: str
    """Template of the form in which visitors say who they are."""


class SiteBoard(msgspec.Struct, frozen=True):
    """Some animals, of which a visitor may pick."""

    board_id: str
    animal_ids: tuple[str, ...]
    given_at: int


class SiteBoards(Protocol):
    """Boards for the pages, from the plugin that gives them."""

    def give(self, query: Query) -> SiteBoard:
        """A new board for whoever asks; without animals if it is not worth its place now."""

    def waiting(self, visitor: Visitor, at: int, answered: Container[str]) -> SiteBoard | None:
        """The newest board of this visit, if it is not among those that were answered."""

    def knows(self, board_id: str, visitor: Visitor, at: int) -> bool:
        """True if there is an answer of that id by now."""

    def events(
        self, board_id: str, visitor: Visitor, picked: tuple[str, ...], at: int
    ) -> list[Part]:
        """The events of an answer to a board, if it is new; nothing picked is "none of these".

        Conflict or NotFound where the board is not open for this visitor.
        """


class SiteAlerts(msgspec.Struct, frozen=True):
    """Wishes of a visitor to be told of animals, and the search of the page."""

    is_known: bool
    """True if the visitor is a user, whom a message can reach."""
    consented: bool
    """True if the user may be told of any animal that they would love."""
    searches: tuple[tuple[str, str], ...]
    """Those that are saved, as queries and in words."""
    search: str
    """That of the page, as it would be saved; empty without any choices."""
    words: str
    """The same in words."""
    most: int
    """Alerts in a week."""
    by_mail: bool
    """True if whoever is no user can be told at an address of e-mail."""

    @property
    def is_saved(self) -> bool:
        """True if the search of the page is."""
        return any(search == self.search for search, _ in self.searches)

    @property
    def how_often(self) -> str:
        """One sentence for those who think about it."""
        key = {1: "alerts.once", 2: "alerts.twice"}.get(self.most, "alerts.times")
        return text(key, times=self.most)


class ReadAlerts(Protocol):
    """Reads the wishes of visitors, from the plugin that writes to them."""

    def __call__(self, visitor: Visitor, search: str = "") -> SiteAlerts:
        """Return the wishes of a visitor, on a page with this search."""


class Storefront(msgspec.Struct, frozen=True):
    """The engine's parts behind the pages."""

    group_recommender: GroupRecommender
    animal_recommender: AnimalRecommender
    ingest: Ingest
    log: EventLog
    animals: Animals
    live: LiveModel
    now: Callable[[], int]
    erasing: Erasing
    demo: DemoSite | None
    """None on the site of a shelter's own animals."""
    boards: SiteBoards | None
    """None where no plugin gives boards."""
    alerts: ReadAlerts | None
    """None where nobody is told of animals."""
    inquiry_form: str | None
    """Template of the form by which visitors write to the shelter; None where there is none."""
    name: str
    """Name of the site."""
    page_key: str | None
    """Key with which the pages call the API, where one is needed."""

    @classmethod
    def of(cls, request: Request) -> "Storefront":
        """The storefront of the app that serves the request."""
        storefront = request.app.state.storefront
        assert isinstance(storefront, cls)
        return storefront

    def alerts_of(self, visitor: Visitor, search: str = "") -> SiteAlerts | None:
        """Return the visitor's wishes; None where nobody could be told."""
        if self.alerts is None:
            return None
        alerts = self.alerts(visitor, search)
        return alerts if alerts.is_known or alerts.by_mail or self.is_open else None

    @property
    def is_open(self) -> bool:
        """True if anybody may act as any visitor."""
        return self.demo is not None and self.demo.is_open

    @property
    def learning(self) -> str | None:
        """Progress of the first model in words, or None: not a demo, or one is live."""
        return None if self.demo is None or self.live.is_ready else self.demo.learning()
