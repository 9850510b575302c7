"""Adoptions and stays that orders of animals bring about, in markets that are not the demo world.

    python -m benchmarks.outcomes [--worlds town charm] [--seeds verdict] [--share 0.25]
                                  [--every 7] [--without-ours] [--answers 0.5 1] [--noise vague]
                                  [--board 6] [--taps 1] [--alerts 0.33] [--orders newest oracle]
                                  [--jobs 2] [--json]

Each world of `benchmarks.markets.worlds` is drawn for each seed, and played by each order in a copy
of its own: the same arrivals, visits and luck, but whom a visitor adopts is gone for all who come
later. `ours` is the service itself, trained at least every so many days. The orders that a site
could have without it are `newest`, `nearest`, `popular` and a `content profile` of twenty lines.
The `ceiling` knows all but the whims of one session, which nobody can know; the `oracle` knows
those as well. The `informed` is told how the market works, but has to learn animals and visitors;
the `told` has to learn visitors alone, and the `acquainted` does not know tastes on a visitor's
first page.

With `--answers`, `ours` and the `informed` play once more for each share of visitors that answer
boards. A `clear` answer depends on likes 2.5 times as much as an opening does, a `vague` one just
as much.

With `--alerts`, `ours` plays once more where such a share of the visitors wishes to be told of
animals, for each share of `--answers` and for nobody. Alerts are written once in seven days; half
of them are followed. `--orders` names the other orders that play, beside `newest`, `content
profile` and `oracle`.

Figures are means over seeds, with the lowest and the highest of a single seed. They are of every
animal that waits at the start or arrives later. `rmst90` is the mean of min(stay, 90 days);
`hardest_adopted` the share adopted of the fifth that everybody likes least; `known_no_shown` how
many places had an animal that is known not to get along with the visitor's home. `way` is how much
of the way from newest to the oracle the adoptions of an order go, and `way_above_content` its lead
over the content profile's on the same seeds. What asking and telling add to ours has a 90% interval
in brackets, found by drawing the seeds of each world anew.

Settings are chosen on the seeds for tuning. Those of the verdict are for the figures alone.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.markets.draw import Drawn, draw
from benchmarks.markets.figures import (
    LEAST,
    MOST,
    OURS,
    RIVAL,
    Figures,
    Played,
    Row,
    figures,
    over_seeds,
    over_worlds,
)
from benchmarks.markets.knowing import KNOWING
from benchmarks.markets.ours import served
from benchmarks.markets.play import Copy, Order, play
from benchmarks.markets.rivals import SIMPLE
from benchmarks.markets.runs import RECIPE, market_parser, play_worlds
from benchmarks.markets.worlds import CLEAR, VAGUE, WORLDS, smaller

_ENOUGH = 1.0
"""From this demand on, there is not too little of it."""
_Orders = Mapping[str, Callable[[Drawn], Order]]
_NOISE = {"clear": CLEAR, "vague": VAGUE}


@dataclass(frozen=True, slots=True)
class Playing:
    """How each world is played."""

    share: float = 1.0
    """Of the animals and sessions."""
    every: int | None = 7
    """Days between two trainings of ours, at most; None: without ours."""
    recipe: str = RECIPE
    """What ours trains."""
    answers: tuple[float, ...] = ()
    """Shares of visitors who answer boards; nobody is always played."""
    noise: float = CLEAR
    board: int = 9
    """Animals on a board."""
    taps: int = 3
    """Animals that a visitor picks of it, at most."""
    alerts: float = 0.0
    """Share of visitors who wish to be told of animals."""
    orders: frozenset[str] = frozenset(SIMPLE) | frozenset(KNOWING)
    """The orders that play beside ours."""


def play_one(world: str, seed: int, playing: Playing) -> dict[str, Figures]:
    """The figures of each order, in one world of one seed."""
    drawn = draw(smaller(WORLDS[world], playing.share), seed)
    simple, knowing = (
        {name: of for name, of in orders.items() if name in playing.orders}
        for orders in (SIMPLE, KNOWING)
    )
    copies = _played(drawn, playing, simple, knowing)
    visitors = replace(drawn.market, noise=playing.noise, board=playing.board, taps=playing.taps)
    informed = {name: of for name, of in knowing.items() if name == "informed"}
    for answers in (0.0, *playing.answers):
        asked = replace(drawn, market=replace(visitors, answers=answers))
        words = f", {answers:.0%} asked" if answers else ""
        if answers:
            played = _played(asked, playing, {}, informed)
            copies |= {f"{name}{words}": copy for name, copy in played.items()}
        if playing.alerts:
            told = replace(asked, market=replace(asked.market, alerted=playing.alerts))
            copies[f"{OURS}{words}, {playing.alerts:.0%} alerted"] = _played(told, playing, {}, {})[
                OURS
            ]
    return {name: figures(copy) for name, copy in copies.items()}


def _played(drawn: Drawn, playing: Playing, before: _Orders, after: _Orders) -> dict[str, Copy]:
    """The copies of these orders, with ours between them."""
    with ExitStack() as stack:
        orders: dict[str, Order] = {name: of(drawn) for name, of in before.items()}
        if playing.every is not None:
            service = served(drawn, playing.every, recipe=playing.recipe)
            orders[OURS] = stack.enter_context(service)
        return play(drawn, orders | {name: of(drawn) for name, of in after.items()})


def summarise(found: Mapping[str, Played]) -> list[Row]:
    """Over the worlds of too little demand; none without such a world."""
    return over_worlds([one for world, one in found.items() if WORLDS[world].demand < _ENOUGH])


def _print_world(world: str, rows: Sequence[Row], seeds: int) -> None:
    print(f"\n{world}, demand {WORLDS[world].demand}, {seeds} seeds", flush=True)
    for row in rows:
        print(
            f"  {row['order']:20s} adoptions {_span(row['adoptions'], '.1f')},"
            f" to be expected {_span(row['expected_adoptions'], '.1f')},"
            f" {row['adoptions_per_1000_sessions'][0]:.1f} per 1,000 sessions,"
            f" RMST90 {_span(row['rmst90'], '.1f')} d,"
            f" hardest fifth {_span(row['hardest_adopted'], '.0%')},"
            f" known no {row['known_no_shown'][0]:.0f},"
            f" never shown {row['never_shown_share'][0]:.1%},"
            f" newcomers unseen {row['newcomers_unseen'][0]:.1%}"
        )
        if row["order"] in (LEAST, MOST):
            continue
        print(f"  {'':20s} {_ratios(row)}")
        if "way_above_content" in row:
            print(
                f"  {'':20s} way above the content profile's"
                f" {_span(row['way_above_content'], '+.0%')},"
                f" in {row['seeds_above_content']} of {seeds} seeds"
            )
        if "way_gained" in row:
            print(f"  {'':20s} {_gained(row)}")


def _print_summary(rows: Sequence[Row]) -> None:
    print("\nmean over the worlds of too little demand (lowest to highest world)")
    for row in rows:
        above = ""
        if "worlds_above_content" in row:
            above = f", above the content profile in {row['worlds_above_content']}"
            above += f" of {row['worlds']} worlds"
        together = f"of all adoptions together {row['way_together']:.1%}"
        hard = f"hardest fifth {row['hardest_adopted'][0]:.1%}"
        print(f"  {row['order']:20s} {_ratios(row)}{above}; {together}, {hard}")
        if "way_gained" in row:
            print(f"  {'':20s} {_gained(row)}")


def _ratios(row: Row) -> str:
    way, stays, hard = (row[name] for name in ("way", "rmst90_to_oracle", "hardest_to_oracle"))
    return (
        f"way {_span(way, '.0%')}, RMST90 to oracle's {_span(stays, '.2f')},"
        f" hardest fifth to oracle's {_span(hard, '.0%')}"
    )


def _gained(row: Row) -> str:
    way, hard = (_span(row[name], "+.1%") for name in ("way_gained", "hardest_gained"))
    return f"over ours alone: way {way}, hardest fifth {hard}"


def _span(value: Sequence[float], form: str) -> str:
    mean, low, high = (format(one, form) for one in value)
    return f"{mean} ({low} to {high})"


def main(arguments: Sequence[str]) -> None:
    """Play, and print a table for each world and the summary, or JSON."""
    parser = market_parser("outcomes", __doc__)
    parser.add_argument(
        "--without-ours", action="store_true", help="play the others alone, in a tenth of the time"
    )
    parser.add_argument(
        "--answers", nargs="+", type=float, default=[], help="shares of visitors who answer boards"
    )
    parser.add_argument("--noise", choices=_NOISE, default="clear", help="of those answers")
    parser.add_argument("--board", type=int, default=9, help="animals on a board")
    parser.add_argument("--taps", type=int, default=3, help="animals that are picked, at most")
    parser.add_argument("--alerts", type=float, default=0.0, help="share who wish to be told")
    parser.add_argument(
        "--orders", nargs="*", choices=[*SIMPLE, *KNOWING], default=[*SIMPLE, *KNOWING]
    )
    options = parser.parse_args(arguments)
    found: dict[str, Played] = {}
    playing = Playing(
        options.share,
        None if options.without_ours else options.every,
        options.recipe,
        tuple(options.answers),
        _NOISE[options.noise],
        options.board,
        options.taps,
        options.alerts,
        frozenset({*options.orders, LEAST, RIVAL, MOST}),
    )
    for world, runs in play_worlds(options, play_one, playing):
        found[world] = {name: [one[name] for one in runs] for name in runs[0]}
        if not options.json:
            _print_world(world, over_seeds(found[world]), len(runs))
    summary = summarise(found)
    if options.json:
        results = [{"world": of, **row} for of, one in found.items() for row in over_seeds(one)]
        print(json.dumps({"results": results, "summary": summary}))
    elif summary:
        _print_summary(summary)


if __name__ == "__main__":
    main(sys.argv[1:])
