"""How often live tests err, how long they take, and whether their winner is the right one.

    python -m benchmarks.live_tests [--parts errors days power agreement bias] [--runs 10000]
                                    [--worlds town cascade plenty] [--seeds verdict]
                                    [--share 0.5] [--jobs 2] [--json]

`errors`: the same thing as both arms, read after every visitor for 60 days at alpha .05 (300 visits
a day, of which 20% are decisive in an interleaving and 3% inquire; a switchback of six shelters
with 1.2 adoptions a day, read after each shelter's day); beside it, how often a usual test errs
that is read each day.

`days`: until half of the tests have found a difference. `power`: the share that has by then, beside
a usual test of a size that was fixed before, read once.

`agreement`: two orders are clearly different if, in markets of their own, their adoptions of all
seeds together differ by two standard errors of independent counts. Interleaving agrees if more
visitors prefer the animals of the better one, by inquiries or by clicks.

`bias`: by how much more the second order brings: `truth` of two whole markets, `ab` by visitors'
adoptions and `switchback` by days' in one market, and `interleave` by the odds of preferences,
which are no adoptions.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, norm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.markets.draw import Drawn, Floats, Ints, draw
from benchmarks.markets.knowing import KNOWING
from benchmarks.markets.play import Ask, Order, Shown, play
from benchmarks.markets.rivals import SIMPLE, key_of
from benchmarks.markets.runs import market_parser, play_worlds
from benchmarks.markets.worlds import WORLDS, smaller
from pawsonalize.core.times import DAY
from pawsonalize.plugins.live_tests.statistics import (
    CELLS,
    FEWEST,
    VISITORS,
    difference_radius,
    read_preferences,
)
from pawsonalize.recommend.live_tests import assigned_arm, team_draft

PARTS = ("errors", "days", "power", "agreement", "bias")
ORDERS = {**SIMPLE, **{name: KNOWING[name] for name in ("acquainted", "ceiling")}}
BIAS_WORLDS = ("town", "plenty")
BIAS_PAIRS = (("newest", "nearest"), ("newest", "ceiling"), ("popular", "content profile"))
_DESIGNS = ("interleave", "ab", "switchback")
_VISITS, _DECISIVE, _INQUIRE = 300, 0.2, 0.03
_SHELTERS, _ADOPTIONS = 6, 1.2
_DAYS, _LONG = 60, 365  # of a test against itself, and of one that looks for a difference
_PREFERENCES = (0.52, 0.55, 0.58, 0.62)
_LIFTS = (0.1, 0.2, 0.5)
_MOST_READ = 12_000  # decisive visitors
_BLOCK = 100  # runs at a time
_CLEAR = 2.0  # standard errors
Row = dict[str, Any]


@cache
def fewest_wins(most: int) -> Ints:
    """Return the wins of 0, 1, … `most` decisive visitors from which on arm 1 is better."""
    wins, counts = 0, [1]
    for visitors in range(1, most + 1):
        wins = max(wins, visitors // 2)
        while wins <= visitors and not _is_better(wins, visitors - wins):
            wins += 1
        counts.append(wins)
    return np.array(counts)


def _is_better(wins: int, losses: int) -> bool:
    return read_preferences(wins, losses, margin=0, decisive_per_day=0).low > 0.5


def decided_preferences(runs: int, visitors: int, prefer: float, seed: int) -> Floats:
    """Return after how many decisive visitors each run was decided, infinity if never."""
    counts, fewest = np.arange(1, visitors + 1), fewest_wins(visitors)[1:]
    dice = np.random.default_rng(seed)
    decided = []
    for size in _blocks(runs):
        wins = np.cumsum(dice.random((size, visitors)) < prefer, axis=1)
        decided.append(_first((wins >= fewest) | (counts - wins >= fewest)))
    return np.concatenate(decided)


def decided_differences(units: Floats, totals: Floats, squares: Floats, tuned_for: float) -> Floats:
    """Return at which look each run was decided, infinity if never.

    All have the shape (2, runs, looks): what the arms have had by then.
    """
    return _first(np.abs(_difference(units, totals)) > radii(units, totals, squares, tuned_for))


def radii(units: Floats, totals: Floats, squares: Floats, tuned_for: float) -> Floats:
    """Return half the width of each interval, as `read_difference` has it."""
    variance = _variances(units, totals, squares)
    with np.errstate(invalid="ignore"):
        radius = difference_radius(variance, units.sum(axis=0), tuned_for=tuned_for)
    return np.where((variance > 0) & (units.min(axis=0) >= FEWEST), radius, np.inf)


def _difference(units: Floats, totals: Floats) -> Floats:
    means = totals / np.maximum(units, 1)
    return np.asarray(means[1] - means[0])


def _variances(units: Floats, totals: Floats, squares: Floats) -> Floats:
    """Return the variance of the difference of means, 0 where an arm is too small."""
    within = np.maximum(squares - totals**2 / np.maximum(units, 1), 0) / np.maximum(units - 1, 1)
    return np.asarray((within / np.maximum(units, 1)).sum(axis=0) * (units.min(axis=0) > 1))


def _first(is_decided: NDArray[np.bool_]) -> Floats:
    return np.where(is_decided.any(axis=1), is_decided.argmax(axis=1) + 1.0, np.inf)


def _blocks(runs: int) -> Iterator[int]:
    for start in range(0, runs, _BLOCK):
        yield min(_BLOCK, runs - start)


def _visitors(dice: np.random.Generator, size: int, visits: int, days: int) -> Floats:
    """Units and inquiries of both arms after every visitor: shape (2, 2, size, looks)."""
    arm = dice.random((size, visits * days)) < 0.5
    inquires = dice.random(arm.shape) < _INQUIRE
    by_arm = [[mask, mask & inquires] for mask in (~arm, arm)]
    return np.cumsum(np.array(by_arm, np.float64), axis=-1).swapaxes(0, 1)


def _daily(dice: np.random.Generator, size: int, lift: float, days: int) -> Floats:
    """The same after each day, arm 1 with so many more inquiries."""
    second = dice.binomial(_VISITS, 0.5, (size, days))
    units = np.array([_VISITS - second, second])
    rates = np.array([_INQUIRE, _INQUIRE * (1 + lift)])[:, None, None]
    return np.cumsum(np.array([units, dice.binomial(units, rates)], np.float64), axis=-1)


def _cells(
    dice: np.random.Generator, size: int, lift: float, days: int
) -> tuple[Floats, Floats, Floats]:
    """Units, adoptions and their squares after each shelter's day; days differ for all shelters."""
    day = dice.gamma(8, 1 / 8, (size, days)).repeat(_SHELTERS, axis=1)
    arm = dice.random(day.shape) < 0.5
    adopted = dice.poisson(_ADOPTIONS / _SHELTERS * day * np.where(arm, 1 + lift, 1))
    by_arm = [np.array([~arm, arm]) * column for column in (1.0, adopted, adopted**2)]
    units, totals, squares = (np.cumsum(one, axis=-1) for one in by_arm)
    return units, totals, squares


