"""What a first page is worth to somebody whom the service never saw, before and after one tap.

    python -m benchmarks.first_pages [--worlds gallery town] [--seeds tuning] [--share 0.25]
                                     [--every 7] [--recipe NAME] [--jobs 2] [--json]

Our service plays a market of `benchmarks.outcomes` to its end. Then visitors come whom it never
saw. Each is shown a page of 6, 12, 20 and 40 animals, answers a board of six with one tap, and is
shown the pages again. A page is worth the adoptions to be expected of it; its `way` goes from the
page of the newest, 0, to that of an order that knows the visitor, 1. The `told` knows all but
tastes, has our price, and learns from the same tap as we do.

`newcomers` is the share of the first ten places that animals of the last two weeks have, over their
share of the animals. Slopes are of what is true of the animals, to open them and to ask, by what
was learned of them: 1 where one more learned is one more.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.markets.draw import Drawn, Floats, Ints, Session, draw
from benchmarks.markets.knowing import Told
from benchmarks.markets.ours import Ours, served
from benchmarks.markets.play import NEVER, Ask, play, worth
from benchmarks.markets.rivals import Newest, Scoring
from benchmarks.markets.runs import Playing, Row, market_parser, play_worlds, print_pages
from benchmarks.markets.worlds import WORLDS, smaller
from pawsonalize.core.times import DAY, MINUTE
from pawsonalize.models.recipes.choices.own_effects import bid_prices

_SIZES = (6, 12, 20, 40)
_VISITORS = 150
_BOARD = 6
_FIRST = 10  # places, of which newcomers have a share
NAMES = (
    *(f"{who}, {size}" for size in _SIZES for who in ("newest", "ours", "told", "best")),
    *(f"{who}, {size}, tap" for size in _SIZES for who in ("ours", "told")),
    *("newcomers", "slope of appeal", "slope of distance", "weight of waiting"),
)


class Priced(Told):
    """The told with our price."""

    def __init__(self, drawn: Drawn, rate: float, weight: float) -> None:
        super().__init__(drawn)
        self._price = weight * bid_prices(rate, drawn.appeal)

    def price(self) -> Floats:
        return self._price


class Knowing(Scoring):
    """Knows the visitor."""

    def scores(self, ask: Ask, there: Ints) -> Floats:
        return self.drawn.expected(ask.session.visitor, there)


def play_one(world: str, seed: int, playing: Playing) -> Floats:
    """What each page is worth, and what was learned; shape (visitors, names)."""
    drawn = draw(smaller(WORLDS[world], playing.share), seed)
    drawn = replace(drawn, market=replace(drawn.market, board=_BOARD, taps=1))
    with served(drawn, playing.every, recipe=playing.recipe) as ours:
        copy = play(drawn, {"ours": ours})["ours"]
        there = np.flatnonzero(copy.gone == NEVER)
        asking = replace(drawn, market=replace(drawn.market, answers=1.0))
        learned = _learned(ours, there)
        rows = [_visit(asking, ours, there, number) for number in range(_VISITORS)]
    return np.array([[*row, *learned] for row in rows])


def _visit(drawn: Drawn, ours: Ours, there: Ints, number: int) -> list[float]:
    """The worth of all pages of one visitor, and the newcomers' share of the first places."""
    dice = np.random.default_rng((drawn.seed, 14, number))
    visitor = int(dice.integers(len(drawn.home)))
    session = Session(
        10**6 + number, visitor, drawn.end - MINUTE, 1, -1, is_guest=True, is_bot=False
    )
    ask = Ask(session, session.at, there)
    model = ours.engine.group_recommender.served.choices
    price = model.plays[0].price if model.plays else 1 / 3
    told = Priced(drawn, model.home_rate, price)
    orders = (Newest(drawn), None, told, Knowing(drawn))
    found = []
    for size in _SIZES:
        for order in orders:
            page = ours.fresh_page(ask, size) if order is None else order.page(ask, size)
            found.append(worth(drawn, visitor, page))
    newcomers = _newcomers(drawn, there, ours.fresh_page(ask, _FIRST))
    told.hear_picks(ours.tap(ask, _BOARD, drawn))
    after = replace(ask, at=ask.at + MINUTE // 2)
    for size in _SIZES:
        found.append(worth(drawn, visitor, ours.fresh_page(after, size)))
        found.append(worth(drawn, visitor, told.page(after, size)))
    return [*found, newcomers]


def _newcomers(drawn: Drawn, there: Ints, page: Ints) -> float:
    new = drawn.end - drawn.listed < 14 * DAY
    return float(new[page].mean() / max(new[there].mean(), 1e-9))


def _learned(ours: Ours, there: Ints) -> list[float]:
    """Slopes of the truth by what was learned, and the weight of waiting."""
    drawn, model = ours.drawn, ours.engine.group_recommender.served.choices
    animals, appeal, distance = ours.learned_parts(0, there)
    # The parts of a utility are to open an animal, and to ask about it.
    both = 1 + drawn.market.keen * bool(model.inquiry_weights)
    far = -drawn.market.far * drawn.kilometres[0, animals] / 100
    return [
        _slope(appeal, both * drawn.appeal[animals]),
        _slope(distance, both * far) if drawn.market.far else 1.0,
        model.weight("waiting"),
    ]


def _slope(learned: Floats, true: Floats) -> float:
    return float(np.cov(learned, true)[0, 1] / max(learned.var(ddof=1), 1e-9))


def compare(rows: Floats) -> list[Row]:
    """The way of ours and of the told at each size, before the tap and what it adds."""
    mean = dict(zip(NAMES, rows.mean(axis=0).tolist(), strict=True))
    found: list[Row] = []
    for size in _SIZES:
        newest, best = mean[f"newest, {size}"], mean[f"best, {size}"]
        ways = {
            who: [(mean[f"{who}, {size}{tap}"] - newest) / (best - newest) for tap in ("", ", tap")]
            for who in ("ours", "told")
        }
        found.append(
            {
                "places": size,
                **{who: round(way[0], 3) for who, way in ways.items()},
                **{f"{who}_after_tap": round(way[1], 3) for who, way in ways.items()},
            }
        )
    last = {name.replace(" ", "_"): round(mean[name], 3) for name in NAMES[-4:]}
    return [*found, last]


def main(arguments: Sequence[str]) -> None:
    """Play, and print a table for each world, or JSON."""
    options = market_parser("first_pages", __doc__).parse_args(arguments)
    playing = Playing(options.share, options.every, options.recipe)
    print_pages("visitors", options, play_worlds(options, play_one, playing), compare, _line)


def _line(row: Row) -> str:
    if "places" not in row:
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in row.items())
    return (
        f"{row['places']:>2} places: ours {row['ours']:.2f}, told {row['told']:.2f};"
        f" after a tap {row['ours_after_tap']:.2f}, {row['told_after_tap']:.2f}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
