"""Rule that says when a board is worth its place."""

from typing import TYPE_CHECKING

from pawsonalize.app.adapters import Adapters
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.times import HOUR
from pawsonalize.engine.serving.animals.available import Slots
from pawsonalize.engine.serving.animals.utility import Weighing
from pawsonalize.engine.serving.context import Query
from pawsonalize.settings import Settings
from pawsonalize.wings.boards import BoardSettings

if TYPE_CHECKING:
    from pawsonalize.access.services import Services  # of a server, and commands load the rule

VISIT = HOUR
NONE = 2  # answers "none of these" in a row: animals on boards are not what the visitor seeks
MOST_LEFT = 3  # boards left alone among the visitor's newest answers: it is not to their taste
WORTH = 0.1
"""Least variance of log-odds that is left. Three picks out of nine tell about a seventh of it (0.12
log-odds). Pages tell trainings of less variance than there is: 0.6 where visitors differ by 1.1."""


class BoardRule:
    """The rule `ask` of one service."""

    def __init__(self, boards_per_visitor: int) -> None:
        self._most = boards_per_visitor

    def __call__(self, weighing: Weighing, slots: Slots, query: Query) -> bool:
        """True if boards were answered well, none waits, and much is left to know of the page."""
        if query.visitor == Visitor():  # nobody could be known by it
            return False
        boards = weighing.personal.boards
        if len(boards.picked) >= self._most or len(boards.left) >= MOST_LEFT or not len(slots):
            return False
        # By the hour and not by the session, which may last for months.
        if any(board.as_of >= query.at - VISIT for board in boards.left):
            return False
        newest = boards.picked[:NONE]
        if len(newest) == NONE and not any(board.picks for board in newest):
            return False
        return float(weighing.variance_left(slots).mean()) >= WORTH


def started(settings: Settings, _adapters: Adapters, _services: "Services") -> BoardSettings:
    """Share the settings with the wing's operations."""
    return settings.part(BoardSettings)


def rule(settings: Settings) -> BoardRule:
    """The rule by the settings."""
    return BoardRule(settings.part(BoardSettings).boards_per_visitor)