def errors(runs: int) -> list[Row]:
    """A row for each design: how often a thing is called better or worse than itself."""
    dice = np.random.default_rng(54)
    decisive = round(_VISITS * _DECISIVE)
    wrong: dict[str, list[Floats]] = {design: [] for design in _DESIGNS}
    naive: dict[str, list[Floats]] = {design: [] for design in _DESIGNS}
    wrong["interleave"].append(decided_preferences(runs, decisive * _DAYS, 0.5, 54))
    counts = decisive * np.arange(1, _DAYS + 1)
    for size in _blocks(runs):
        wins = np.cumsum(dice.binomial(decisive, 0.5, (size, _DAYS)), axis=1)
        naive["interleave"].append(_first(np.abs(wins - counts / 2) > 1.96 * np.sqrt(counts / 4)))
    for size in (one for block in _blocks(runs) for one in _halves(block)):
        units, totals = _visitors(dice, size, _VISITS, _DAYS)
        wrong["ab"].append(decided_differences(units, totals, totals, VISITORS))
        naive["ab"].append(_naive(units, totals, totals, _VISITS))
    for size in _blocks(runs):
        moments = _cells(dice, size, 0.0, _DAYS)
        wrong["switchback"].append(decided_differences(*moments, CELLS))
        naive["switchback"].append(_naive(*moments, _SHELTERS))
    return [
        {
            "design": design,
            "runs": runs,
            "errors": _share(np.concatenate(wrong[design])),
            "errors_of_daily_fixed_test": _share(np.concatenate(naive[design])),
        }
        for design in _DESIGNS
    ]


