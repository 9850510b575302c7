"""Boards for recommendations and for the adoption site."""

from typing import TYPE_CHECKING

from pawsonalize.app.ports import OFFERS_BOARD, SITE_BOARDS
from pawsonalize.plugins.boards import BoardSettings

if TYPE_CHECKING:
    from pawsonalize.app.app import App
    from pawsonalize.app.settings import Settings
    from pawsonalize.plugins.boards.giving import BoardRule, Boards


def board_rule(settings: "Settings") -> "BoardRule":
    """Return the rule that says if a board is worth its place."""
    from pawsonalize.plugins.boards.giving import BoardRule

    return BoardRule(settings.part(BoardSettings).boards_per_visitor)


def site_boards(app: "App") -> "Boards | None":
    """Return the boards of this server's pages; None where nobody is to be asked."""
    from pawsonalize.plugins.boards.giving import Boards

    own = app.settings.part(BoardSettings)
    boards = Boards(app.animal_recommender, own.board_size)
    return boards if own.boards_per_visitor else None


PORTS = (OFFERS_BOARD.by(board_rule), SITE_BOARDS.by(site_boards))
