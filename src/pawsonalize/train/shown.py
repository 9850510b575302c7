"""Learns the model of choices from tables of what was shown, opened and picked."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from pawsonalize.animals.animal import Animal, Stay
from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core.times import DAY
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import Interaction
from pawsonalize.models.plays import MANY_VISITS, MIN_DAYS, MIN_HOMES, MIN_VISITS, Plays
from pawsonalize.models.recipes.choices.calibration import ANSWERED
from pawsonalize.models.recipes.choices.effects import TRAITS, VISITOR_TRAITS, ShownPlaces, together
from pawsonalize.models.recipes.choices.forward import Market, find_weights
from pawsonalize.models.recipes.choices.model import UNFITTED, ChoiceModel, CodedNames, fit_choices
from pawsonalize.models.recipes.choices.own_effects import (
    ANYTHING,
    KINDS,
    VISITOR_VARIANCES,
    Watched,
    home_rate,
    visitor_effects,
    visitor_posterior,
)
from pawsonalize.models.recipes.choices.picks import AnsweredBoard, fit_picks
from pawsonalize.models.recipes.data import Bools, Floats, Ints
from pawsonalize.recommend.animals import factors
from pawsonalize.recommend.animals.counting import Suspects, factor_columns
from pawsonalize.recommend.animals.factors import animal_values, far
from pawsonalize.recommend.animals.pages import (
    ShownPages,
    asks,
    logged_factors,
    opens,
    picked_board,
    places_counted,
    reported_page,
    visit_of,
    visitor_keys,
    visitor_of,
    was_shown,
)
from pawsonalize.recommend.animals.settings import PARTS
from pawsonalize.recommend.tables import Impression, Impressions

MAX_PAGES = 50_000
"""A model of choices learns from so many of the newest pages."""
MAX_BOARDS = 2_000
"""Picks are learned from so many of the boards that were answered last."""

_ROWS = 1_500_000  # places of the newest pages that are learned from
_EVENTS = 2_000_000  # of the newest, that are looked through
_BATCH = 50_000
_VISITORS = 1_000_000  # none of those pages is of a visitor who was forgotten
_ANIMALS = 20_000  # those listed last, from which the rate of homes is learned
WINDOW_DAYS = 60
_PERSONAL = ("group", "visitor", "distance", "far", "compatibility")
_PLAYED_BOARD, _PLAYED_VISITORS = 6, 60
_NOTHING = np.empty(0)


def learn_choices(
    impressions: Impressions, log: EventLog, animals: Animals, through: int
) -> ChoiceModel:
    """The model of choices, from the newest pages and the events up to that offset."""
    found = _learn_from_pages(impressions, log, animals, through)
    return _with_picks(found, impressions, log, animals, through)


class PagesRead(NamedTuple):
    """The pages that a training learns from, in rows."""

    shown: ShownPlaces
    names: CodedNames
    pages: Sequence[Impression]
    kinds: frozenset[str]
    """The kinds of answers that the site shows."""
    through: str
    """The id of the newest page that was stored."""


def read_pages(
    impressions: Impressions, log: EventLog, animals: Animals, through: int
) -> PagesRead | None:
    """The pages that visitors were shown, and what they did by the events up to that offset."""
    stored = impressions.newest_pages(MAX_PAGES)
    joined = _Joined(stored)
    for interaction in _newest(log.interactions, through):
        joined.take(
            interaction,
            opened=opens(interaction, log.event_types),
            inquired=asks(interaction, log.event_types),
        )
    pages = _newest_within(joined.seen(), _ROWS)
    if not pages:
        return None
    answered = _answered_boards(pages, _newest(log.picks, through))
    shown, names = _shown_places(impressions, pages, joined.opened, animals, answered)
    newest = stored[-1].recommendation_id if stored else ""
    return PagesRead(shown, names, pages, frozenset(joined.shown.kinds), newest)


def _learn_from_pages(
    impressions: Impressions, log: EventLog, animals: Animals, through: int
) -> ChoiceModel:
    read = read_pages(impressions, log, animals, through)
    found = UNFITTED if read is None else fit_choices(read.shown, read.names, len(read.pages))
    if read is None or not found.is_fitted:
        return found
    now = max(page.as_of for page in read.pages)
    stays = {
        name: begun
        for name, every in animals.stays_since(now - WINDOW_DAYS * DAY, _ANIMALS).items()
        if (begun := tuple([one for one in every if one.since <= now]))
    }
    known = animals.get_many(stays)
    rate, plays = play_market(found, read.shown, read.pages, stays, known)
    return msgspec.structs.replace(
        found,
        home_rate=rate,
        plays=plays,
        through=read.through,
        log_offset=through,
        kinds=tuple(sorted(read.kinds)),
    )


def _newest_within(pages: Sequence[Impression], rows: int) -> Sequence[Impression]:
    """The newest of these pages that have so many places together, in the order of time."""
    counts = np.cumsum([places_counted(page) for page in reversed(pages)])
    return pages[len(pages) - int(np.searchsorted(counts, rows, side="right")) :]


def _newest(read: Callable[[int, int], list[Interaction]], through: int) -> Iterator[Interaction]:
    after = max(0, through - _EVENTS)
    while batch := read(after, _BATCH):
        for interaction in batch:
            if interaction.offset > through:
                return
            yield interaction
        after = batch[-1].offset


class _Joined:
    """Pages with what was opened of them, by the order of events."""

    def __init__(self, stored: Sequence[Impression]) -> None:
        self.shown = ShownPages()
        self.opened: dict[str, dict[int, bool]] = {}
        """Places that were opened, by page: True if the animal there was asked for."""
        self._coming = deque(stored)
        self._pages: list[Impression] = []
        self._suspects = Suspects(_VISITORS)

    def take(self, interaction: Interaction, *, opened: bool, inquired: bool) -> None:
        """Find the page that the event came from; it may report one itself."""
        # Pages and events in one order of time, so that an event finds only what was shown before
        # it.
        while self._coming and was_shown(self._coming[0], interaction):
            self._add(self._coming.popleft())
        reported = reported_page(interaction)
        if reported is not None:
            self._add(reported)
        found = self.shown.find(interaction) if opened else None
        if found is not None:
            page, place = found
            places = self.opened.setdefault(page.recommendation_id, {})
            places[place] = places.get(place, False) or inquired
            self._suspects.opened(visitor_of(page), interaction.animal_id)

    def seen(self) -> list[Impression]:
        """The pages that people saw, in the order of time."""
        for page in self._coming:
            self._add(page)
        self._coming.clear()
        return [
            page
            for page in self._pages
            if page.animal_ids  # an answer of nobody shows nobody
            and self.shown.is_seen(page)
            and not self._suspects.is_one(visitor_of(page))
        ]

    def _add(self, page: Impression) -> None:
        self.shown.add(page)
        self._pages.append(page)
        self._suspects.shown(visitor_of(page), len(page.animal_ids or ()))


def _shown_places(
    impressions: Impressions,
    pages: Sequence[Impression],
    opened: Mapping[str, Mapping[int, bool]],
    animals: Animals,
    answered: Bools,
) -> tuple[ShownPlaces, CodedNames]:
    """A row for each place, in the order of time, with what is known of the animals by now."""
    sizes = [places_counted(page) for page in pages]
    ids = [
        first[0]
        for page, size in zip(pages, sizes, strict=True)
        for first in (page.animal_ids or ())[:size]
    ]
    names, animal = np.unique(np.array(ids), return_inverse=True)
    visitor, visit = (
        np.unique(np.array([of(page) for page in pages]), return_inverse=True)[1].astype(np.int64)
        for of in (visitor_of, visit_of)
    )
    outcome = [
        (place, place in places, places.get(place, False))
        for page, size in zip(pages, sizes, strict=True)
        for places in (opened.get(page.recommendation_id, {}),)
        for place in range(size)
    ]
    place, was_opened, was_inquired = (np.array(column) for column in zip(*outcome, strict=True))
    explored, columns = factor_columns(impressions, pages, sizes)
    starts = np.cumsum(sizes, dtype=np.int64) - sizes
    # Only a group that does not match shows that the quiz was answered.
    quizzed = np.maximum.reduceat(columns["quiz"] != 0, starts)
    columns[ANSWERED] = np.repeat(answered | quizzed, sizes).astype(np.float64)
    traits, values = _traits(names.tolist(), animals)
    shown = ShownPlaces(
        np.repeat(visitor, sizes),
        np.repeat(visit, sizes),
        animal.astype(np.int64),
        place,
        was_opened,
        was_inquired,
        explored,
        columns,
        traits,
    )
    return shown.take(_first_visits(shown)), CodedNames(names.tolist(), values)


def _answered_boards(pages: Sequence[Impression], picks: Iterable[Interaction]) -> Bools:
    """True for pages of visitors who had answered a board before."""
    first: dict[str, int] = {}
    for pick in picks:
        for key in visitor_keys(pick.user_id, pick.session_id):
            first[key] = min(pick.sent_at, first.get(key, pick.sent_at))
    shown = ((page.as_of, visitor_keys(page.user_id, page.session_id)) for page in pages)
    return np.array([any(first.get(key, at) < at for key in keys) for at, keys in shown])


def _traits(ids: Sequence[str], animals: Animals) -> tuple[dict[str, Ints], dict[str, list[str]]]:
    """The code of each animal's value by trait, and what the codes stand for."""
    known = animals.get_many(ids)
    rows = [animal_values(known.get(one)) for one in ids]
    codes, values = {}, {}
    for trait, column in zip(TRAITS, zip(*rows, strict=True), strict=True):
        found, code = np.unique(np.array(column), return_inverse=True)
        codes[trait], values[trait] = code.astype(np.int64), found.tolist()
    return codes, values