def _halves(size: int) -> Iterator[int]:
    """Smaller blocks, since a look after every visitor takes memory."""
    for start in range(0, size, 10):
        yield min(10, size - start)


def _naive(units: Floats, totals: Floats, squares: Floats, every: int) -> Floats:
    """The looks at each `every`-th unit by a usual z test."""
    arrays = [one[..., every - 1 :: every] for one in (units, totals, squares)]
    spread = np.sqrt(_variances(*arrays))
    return _first((np.abs(_difference(*arrays[:2])) > 1.96 * spread) & (spread > 0))


def _share(decided: Floats, by: float = np.inf) -> float:
    return round(float((np.isfinite(decided) & (decided <= by)).mean()), 4)


def _median(decided: Floats) -> float | None:
    middle = float(np.quantile(decided, 0.5, method="lower"))
    return round(middle, 1) if np.isfinite(middle) else None


def days(runs: int, most: int = _MOST_READ) -> list[Row]:
    """Median days by preference or lift, and by visits a day."""
    rows: list[Row] = []
    for prefer in _PREFERENCES:
        decided = decided_preferences(runs, most, prefer, 55)
        for visits in (100, 300, 1_000):
            found = decided / (visits * _DECISIVE)
            rows.append(_days_row("interleave", f"prefer {prefer}", visits, found))
    for lift in _LIFTS:
        for design, found in _lifted(runs, lift).items():
            rows.append(_days_row(design, f"+{lift:.0%}", _VISITS, found))
    return rows


def _days_row(design: str, effect: str, visits: int, found: Floats) -> Row:
    low, high = (float(np.quantile(found, part, method="lower")) for part in (0.1, 0.9))
    tail = {"tenth": low, "nine_tenths": high}
    spread = {name: round(one, 1) if np.isfinite(one) else None for name, one in tail.items()}
    return {"design": design, "effect": effect, "visits": visits, "days": _median(found), **spread}


def _lifted(runs: int, lift: float) -> dict[str, Floats]:
    """The day on which tests of an A/B and of a switchback find such a lift."""
    dice = np.random.default_rng(56)
    found: dict[str, list[Floats]] = {"ab": [], "switchback": []}
    for size in _blocks(runs):
        units, totals = _daily(dice, size, lift, _LONG)
        found["ab"].append(decided_differences(units, totals, totals, VISITORS))
        cells = _cells(dice, size, lift, _LONG)
        found["switchback"].append(decided_differences(*cells, CELLS) / _SHELTERS)
    return {design: np.concatenate(decided) for design, decided in found.items()}


def power(runs: int) -> list[Row]:
    """The share of tests that found it by then, beside one look of a usual test at that size."""
    rows: list[Row] = []
    decisive = round(_VISITS * _DECISIVE)
    for prefer, by in ((0.55, 6), (0.55, 12), (0.55, 24), (0.62, 3)):
        count = by * decisive
        decided = decided_preferences(runs, count, prefer, 57)
        bound = binom.isf(0.025, count, 0.5)
        fixed = binom.sf(bound, count, prefer) + binom.cdf(count - bound - 1, count, prefer)
        rows.append(_power_row("interleave", f"prefer {prefer}", by, decided, float(fixed)))
    decided = _lifted(runs, 0.2)["ab"]
    for by in (30, 78, 150):
        rates, half = np.array([_INQUIRE, 1.2 * _INQUIRE]), by * _VISITS / 2
        error = np.sqrt((rates * (1 - rates)).sum() / half)
        fixed = norm.sf(1.96 - (rates[1] - rates[0]) / error)
        rows.append(_power_row("ab", "+20%", by, np.where(decided <= by, 1, np.inf), float(fixed)))
    return rows


