"""Boards of the adoption site."""

from collections.abc import Container
from typing import TYPE_CHECKING

import msgspec

from pawsonalize.domain.events import Visitor
from pawsonalize.engine.ingest.payloads import Part
from pawsonalize.engine.serving.animals.pages import PAGES_READ
from pawsonalize.engine.serving.animals.recommender import AnimalRecommender
from pawsonalize.engine.serving.query import Query
from pawsonalize.settings import Settings
from pawsonalize.storage.events.impressions import BOARD
from pawsonalize.ui.storefront import SiteBoard
from pawsonalize.wings.boards import BoardSettings
from pawsonalize.wings.boards.giving import VISIT, give_board
from pawsonalize.wings.boards.picking import PickDoor, Picks

if TYPE_CHECKING:
    from pawsonalize.app.engine import Engine


class Boards(msgspec.Struct, frozen=True):
    """Gives boards to the pages; see `ui.storefront.SiteBoards`."""

    individuals: AnimalRecommender
    size: int

    def give(self, query: Query) -> SiteBoard:
        """A new board for whoever asks; without animals if it is not worth its place now."""
        # The page may be of an earlier visit, and shown again.
        answer = give_board(self.individuals, query, self.size, if_worth=True)
        animals = tuple(place.animal_ids[0] for place in answer.places)
        return SiteBoard(answer.recommendation_id, animals, query.at)

    def waiting(self, visitor: Visitor, at: int, answered: Container[str]) -> SiteBoard | None:
        """The newest board of this visit, if it is not among those that were answered."""
        unwritten = self.individuals.impressions.waiting_of(visitor)
        stored = self.individuals.pages.table.pages_of(visitor, at, PAGES_READ)
        boards = [one for one in (*stored, *unwritten) if one.question == BOARD]
        newest = max(boards, key=lambda one: one.as_of, default=None)
        if newest is None or newest.as_of < at - VISIT or newest.recommendation_id in answered:
            return None
        animals = tuple(ids[0] for ids in newest.animal_ids or ())
        return SiteBoard(newest.recommendation_id, animals, newest.as_of)

    def knows(self, board_id: str, visitor: Visitor, at: int) -> bool:
        """True if there is an answer of that id by now."""
        return self._door.knows(Picks(board_id, visitor, (), at))

    def events(
        self, board_id: str, visitor: Visitor, picked: tuple[str, ...], at: int
    ) -> list[Part]:
        """The events of an answer to a board."""
        return self._door.events(Picks(board_id, visitor, picked, at))

    @property
    def _door(self) -> PickDoor:
        return PickDoor(self.individuals.pages, self.individuals.impressions)


def boards_of(settings: Settings, engine: "Engine") -> Boards | None:
    """The boards of this server's pages, or None where nobody is to be asked."""
    own = settings.part(BoardSettings)
    return Boards(engine.serving.individuals, own.board_size) if own.boards_per_visitor else None
