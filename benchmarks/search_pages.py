"""What a page is worth that answers words, in made-up markets where visitors search.

    python -m benchmarks.search_pages [--worlds town] [--seeds tuning] [--days 60] [--share 1]
                                      [--searching 0.33] [--every 7] [--recipe NAME]
                                      [--jobs 2] [--json]

Our service plays a market of `benchmarks.outcomes` in which so many visits begin with a search: the
visitor writes one to three of the sizes, ages, breeds and colours that they truly like, or do not.
The answer is the first page of the visit. Beside it, at the same moment:

- `unexplored`: the same answer if nothing was explored;
- `relevance alone`: the animals that the search found, then those that nearly fit, of both the most
  relevant first, then the longest listed, within the rules of the visitor's home;
- `words not read`: the plain page for the same visitor, home and species;
- `search, then unread`: of the answer those that obey every rule, and after them the plain page up
  to the size of a page;
- `knowing`: orders that know all but tastes and whims, as if they saw everybody for the first time:
  `not read`; `read`, with the likings that the visitor wrote of, of which no page could make more;
  and the same with whoever obeys every rule before all others (`rules first`), as ours has them;
- `ceiling`: all of that species, by what the visitor makes of them. No page is worth more.

A page is worth the adoptions to be expected of it, as in `benchmarks.pages`. The answer is all that
is shown: whoever obeys every rule, then whoever nearly fits. `ours_to_it` compares pages as they
are, `same_places` the first places only, so many as obey every rule. `to_unread` compares an order
with the one that knows as much and reads no words: `words not read`, or `knowing, not read`. All
are ratios of the sums, with their standard errors over pages.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.markets import runs
from benchmarks.markets.draw import Drawn, Floats, Ints, draw
from benchmarks.markets.knowing import Ceiling, Reader
from benchmarks.markets.ours import Ours, served
from benchmarks.markets.play import Ask, Shown, play, worth
from benchmarks.markets.wishes import Written, with_searches
from benchmarks.markets.worlds import WORLDS, smaller

NAMES = (
    "ours",
    "unexplored",
    "relevance alone",
    "words not read",
    "search, then unread",
    "knowing, not read",
    "knowing, read",
    "knowing, rules first",
    "ceiling",
)
_UNREAD = tuple(map(NAMES.index, ("words not read", "knowing, not read")))


@dataclass
class Searched:
    """Ours, which answers words where there are some."""

    drawn: Drawn
    ours: Ours
    words: Mapping[int, Written]
    reader: Reader = field(init=False)
    worths: list[list[list[float]]] = field(default_factory=list)
    """Of each search, in the order of `NAMES`: places, worth, and worth of as many as ours has."""

    def __post_init__(self) -> None:
        self.reader = Reader(self.drawn)

    def page(self, ask: Ask, size: int) -> Ints:
        """What ours shows: the answer to the words is the first page of a visit."""
        written, visitor = self.words.get(ask.session.number), ask.session.visitor
        if written is None or ask.at != ask.session.at:
            return self.ours.page(ask, size)
        found = self.ours.search(ask, size, written.text)
        same = min(size, len(found.obeying))
        own = found.ours[:same]
        more = found.unread[~np.isin(found.unread, own)]
        filled = np.concatenate([own, more])[:size]
        knowing = self.reader.pages(ask, size, written.likings, found.obeying)
        pages = (*found[:4], filled, *knowing, Ceiling(self.drawn).page(ask, size))
        self.worths.append(
            [
                [len(one), worth(self.drawn, visitor, one), worth(self.drawn, visitor, one[:same])]
                for one in pages
            ]
        )
        return found.ours

    def hear(self, shown: Shown) -> None:
        """Ours hears it."""
        self.ours.hear(shown)


@dataclass(frozen=True, slots=True)
class Playing(runs.Playing):
    """How ours plays each market."""

    days: int = 60
    searching: float = 1 / 3


def play_one(world: str, seed: int, playing: Playing) -> Floats:
    """What each page is worth, shape (searches, orders, 3)."""
    market = smaller(WORLDS[world], playing.share)
    part = playing.days / market.days
    market = replace(
        market,
        days=playing.days,
        sessions=round(market.sessions * part),
        visitors=round(market.visitors * part),
    )
    drawn, words = with_searches(draw(market, seed), playing.searching)
    with served(drawn, playing.every, recipe=playing.recipe) as ours:
        searched = Searched(drawn, ours, words)
        play(drawn, {"ours": searched})
    return np.array(searched.worths).reshape(-1, len(NAMES), 3)


def compare(worths: Floats) -> list[dict[str, object]]:
    """A row for each order."""
    rows: list[dict[str, object]] = []
    for row, name in enumerate(NAMES):
        places, whole, same = worths[:, row].T
        unread = worths[:, _UNREAD[name.startswith("knowing")], 1]
        ratios = [
            _ratio(worths[:, 0, 1], whole),
            _ratio(worths[:, 0, 2], same),
            _ratio(whole, unread),
        ]
        (ours_to_it, error), (same_places, same_error), (to_unread, unread_error) = ratios
        rows.append(
            {
                "order": name,
                "places": round(float(places.mean()), 2),
                "adoptions_per_1000_pages": round(1_000 * float(whole.mean()), 3),
                "ours_to_it": ours_to_it,
                "error": error,
                "same_places": same_places,
                "same_places_error": same_error,
                "to_unread": to_unread,
                "to_unread_error": unread_error,
            }
        )
    return rows


def _ratio(ours: Floats, theirs: Floats) -> tuple[float, float]:
    """The ratio of the sums, and its standard error over pages."""
    ratio = ours.sum() / theirs.sum()
    error = (ours - ratio * theirs).std() / theirs.mean() / np.sqrt(len(ours))
    return round(float(ratio), 4), round(float(error), 4)


def main(arguments: Sequence[str]) -> None:
    """Play, and print a table for each world, or JSON."""
    parser = runs.market_parser("search_pages", __doc__, ["town"])
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--searching", type=float, default=1 / 3, help="share of the visits")
    options = parser.parse_args(arguments)
    playing = Playing(options.share, options.every, options.recipe, options.days, options.searching)
    worlds = runs.play_worlds(options, play_one, playing)
    runs.print_pages("searches", options, worlds, compare, _line)


def _line(row: runs.Row) -> str:
    return "  ".join(f"{value!s:<20}" for value in row.values())


if __name__ == "__main__":
    main(sys.argv[1:])
