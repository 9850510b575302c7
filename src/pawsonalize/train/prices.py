"""Reads a shelter's market from its tables, and finds the weights that bring most homes there."""

from collections.abc import Mapping, Sequence

import numpy as np

from pawsonalize.animals.animal import Animal, Stay
from pawsonalize.core.times import DAY
from pawsonalize.models.plays import MANY_VISITS, MIN_DAYS, MIN_HOMES, MIN_VISITS, Plays
from pawsonalize.models.recipes.choices.effects import VISITOR_TRAITS, ShownPlaces
from pawsonalize.models.recipes.choices.forward import Market, find_weights
from pawsonalize.models.recipes.choices.model import ChoiceModel
from pawsonalize.models.recipes.choices.own_effects import (
    ANYTHING,
    Watched,
    home_rate,
    visitor_effects,
    visitor_posterior,
)
from pawsonalize.models.recipes.choices.picks import AnsweredBoard
from pawsonalize.models.recipes.data import Ints
from pawsonalize.recommend.animals import factors
from pawsonalize.recommend.animals.factors import animal_values
from pawsonalize.recommend.animals.pages import places_counted, visit_of
from pawsonalize.recommend.tables import Impression

WINDOW_DAYS = 60
_PERSONAL = ("group", "visitor", "distance", "far", "compatibility")
_BOARD, _VISITORS = 6, 60
_NOTHING = np.empty(0)


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
    for _ in range(_VISITORS):
        likes = sum(
            spread * dice.standard_normal(int(codes.max()) + 1)[codes]
            for spread, codes in zip(spreads, traits, strict=True)
        )
        board = dice.choice(len(values), min(_BOARD, len(values)), replace=False)
        noisy = model.picks.scale * likes[board] + dice.gumbel(size=len(board))
        none = model.picks.scale * model.picks.outside + dice.gumbel()
        picks = (int(np.argmax(noisy)),) if noisy.max() > none else ()
        answered = AnsweredBoard(traits[:, board], here[board], here[board], picks)
        own = visitor_effects(nothing, model.visitor_variances, [answered], model.picks)
        posterior = visitor_posterior(own, model.visitor_variances, traits, here)
        left += float((likes - posterior.mean).var())
        whole += float(likes.var())
    return max(0.0, 1 - left / max(whole, 1e-9))