def _first_visits(shown: ShownPlaces) -> Ints:
    """Return the rows of the visit in which a visitor first saw the animal, until it was opened."""
    # An animal that a visitor has opened is in no row of theirs any more. Later visits would have
    # it in rows of those alone who did not like it, and whoever is shown a lot would seem unloved.
    pair, rows = together(shown.visitor, shown.animal), np.arange(len(shown))
    opened = np.full(int(pair.max(initial=0)) + 1, len(shown))
    np.minimum.at(opened, pair[shown.opened], rows[shown.opened])
    first = np.unique(pair, return_index=True)[1]
    kept = (rows <= opened[pair]) & (shown.visit == shown.visit[first][pair])
    return np.flatnonzero(kept)


def _with_picks(
    model: ChoiceModel, impressions: Impressions, log: EventLog, animals: Animals, through: int
) -> ChoiceModel:
    """The model with what boards say of picks and visitors, by the picks up to that offset."""
    answered = read_boards(model, impressions, log, animals, through)
    usual = [VISITOR_VARIANCES[kind] for kind in KINDS[1:]]
    learned = fit_picks(answered, model.visitor_variances[ANYTHING], usual)
    if learned is None:
        return model
    variances = model.visitor_variances | dict(zip(KINDS[1:], learned.variances, strict=True))
    return msgspec.structs.replace(model, picks=learned.picks, visitor_variances=variances)


