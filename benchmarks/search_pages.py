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
- `ceiling`: all of that species, by what the visitor makes of them. No page is worth more.

A page is worth the adoptions to be expected of it, as in `benchmarks.pages`. The answer is all that
is shown: whoever obeys every rule, then whoever nearly fits. `ours_to_it` compares pages as they
are, `same_places` the first places only, so many as obey every rule. Both are ratios of the sums,
with their standard errors over pages.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.markets.draw import Drawn, Ints, draw
from benchmarks.markets.knowing import Ceiling
from benchmarks.markets.ours import Ours, served
from benchmarks.markets.play import Ask, Shown, play, worth
from benchmarks.markets.wishes import with_searches
from benchmarks.markets.worlds import TUNING_SEEDS, WORLDS, smaller
from benchmarks.outcomes import RECIPE, processes, read_seeds

Floats = NDArray[np.float64]
NAMES = (
    "ours",
    "unexplored",
    "relevance alone",
    "words not read",
    "search, then unread",
    "ceiling",
)


@dataclass
class Searched:
    """Ours, which answers words where there are some."""

    drawn: Drawn
    ours: Ours
    words: Mapping[int, str]
    worths: list[list[list[float]]] = field(default_factory=list)
    """Of each search, in the order of `NAMES`: places, worth, and worth of as many as ours has."""

    def page(self, ask: Ask, size: int) -> Ints:
        """What ours shows: the answer to the words is the first page of a visit."""
        text, visitor = self.words.get(ask.session.number), ask.session.visitor
        if text is None or ask.at != ask.session.at:
            return self.ours.page(ask, size)
        found = self.ours.search(ask, size, text)
        same = found.fitting
        own = found.ours[:same]
        more = found.unread[~np.isin(found.unread, own)]
        filled = np.concatenate([own, more])[:size]
        pages = (*found[:4], filled, Ceiling(self.drawn).page(ask, size))
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
class Playing:
    """How each market is played."""

    days: int = 60
    share: float = 1.0
    """Of the animals and sessions."""
    searching: float = 1 / 3
    every: int = 7
    recipe: str = RECIPE


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
        ratios = [_ratio(worths[:, 0, 1], whole), _ratio(worths[:, 0, 2], same)]
        (ours_to_it, error), (same_places, same_error) = ratios
        rows.append(
            {
                "order": name,
                "places": round(float(places.mean()), 2),
                "adoptions_per_1000_pages": round(1_000 * float(whole.mean()), 3),
                "ours_to_it": ours_to_it,
                "error": error,
                "same_places": same_places,
                "same_places_error": same_error,
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
    parser = argparse.ArgumentParser(
        "benchmarks.search_pages",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=["town"])
    parser.add_argument("--seeds", nargs="+", type=read_seeds, default=[TUNING_SEEDS])
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--share", type=float, default=1.0, help="of the animals and sessions")
    parser.add_argument("--searching", type=float, default=1 / 3, help="share of the visits")
    parser.add_argument("--every", type=int, default=7, help="days between two trainings, at most")
    parser.add_argument("--recipe", default=RECIPE, help="what ours trains")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `serve` does
    seeds = list(dict.fromkeys(chain.from_iterable(options.seeds)))
    playing = Playing(options.days, options.share, options.searching, options.every, options.recipe)
    results = []
    with processes(options.jobs) as pool:
        runs_of = {
            world: [pool.submit(play_one, world, seed, playing) for seed in seeds]
            for world in options.worlds
        }
        for world, runs in runs_of.items():
            worths = np.concatenate([run.result() for run in runs])
            rows = compare(worths)
            results += [{"world": world, "searches": len(worths), **row} for row in rows]
            if not options.json:
                print(f"\n{world}, {len(seeds)} seeds, {len(worths)} searches", flush=True)
                for row in rows:
                    print("  " + "  ".join(f"{value!s:<20}" for value in row.values()))
    if options.json:
        print(json.dumps({"results": results}))


if __name__ == "__main__":
    main(sys.argv[1:])
