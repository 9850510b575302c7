"""Answers to boards, checked and written as the events that they are."""

from collections.abc import Iterator
from typing import Any

import msgspec

from pawsonalize.domain.errors import Conflict, InvalidInput, NotFound
from pawsonalize.domain.events import NO_PICK, PICK, UNPICK, Visitor
from pawsonalize.domain.times import iso
from pawsonalize.engine.ingest.payloads import Part, unpack
from pawsonalize.engine.serving.animals.pages import (
    MOST_PICKS,
    PageReader,
    belongs,
    picked_board,
    place_of,
)
from pawsonalize.engine.serving.exploration import ImpressionLog, UnseenAnswers
from pawsonalize.storage.events.impressions import BOARD, Impression

_DEEDS_READ = 100


class Picks(msgspec.Struct, frozen=True):
    """An answer of a visitor to a board, best first; nothing is "none of these"."""

    board_id: str
    visitor: Visitor
    animals: tuple[str, ...]
    at: int


class PickDoor(msgspec.Struct, frozen=True):
    """Checks picks against the board that was given."""

    pages: PageReader
    given: ImpressionLog | UnseenAnswers

    def events(self, picks: Picks) -> list[Part]:
        """The events of what was not said before, as `/v1/events` takes them.

        NotFound for a board that this visitor was not given, Conflict for one that was answered
        otherwise, InvalidInput for animals that are not on it.
        """
        board = self._board(picks)
        if board is None:
            raise no_board(picks.board_id)
        places = _places(board, picks.animals)
        deeds = self.pages.log.deeds_of(picks.visitor, picks.at, _DEEDS_READ)
        mine = [one for one in deeds if one.recommendation_id == picks.board_id]
        if any(one.event_type == UNPICK for one in mine):
            raise Conflict(
                f"a pick of board {picks.board_id} was taken back: ask POST /v1/boards for another"
            )
        sent = list(_events(board, places, picks))
        if (before := picked_board(board, mine)) is not None:
            if not _goes_on(before.picks, places):
                raise Conflict(
                    f"board {picks.board_id} was answered already, and otherwise: ask"
                    " POST /v1/boards for another"
                )
            sent = sent[max(len(before.picks), 1) :]
        return unpack(msgspec.json.encode(sent))

    def knows(self, picks: Picks) -> bool:
        """True if the visitor was given that board, as far as is known here by now."""
        return self._board(picks) is not None

    def _board(self, picks: Picks) -> Impression | None:
        if picks.visitor == Visitor():
            raise InvalidInput(
                "say who picked: send the sessionId or the userId", field="sessionId"
            )
        waiting = self.given.waiting_of(picks.visitor)
        answer = next((one for one in waiting if one.recommendation_id == picks.board_id), None)
        board = answer or self.pages.table.get(picks.board_id)
        if board is None or board.question != BOARD:
            return None
        # Whoever signed in since may have another session by now.
        user, session = picks.visitor.user_id, board.session_id
        theirs = belongs(board, picks.visitor) or (
            user and session and self.pages.log.owner(session, picks.at) == user
        )
        return board if theirs else None


def no_board(board_id: str) -> NotFound:
    """The error of a board that there is not, or that others were given: which is not told."""
    return NotFound(
        f"there is no board {board_id} of this visitor: send the boardId that POST /v1/boards gave,"
        " and the userId or the sessionId that asked for it"
    )


def _goes_on(before: tuple[int, ...], picks: tuple[int, ...]) -> bool:
    """True if these are the picks of before, or those and further ones."""
    return picks[: len(before)] == before if before else not picks


def _places(board: Impression, animals: tuple[str, ...]) -> tuple[int, ...]:
    if len(animals) > MOST_PICKS:
        raise InvalidInput(
            f"animals may have {MOST_PICKS} ids, not {len(animals)}", field="animals"
        )
    found = []
    for animal_id in animals:
        place = place_of(board, animal_id)
        if place is None:
            raise InvalidInput(
                f"animal {animal_id} is not on board {board.recommendation_id}: send ids of its"
                " animals",
                field="animals",
            )
        if place in found:
            raise InvalidInput(f"animal {animal_id} is picked twice: send it once", field="animals")
        found.append(place)
    return tuple(found)


def _events(board: Impression, places: tuple[int, ...], picks: Picks) -> Iterator[dict[str, Any]]:
    name, visitor = board.recommendation_id, picks.visitor
    session = visitor.session_id if belongs(board, visitor) else None
    ids = [one[0] for one in board.animal_ids or ()]
    event: dict[str, Any] = {
        # An event needs a session. Whoever has none, or signed in since, has the board's own: so it
        # is known that the pick is of its visitor.
        "sessionId": session or board.session_id or name,
        "boardId": name,
        # So an archive that is replayed elsewhere tells the whole choice.
        "impression": ids,
        "sentAt": iso(picks.at),
    }
    if visitor.user_id is not None:
        event["userId"] = visitor.user_id
    if not places:
        yield {**event, "eventType": NO_PICK, "eventId": f"{name}-1"}
    # By its id, the same answer counts once however often it is sent, and one is the first.
    for rank, place in enumerate(places, start=1):
        own = {"animal_id": picks.animals[rank - 1], "itemId": board.item_ids[place]}
        yield {**event, **own, "eventType": PICK, "eventValue": rank, "eventId": f"{name}-{rank}"}