def read_boards(
    model: ChoiceModel, impressions: Impressions, log: EventLog, animals: Animals, through: int
) -> list[AnsweredBoard]:
    """The first board of each visitor who answered one, the oldest first."""
    answers = defaultdict[str, list[Interaction]](list)
    for interaction in _newest(log.picks, through):
        if interaction.recommendation_id is not None:
            answers[interaction.recommendation_id].append(interaction)
    # Ids grow with time. A board that nobody gave says nothing, or anybody could make picks up.
    names = sorted(answers)[-MAX_BOARDS:]
    given = impressions.get_many(names)
    boards: dict[str | None, Impression] = {}
    for board in (given[one] for one in names if one in given):
        # Later boards were chosen by what was picked of the first.
        boards.setdefault(board.user_id or board.session_id, board)
    ids = {ids[0] for board in boards.values() for ids in board.animal_ids or ()}
    known = animals.get_many(sorted(ids))
    found = (
        _answered(board, answers[board.recommendation_id], known, model)
        for board in boards.values()
    )
    return [one for one in found if one is not None]


def _answered(
    board: Impression,
    interactions: list[Interaction],
    known: Mapping[str, Animal],
    model: ChoiceModel,
) -> AnsweredBoard | None:
    picked = picked_board(board, interactions)
    if picked is None:
        return None
    rows = np.array(logged_factors(board, len(picked.animals)))
    group, distance, quiz = (rows[:, PARTS.index(name)] for name in ("group", "distance", "quiz"))
    values = [animal_values(known.get(one)) for one in picked.animals]
    columns = zip(*(row[: len(VISITOR_TRAITS)] for row in values), strict=True)
    traits = [np.unique(column, return_inverse=True)[1].reshape(-1) for column in columns]
    # The same parts as when a visitor's effects are solved for an answer.
    odds = _appeal(model, picked.animals, values)
    own = {"group": group, "distance": distance, "far": far(distance), "quiz": quiz}
    for name, column in own.items():
        odds += model.to_open(name) * column
    return AnsweredBoard(np.array(traits), distance, odds, picked.picks)


def _appeal(model: ChoiceModel, ids: tuple[str, ...], values: list[tuple[str, ...]]) -> Floats:
    total = model.animal_effects(ids)
    for trait, column in zip(TRAITS, zip(*values, strict=True), strict=True):
        total += [model.levels.get(trait, {}).get(value, 0.0) for value in column]
    return np.asarray(total)


