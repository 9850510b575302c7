"""Boards: when one is worth its place, the choice of its animals, the answer, and the picks.

A board is a question. Its animals are drawn one after the other by

    score = ln(1 + scale^2 * v / _SHARED) + _VALUE * u

v is the variance that is left of what the visitor makes of the animal beyond an average one, given
all that is known and as if each animal before had been answered (greedy D-optimal design). u is the
expected log-odds that the visitor opens it: the best page is also the best question, as one picks
with more care among animals that one likes (Viappiani and Boutilier 2010).

Each place is a draw by softmax(score / _TEMPERATURE) among `SAMPLED` animals, which chance alone
takes from all that may be shown. So every animal may be on a board, and its chance is known. The
last places are kept for species that wait and are not on the board yet.

Picks are checked, and written as the events that they are.
"""

from collections.abc import Container, Iterator, Mapping
from types import MappingProxyType

import msgspec
import numpy as np
from msgspec.structs import replace

from pawsonalize.core.errors import Conflict, InvalidInput, NotFound
from pawsonalize.core.event import NO_PICK, PICK, UNPICK, Visitor
from pawsonalize.core.times import HOUR, iso
from pawsonalize.events.event_form import Part, unpack
from pawsonalize.models.recipes.choices.own_effects import VisitorPosterior
from pawsonalize.models.recipes.data import Floats, Ints
from pawsonalize.recommend.animals.available import EVERY_SLOT, Slots
from pawsonalize.recommend.animals.pages import (
    MOST_PICKS,
    PAGES_READ,
    PageReader,
    belongs,
    picked_board,
    place_of,
)
from pawsonalize.recommend.animals.recommender import (
    AnimalRecommender,
    AnimalsAnswer,
    places_in_order,
)
from pawsonalize.recommend.animals.scoring import ScoringInputs, estimate
from pawsonalize.recommend.exploration import Explored, ImpressionLog, UnseenAnswers
from pawsonalize.recommend.query import Query
from pawsonalize.recommend.tables import BOARD, Impression
from pawsonalize.resources.kind import new_recommendation_id
from pawsonalize.site.storefront import SiteBoard

VISIT = HOUR
_NONE = 2  # answers "none of these" in a row: animals on boards are not what the visitor seeks
_MOST_LEFT = 3  # boards left alone among the visitor's newest answers: it is not to their taste
_WORTH = 0.1
"""Least variance of log-odds that is left. Three picks out of nine tell about a seventh of it (0.12
log-odds). Pages tell trainings of less variance than there is: 0.6 where visitors differ by 1.1."""
SAMPLED = 64  # animals at each place; more cost time and choose hardly better
_SHARED = 2.0  # a pick says as much of an animal as a choice between so many
_VALUE = 0.5
_TEMPERATURE = 0.1


class BoardRule:
    """The rule `ask` of one service."""

    def __init__(self, boards_per_visitor: int) -> None:
        self._most = boards_per_visitor

    def __call__(self, inputs: ScoringInputs, slots: Slots, query: Query) -> bool:
        """True if boards were answered well, none waits, and much is left to know of the page."""
        if query.visitor == Visitor():  # nobody could be known by it
            return False
        boards = inputs.personal.boards
        if len(boards.picked) >= self._most or len(boards.left) >= _MOST_LEFT or not len(slots):
            return False
        # By the hour and not by the session, which may last for months.
        if any(board.as_of >= query.at - VISIT for board in boards.left):
            return False
        newest = boards.picked[:_NONE]
        if len(newest) == _NONE and not any(board.picks for board in newest):
            return False
        return float(inputs.variance_left(slots).mean()) >= _WORTH


def give_board(
    animal_recommender: AnimalRecommender, query: Query, size: int, *, if_worth: bool = False
) -> AnimalsAnswer:
    """Return a board of so many animals for the visitor, or of all there are; it is logged.

    With `if_worth`, a board that is not worth its place has no animals, and is not logged.
    """
    name = query.recommendation_id or new_recommendation_id(query.now)
    query = query.with_user(animal_recommender.group_recommender.filtering.catalogue)
    query = replace(query, recommendation_id=name, explain=False)
    groups = animal_recommender.group_recommender.score_groups(query)
    share = animal_recommender.settings.group_affinity
    with animal_recommender.inputs(query, groups, share) as inputs:
        slots, chances = choose_board(inputs, size, name)
        if if_worth and not animal_recommender.asks(inputs, slots, query):
            return AnimalsAnswer(name, groups.served.answered_by(groups.context), ())
        scored = inputs.score(slots)
        ids = [inputs.available.members(slot) for slot in slots.tolist()]
        scores = np.exp(scored.utilities - inputs.bound)
        drawn = Explored(tuple(slots.tolist()), (False,) * len(ids), tuple(chances.tolist()))
        places = places_in_order(inputs, scored, ids, scores, drawn)
    return animal_recommender.answer(BOARD, query, groups, places, scored)


