"""Boards that a visitor was given, and what they picked of them."""

from collections.abc import Iterable, Sequence
from itertools import islice
from operator import attrgetter

import msgspec
from msgspec.structs import replace

from pawsonalize.domain.errors import Conflict
from pawsonalize.domain.events import (
    DEFAULT_DATASET_GROUP,
    NO_PICK,
    PICKS,
    Event,
    Visitor,
    standing,
)
from pawsonalize.domain.preferences import WantedValues, about_picks, speak_against
from pawsonalize.engine.serving.animals.pages import place_of
from pawsonalize.storage.animals.animals import Animals
from pawsonalize.storage.events.histories import Deed
from pawsonalize.storage.events.impressions import BOARD, Impression, Impressions

MOST_PICKS = 3
BOARDS_READ = 6  # of a visitor's newest: as many as an answer has time for
_MOMENT = attrgetter("sent_at", "offset")
_DECODE = msgspec.json.Decoder(tuple[str, ...]).decode


class PickedBoard(msgspec.Struct, frozen=True):
    """A board that was answered: the group and the animal of each place, and the picked places."""

    groups: tuple[str, ...]
    animals: tuple[str, ...]
    picks: tuple[int, ...]
    """Best first; empty for "none of these"."""


class BoardHistory(msgspec.Struct, frozen=True):
    """The boards of one visitor. One of which all picks were taken back is neither."""

    picked: tuple[PickedBoard, ...] = ()
    """Those that were answered, newest answer first."""
    left: tuple[Impression, ...] = ()
    """Those among the newest answers that were left alone, newest first."""

    @property
    def picked_animals(self) -> set[str]:
        """The animals that were picked of any board."""
        return {board.animals[place] for board in self.picked for place in board.picks}


NO_BOARDS = BoardHistory()


class BoardReader(msgspec.Struct, frozen=True):
    """Finds the boards that events answer."""

    table: Impressions
    animals: Animals

    def of(
        self,
        deeds: Iterable[Deed],
        given: Sequence[Impression],
        wishes: Sequence[WantedValues] = (),
    ) -> BoardHistory:
        """The boards of a visitor with these deeds, both newest first; `given` were read already.

        A pick that a later wish speaks against is as if it had been taken back; see `about_picks`.
        A board that is in no table, after a replay or on another server, is as the event lists it.
        """
        wishes = about_picks(wishes)
        answers: dict[str, list[Deed]] = {}
        for deed in deeds:
            if deed.event_type in PICKS and deed.recommendation_id is not None:
                answers.setdefault(deed.recommendation_id, []).append(deed)
        left = tuple(board for board in given if board.recommendation_id not in answers)
        newest = dict(islice(answers.items(), BOARDS_READ))
        known = {board.recommendation_id: board for board in given}
        if missing := [name for name in newest if name not in known]:
            known |= self.table.get_many(missing)
        boards = ((known.get(name) or self._listed(those)) for name, those in newest.items())
        answered = zip(boards, newest.values(), strict=True)
        picked = (_picked(board, those, wishes) for board, those in answered if board is not None)
        return BoardHistory(tuple(one for one in picked if one is not None), left)

    def _listed(self, deeds: Sequence[Deed]) -> Impression | None:
        """The board as the events list it, without animals that nobody knows; None without list."""
        deed = next((one for one in deeds if one.impression is not None), None)
        if deed is None or deed.impression is None:
            return None
        ids = _DECODE(deed.impression)
        known = self.animals.get_many(ids)
        here = [one for one in ids if one in known]
        return Impression(
            recommendation_id=deed.recommendation_id or "",
            question=BOARD,
            user_id=deed.user_id,
            session_id=deed.session_id,
            answered_at=deed.sent_at,
            as_of=deed.sent_at,
            solution_version="",
            item_ids=tuple(known[one].group_at(deed.sent_at).id for one in here),
            animal_ids=tuple((one,) for one in here),
        )


def _picked(
    board: Impression, deeds: Sequence[Deed], wishes: Sequence[WantedValues]
) -> PickedBoard | None:
    found = picked_board(board, deeds)
    if found is None or not (wishes and found.picks):
        return found
    at = max(deed.sent_at for deed in deeds)
    groups = found.groups
    picks = tuple(one for one in found.picks if not speak_against(wishes, groups[one], at))
    return replace(found, picks=picks) if picks else None


def picked_board(board: Impression, deeds: Sequence[Deed]) -> PickedBoard | None:
    """The board with the answer of these deeds; None if it is another visitor's, or none fits.

    An animal counts once, at the rank that the event names, or else in the order of events. Whoever
    picked an animal did not mean "none".
    """
    if board.question != BOARD or not board.animal_ids:
        return None
    in_time = sorted(deeds, key=_MOMENT, reverse=True)
    own = [one for one in standing(in_time) if belongs(board, one)][::-1]
    ranked = sorted(own, key=_rank)  # of one rank by time, as a sort keeps the order of equals
    found = [place_of(board, one.animal_id) for one in ranked if one.event_type != NO_PICK]
    picks = tuple(dict.fromkeys(place for place in found if place is not None))[:MOST_PICKS]
    # Who picked nothing said so; or all was taken back, or was no animal of the board.
    if not picks and len(found) == len(own):
        return None
    return PickedBoard(board.item_ids, tuple([ids[0] for ids in board.animal_ids]), picks)


def _rank(pick: Deed) -> float:
    return pick.event_value or MOST_PICKS


def belongs(board: Impression, visitor: Visitor | Deed | Event) -> bool:
    """True if the board was given to this user, or in this session."""
    same_user = board.user_id is not None and board.user_id == visitor.user_id
    return same_user or (board.session_id is not None and board.session_id == visitor.session_id)


def check_board(answers: Impressions, event: Event) -> None:
    """Refuse an answer to a board that another visitor was given, with Conflict."""
    if event.event_type not in PICKS or event.recommendation_id is None:
        return
    if event.dataset_group != DEFAULT_DATASET_GROUP:
        return  # it answers no board: boards are of the animals there
    # A board that is not found may be another worker's and not written yet, or an old one.
    board = answers.get(event.recommendation_id)
    if board is not None and board.question == BOARD and not belongs(board, event):
        raise Conflict(
            f"board {board.recommendation_id} was given to another visitor: send the userId or the"
            " sessionId that asked for it",
            field="boardId",
        )