def _power_row(design: str, effect: str, by: int, decided: Floats, fixed: float) -> Row:
    found = {"power": _share(decided), "power_of_fixed_test": round(fixed, 4)}
    return {"design": design, "effect": effect, "by_day": by, **found}


@dataclass
class SharedMarket:
    """Two orders in one market, as a live test of that design shows them; both hear all."""

    arms: tuple[Order, Order]
    design: str
    seed: int
    teams: tuple[int | None, ...] = ()
    net: dict[int, Ints] = field(default_factory=dict)
    """By visitor: clicks, inquiries and adoptions of arm 1 less those of arm 0."""
    units: tuple[set[int], set[int]] = field(default_factory=lambda: (set(), set()))
    adopted: list[int] = field(default_factory=lambda: [0, 0])

    def page(self, ask: Ask, size: int) -> Ints:
        """The page of the visitor's or the day's arm, or one that both draft."""
        if self.design == "interleave":
            orders = [arm.page(ask, size).tolist() for arm in self.arms]
            seed = f"{self.seed} {ask.session.number} {ask.at}"
            draft = team_draft(orders[0], orders[1], size, seed)
            self.teams = draft.teams
            return np.array(draft.explored.positions, np.int64)
        unit = key_of(ask) if self.design == "ab" else ask.at // DAY
        arm = assigned_arm(f"salt {self.seed}", str(unit), 1.0) or 0
        self.units[arm].add(unit)
        page = self.arms[arm].page(ask, size)
        self.teams = (arm,) * len(page)
        return page

    def hear(self, shown: Shown) -> None:
        """Credit the arms, and let both learn."""
        for order in self.arms:
            order.hear(shown)
        if shown.ask.session.is_bot:
            return
        team = np.array([0 if one is None else 2 * one - 1 for one in self.teams])
        adopted = shown.page == shown.adopted
        seen = np.array([(team * mask).sum() for mask in (shown.opened, shown.inquired, adopted)])
        self.net[key_of(shown.ask)] = self.net.get(key_of(shown.ask), 0) + seen
        if shown.adopted is not None and (arm := self.teams[int(adopted.argmax())]) is not None:
            self.adopted[arm] += 1

    def preferences(self) -> Floats:
        """Wins and losses of arm 1 by clicks, inquiries and adoptions, shape (3, 2)."""
        net = np.array(list(self.net.values())).reshape(-1, 3)
        return np.array([(net > 0).sum(axis=0), (net < 0).sum(axis=0)], np.float64).T

    def rates(self) -> Floats:
        """Adoptions and units of the arms, shape (2, 2)."""
        return np.array([self.adopted, [len(one) for one in self.units]], np.float64)


@dataclass(frozen=True, slots=True)
class Playing:
    """How each market is played."""

    share: float
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Played:
    """One market: adoptions by order, preferences by pair, and rates by pair and design."""

    adoptions: dict[str, int]
    preferences: dict[tuple[str, str], Floats]
    rates: dict[tuple[str, str, str], Floats]


def play_one(world: str, seed: int, playing: Playing) -> Played:
    """Play whole markets, and the tests of their pairs."""
    drawn = draw(smaller(WORLDS[world], playing.share), seed)
    copies = play(drawn, {name: of(drawn) for name, of in ORDERS.items()})
    adoptions = {name: int((copy.gone < drawn.end).sum()) for name, copy in copies.items()}
    pairs = list(combinations(ORDERS, 2)) if "agreement" in playing.parts else list(BIAS_PAIRS)
    preferences = {pair: _test(drawn, pair, "interleave").preferences() for pair in pairs}
    with_bias = "bias" in playing.parts and world in BIAS_WORLDS
    rates = {
        (*pair, design): _test(drawn, pair, design).rates()
        for pair in (BIAS_PAIRS if with_bias else ())
        for design in ("ab", "switchback")
    }
    return Played(adoptions, preferences, rates)


def _test(drawn: Drawn, pair: tuple[str, str], design: str) -> SharedMarket:
    first, second = (ORDERS[name](drawn) for name in pair)
    tested = SharedMarket((first, second), design, drawn.seed)
    play(drawn, {"tested": tested})
    return tested