def choose_board(inputs: ScoringInputs, size: int, seed: str) -> tuple[Slots, Floats]:
    """The slots of a board, and the chance of each given those before it; `seed` is all chance."""
    available, values = inputs.available, estimate(inputs).values
    picked = available.slots(inputs.personal.boards.picked_animals)
    values[[*inputs.disliked, *picked]] = -np.inf
    may_be_shown = values > -np.inf
    pictured = may_be_shown & (available.column("photos", EVERY_SLOT) > 0)
    there = np.flatnonzero(pictured)
    if len(np.unique(available.column("group", there))) < size:  # no two are of one
        there = np.flatnonzero(may_be_shown)
    if not len(there):
        return there, np.empty(0)
    dice = np.random.default_rng(int.from_bytes(seed.encode()))
    species = available.column("species", EVERY_SLOT)
    pools = [there] * size
    for code in np.unique(species[may_be_shown]):
        among = pictured if (pictured & (species == code)).any() else may_be_shown
        pools.append(np.flatnonzero(among & (species == code)))
    drawn = [dice.choice(pool, min(SAMPLED, len(pool)), replace=False) for pool in pools]
    slots, rows = np.unique(np.concatenate(drawn), return_inverse=True)
    samples = np.split(rows, np.cumsum([len(one) for one in drawn])[:-1])
    shares = [len(one) / len(pool) for one, pool in zip(drawn, pools, strict=True)]
    codes = species[slots]
    kept = {
        int(codes[own[0]]): (own, share)
        for own, share in zip(samples[size:], shares[size:], strict=True)
    }
    alike, scale = available.column("group", slots), inputs.tables.model.picks.scale
    known, odds = inputs.posterior(slots), inputs.utilities(slots)
    found = draw_board(
        known,
        odds,
        alike,
        np.array(samples[:size]),
        scale,
        dice,
        share=shares[0],
        species=codes,
        kept=kept,
    )
    chances = np.array([chance for _, chance in found])
    return slots[[row for row, _ in found]], chances


def draw_board(
    known: VisitorPosterior,
    odds: Floats,
    alike: Ints,
    samples: Ints,
    scale: float,
    dice: np.random.Generator,
    *,
    share: float = 1.0,
    species: Ints | None = None,
    kept: Mapping[int, tuple[Ints, float]] = MappingProxyType({}),
) -> list[tuple[int, float]]:
    """The animals of a board as rows of `known`, each with its chance given those before it.

    `odds` are the log-odds to open each animal, `alike` its code: no two animals of one code are
    taken. `samples` (places, SAMPLED) are the rows from which each place is drawn, and `share` the
    part of all animals that a sample has. `kept` has the same for each code of `species` that must
    come: the last places are kept for those that did not come by chance.
    """
    weight, left = scale**2 / _SHARED, known.variance()
    found: list[tuple[int, float]] = []
    steps = np.zeros((len(samples), len(left)))
    is_new = np.ones(int(alike.max(initial=-1)) + 1, np.bool_)
    missing = dict(kept)
    for places_left, drawn in zip(range(len(samples), 0, -1), samples, strict=True):
        is_kept = len(missing) >= places_left
        sample, part = missing.pop(next(iter(missing))) if is_kept else (drawn, share)
        rows = sample[is_new[alike[sample]]]
        if not len(rows):
            continue
        scores = (np.log1p(weight * left[rows]) + _VALUE * odds[rows]) / _TEMPERATURE
        chances = np.exp(scores - scores.max())
        chances /= chances.sum()
        place = min(int(np.searchsorted(np.cumsum(chances), dice.random())), len(rows) - 1)
        row, before = int(rows[place]), steps[: len(found)]
        # A sample is a fair draw of its animals, so the chance to be in it counts as well: divided
        # by the product, what became of a board is an unbiased estimate (Horvitz, Thompson 1952).
        found.append((row, float(chances[place]) * part))
        if species is not None:
            missing.pop(int(species[row]), None)
        is_new[alike[row]] = False
        if len(found) < len(samples):  # nothing is drawn after the last
            # The covariance after the answer is one of rank one less, for each animal before.
            with_row = known.covariance_with(row) - before[:, row] @ before
            steps[len(before)] = with_row * np.sqrt(weight / (1 + weight * left[row]))
            left = left - steps[len(before)] ** 2
    return found


_INTERACTIONS_READ = 100


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
        interactions = self.pages.log.interactions_of(picks.visitor, picks.at, _INTERACTIONS_READ)
        mine = [one for one in interactions if one.recommendation_id == picks.board_id]
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


def _events(
    board: Impression, places: tuple[int, ...], picks: Picks
) -> Iterator[dict[str, object]]:
    name, visitor = board.recommendation_id, picks.visitor
    session = visitor.session_id if belongs(board, visitor) else None
    ids = [one[0] for one in board.animal_ids or ()]
    event: dict[str, object] = {
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


class Boards(msgspec.Struct, frozen=True):
    """Gives boards to the pages; see `ui.storefront.SiteBoards`."""

    animal_recommender: AnimalRecommender
    size: int

    def give(self, query: Query) -> SiteBoard:
        """A new board for whoever asks; without animals if it is not worth its place now."""
        # The page may be of an earlier visit, and shown again.
        answer = give_board(self.animal_recommender, query, self.size, if_worth=True)
        animals = tuple(place.animal_ids[0] for place in answer.places)
        return SiteBoard(answer.recommendation_id, animals, query.at)

    def waiting(self, visitor: Visitor, at: int, answered: Container[str]) -> SiteBoard | None:
        """The newest board of this visit, if it is not among those that were answered."""
        unwritten = self.animal_recommender.impressions.waiting_of(visitor)
        stored = self.animal_recommender.pages.table.pages_of(visitor, at, PAGES_READ)
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
        return PickDoor(self.animal_recommender.pages, self.animal_recommender.impressions)