def play_market(
    model: ChoiceModel,
    shown: ShownPlaces,
    pages: Sequence[Impression],
    stays: Mapping[str, tuple[Stay, ...]],
    animals: Mapping[str, Animal],
) -> tuple[float, Plays]:
    """The rate of homes (see `bid_prices`), and the days to come under several weights, best first.

    `pages` are those of the places, in the order of time; `stays` are of the animals of the last
    `WINDOW_DAYS`, begun by the last page. With too little to go by, nothing is played.
    """
    if not animals:
        return 0.0, ()
    now = pages[-1].as_of
    photos = factors.photos(np.array([len(animal.photos) for animal in animals.values()]))
    values = [animal_values(animal) for animal in animals.values()]
    known, own = model.appeal(values, photos), model.animal_effects(list(animals))
    until = np.array([max(one.until for one in stays[name]) for name in animals])
    since = now - WINDOW_DAYS * DAY
    # Of stays that began earlier, only the days since then.
    waited = [
        sum(max(0, min(one.until, now) - max(one.since, since)) / DAY for one in stays[name])
        for name in animals
    ]
    rate = home_rate(float((until <= now).sum()), np.array(waited), known + own)
    days = (now - pages[0].as_of) / DAY
    window = min(WINDOW_DAYS, days)
    visits = len({visit_of(page) for page in pages})
    begins = now - window * DAY
    gone = int(((begins < until) & (until <= now)).sum())
    if (days < MIN_DAYS and visits < MANY_VISITS) or visits < MIN_VISITS or gone < MIN_HOMES:
        return rate, ()
    came = sum(one.since > begins for name in animals for one in stays[name])
    places = int(np.median([places_counted(page) for page in pages]))
    attention = np.array(model.attention[: max(places, 1)])
    differ = sum(model.visitor_variances.values())
    share = 1 - model.visitor_variances[ANYTHING] / max(differ, 1e-9)
    market = Market(
        appeal=known,
        own=own,
        is_there=until > now,
        arrivals=came / window,
        visits=visits / days,
        attention=np.tile(attention, max(1, round(len(pages) / visits))),
        intercept=model.intercept,
        own_variance=model.own,
        known=_known(model, shown, shown.pages()),
        unexplained=share * model.unexplained,
        homes=gone / window,
        home_rate=rate,
        exploration=float(shown.explored.mean()),
    )
    return rate, find_weights(market, _learned_by_board(model, values))


def _known(model: ChoiceModel, shown: ShownPlaces, page: Ints) -> float:
    """Variance on a page of what was known of the visitor."""
    total = sum(model.to_open(name) * shown.factors[name] for name in _PERSONAL)
    counts = np.bincount(page)
    means = np.bincount(page, total) / np.maximum(counts, 1)
    return float(((total - means[page]) ** 2).mean())


def _learned_by_board(model: ChoiceModel, values: Sequence[Sequence[str]]) -> float:
    """The share of a visitor's likings that one answered board tells."""
    dice = np.random.default_rng(0)
    columns = zip(*(row[: len(VISITOR_TRAITS)] for row in values), strict=True)
    traits = np.array([np.unique(column, return_inverse=True)[1] for column in columns])
    spreads = [model.visitor_variances[name] ** 0.5 for name in VISITOR_TRAITS]
    here = np.zeros(len(values))
    nothing = Watched(traits[:, :0], _NOTHING, _NOTHING, _NOTHING, np.empty(0, np.bool_))
    left = whole = 0.0
    for _ in range(_PLAYED_VISITORS):
        likes = sum(
            spread * dice.standard_normal(int(codes.max()) + 1)[codes]
            for spread, codes in zip(spreads, traits, strict=True)
        )
        board = dice.choice(len(values), min(_PLAYED_BOARD, len(values)), replace=False)
        noisy = model.picks.scale * likes[board] + dice.gumbel(size=len(board))
        none = model.picks.scale * model.picks.outside + dice.gumbel()
        picks = (int(np.argmax(noisy)),) if noisy.max() > none else ()
        answered = AnsweredBoard(traits[:, board], here[board], here[board], picks)
        own = visitor_effects(nothing, model.visitor_variances, [answered], model.picks)
        posterior = visitor_posterior(own, model.visitor_variances, traits, here)
        left += float((likes - posterior.mean).var())
        whole += float(likes.var())
    return max(0.0, 1 - left / max(whole, 1e-9))