def agreement(world: str, runs: Sequence[Played]) -> list[Row]:
    """A row for each pair: adoptions, whether clearly different, and who wins the interleaving."""
    rows: list[Row] = []
    for pair in runs[0].preferences:
        first, second = (sum(run.adoptions[name] for run in runs) for name in pair)
        clicks, inquiries, _ = np.sum([run.preferences[pair] for run in runs], axis=0)
        reading = read_preferences(*inquiries, margin=0, decisive_per_day=0)
        rows.append(
            {
                "world": world,
                "first": pair[0],
                "second": pair[1],
                "adoptions": [first, second],
                "clear": abs(second - first) >= _CLEAR * (first + second) ** 0.5,
                "agrees_by_inquiries": _agrees(second - first, inquiries),
                "agrees_by_clicks": _agrees(second - first, clicks),
                "preference": round(reading.estimate, 3),
                "verdict": str(reading.verdict),
            }
        )
    return rows


def _agrees(more: int, preferences: Floats) -> bool:
    wins, losses = preferences
    return bool((wins - losses) * more > 0)


def agreements(rows: Sequence[Row]) -> list[Row]:
    """A row for each world, and one for all: clearly different pairs, and how many agree."""
    counted: list[Row] = []
    for world in (*dict.fromkeys(row["world"] for row in rows), "all"):
        clear = [row for row in rows if row["clear"] and world in (row["world"], "all")]
        names = ("agrees_by_inquiries", "agrees_by_clicks")
        agreeing = {name: sum(bool(row[name]) for row in clear) for name in names}
        counted.append({"world": world, "clear_pairs": len(clear), **agreeing})
    return counted


def bias(world: str, runs: Sequence[Played]) -> list[Row]:
    """A row for each pair: by how much more the second brings, in truth and by each design."""
    rows: list[Row] = []
    for pair in BIAS_PAIRS if world in BIAS_WORLDS else ():
        first, second = (sum(run.adoptions[name] for run in runs) for name in pair)
        found = {"truth": _more(second, first)}
        for design in ("ab", "switchback"):
            adopted, units = np.sum([run.rates[(*pair, design)] for run in runs], axis=0)
            found[design] = _more(adopted[1] * units[0], adopted[0] * units[1])
        wins, losses = np.sum([run.preferences[pair] for run in runs], axis=0)[1]
        found["interleave"] = _more(wins, losses)
        rows.append(
            {
                "world": world,
                "first": pair[0],
                "second": pair[1],
                **found,
            }
        )
    return rows


def _more(second: float, first: float) -> float | None:
    """Return by how much more the second is; None beside nothing."""
    return round(float(second / first - 1), 3) if first else None


def main(arguments: Sequence[str]) -> None:
    """Simulate and play, and print tables, or JSON."""
    parser = market_parser("live_tests", __doc__, ("town", "cascade", "plenty"))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--runs", type=int, default=10_000, help="simulated tests of each")
    options = parser.parse_args(arguments)
    tables: dict[str, list[Row]] = {}
    for name, part in (("errors", errors), ("days", days), ("power", power)):
        if name in options.parts:
            tables[name] = part(options.runs)
            _print(name, tables[name], silent=options.json)
    if {"agreement", "bias"} & set(options.parts):
        pairs: list[Row] = []
        biases: list[Row] = []
        playing = Playing(options.share, tuple(options.parts))
        for world, runs in play_worlds(options, play_one, playing):
            if "agreement" in options.parts:
                pairs += agreement(world, runs)
            if "bias" in options.parts:
                biases += bias(world, runs)
        tables |= {"pairs": pairs, "agreement": agreements(pairs), "bias": biases}
        for name in ("pairs", "agreement", "bias"):
            _print(name, tables[name], silent=options.json)
    if options.json:
        print(json.dumps({name: rows for name, rows in tables.items() if rows}))


def _print(name: str, rows: Sequence[Row], *, silent: bool) -> None:
    if silent:
        return
    print(f"\n{name}", flush=True)
    for row in rows:
        print("  " + ", ".join(f"{column} {value}" for column, value in row.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
