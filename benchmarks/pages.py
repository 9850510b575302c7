"""What a page of ours is worth beside those of others at the same moment, in made-up markets.

    python -m benchmarks.pages [--worlds town charm] [--seeds tuning] [--share 0.25]
                               [--every 7] [--recipe NAME] [--jobs 2] [--json]

Our service plays a market of `benchmarks.outcomes`. Each time that a visitor is shown a page, other
orders, which heard the same from the first day on, say what they would have shown. A page is worth
the adoptions to be expected of it, so luck has no part in it: a difference of one percent shows on
one seed, where whole markets differ by several from luck alone. `gain` is what the order's
pages are worth beyond ours, as a share of ours, with its standard error over pages.

What becomes of the market is not in it. An order that shows everybody the same favourites has the
better pages, until the favourites are gone.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.markets.draw import Drawn, Floats, Ints, draw
from benchmarks.markets.knowing import KNOWING
from benchmarks.markets.ours import Ours, served
from benchmarks.markets.play import Ask, Order, Shown, play, worth
from benchmarks.markets.rivals import SIMPLE
from benchmarks.markets.runs import Playing, Row, market_parser, play_worlds, print_pages
from benchmarks.markets.worlds import WORLDS, smaller

UNEXPLORED = "ours, nothing explored"
_OTHERS = ("nearest", "content profile", "informed", "acquainted", "ceiling")
NAMES = ("ours", UNEXPLORED, *_OTHERS)


@dataclass
class Beside:
    """Ours, with others beside it who only say what they would show."""

    drawn: Drawn
    ours: Ours
    others: dict[str, Order] = field(init=False)
    worths: list[list[float]] = field(default_factory=list)
    """Of each page to a person: what it is worth in the order of `NAMES`."""

    def __post_init__(self) -> None:
        every = {**SIMPLE, **KNOWING}
        self.others = {name: every[name](self.drawn) for name in _OTHERS}

    def page(self, ask: Ask, size: int) -> Ints:
        """What ours shows."""
        page = self.ours.page(ask, size)
        if not ask.session.is_bot:
            pages = [page, self.ours.unexplored()]
            pages += [other.page(ask, size) for other in self.others.values()]
            visitor = ask.session.visitor
            self.worths.append([worth(self.drawn, visitor, one) for one in pages])
        return page

    def hear(self, shown: Shown) -> None:
        """All of them hear it."""
        self.ours.hear(shown)
        for other in self.others.values():
            other.hear(shown)


def play_one(world: str, seed: int, playing: Playing) -> Floats:
    """What each page is worth, shape (pages, orders)."""
    drawn = draw(smaller(WORLDS[world], playing.share), seed)
    with served(drawn, playing.every, recipe=playing.recipe) as ours:
        beside = Beside(drawn, ours)
        play(drawn, {"ours": beside})
        return np.array(beside.worths).reshape(-1, len(NAMES))


def compare(worths: Floats) -> list[dict[str, object]]:
    """A row for each order: the adoptions that its pages promise, and its gain over ours."""
    ours = worths[:, 0]
    rows: list[dict[str, object]] = []
    for name, theirs in zip(NAMES, worths.T, strict=True):
        gain = (theirs - ours) / ours.mean()
        error = gain.std() / np.sqrt(len(gain))
        rows.append(
            {
                "order": name,
                "adoptions_per_1000_pages": round(1_000 * float(theirs.mean()), 3),
                "gain": round(float(gain.mean()), 4),
                "error": round(float(error), 4),
            }
        )
    return rows


def main(arguments: Sequence[str]) -> None:
    """Play, and print a table for each world, or JSON."""
    options = market_parser("pages", __doc__).parse_args(arguments)
    playing = Playing(options.share, options.every, options.recipe)
    print_pages("pages", options, play_worlds(options, play_one, playing), compare, _line)


def _line(row: Row) -> str:
    return (
        f"{row['order']:24s} {row['adoptions_per_1000_pages']:6.2f}"
        f" per 1,000 pages, {row['gain']:+.1%} beyond ours (± {row['error']:.1%})"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
