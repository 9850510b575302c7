"""Markets that a benchmark plays, each in a process of its own, and what it prints of them."""

import json
import os
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain
from multiprocessing import get_context
from typing import TypeVar

import numpy as np

from benchmarks.markets.draw import Floats
from benchmarks.markets.worlds import TUNING_SEEDS, VERDICT_SEEDS, WORLDS
from pawsonalize.core.logs import configure_logs

RECIPE = "user-personalization"
"""What ours trains unless told otherwise."""
_NAMED = {"tuning": TUNING_SEEDS, "verdict": VERDICT_SEEDS}
Row = Mapping[str, object]
How = TypeVar("How")
Played = TypeVar("Played")


@dataclass(frozen=True, slots=True)
class Playing:
    """How ours plays each market."""

    share: float = 1.0
    """Of the animals and sessions."""
    every: int = 7
    """Days between two trainings, at most."""
    recipe: str = RECIPE


def read_seeds(word: str) -> tuple[int, ...]:
    """Those that a name stands for, or the one of that number; ValueError if it is neither."""
    return _NAMED[word] if word in _NAMED else (int(word),)


def market_parser(
    name: str, description: str | None, worlds: Sequence[str] = tuple(WORLDS)
) -> ArgumentParser:
    """The options that all of these benchmarks have; `worlds` are played unless told otherwise."""
    parser = ArgumentParser(
        f"benchmarks.{name}", description=description, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=list(worlds))
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=read_seeds,
        default=[TUNING_SEEDS],
        help="verdict, tuning (default) or numbers",
    )
    parser.add_argument("--share", type=float, default=1.0, help="of the animals and sessions")
    parser.add_argument("--every", type=int, default=7, help="days between two trainings, at most")
    parser.add_argument("--recipe", default=RECIPE, help="what ours trains")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--json", action="store_true")
    return parser


def play_worlds(
    options: Namespace, play_one: Callable[[str, int, How], Played], playing: How
) -> Iterator[tuple[str, list[Played]]]:
    """Each world with what its seeds gave, one after the other; several are played at once."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `serve` does
    seeds = list(dict.fromkeys(chain.from_iterable(options.seeds)))
    with ProcessPoolExecutor(
        options.jobs,
        get_context("spawn"),  # the service has threads
        configure_logs,
        ("console", "error"),
        max_tasks_per_child=1,
    ) as pool:
        runs_of = {
            world: [pool.submit(play_one, world, seed, playing) for seed in seeds]
            for world in options.worlds
        }
        for world, runs in runs_of.items():
            yield world, [run.result() for run in runs]


def print_pages(
    what: str,
    options: Namespace,
    worlds: Iterator[tuple[str, list[Floats]]],
    compare: Callable[[Floats], Sequence[Row]],
    line: Callable[[Row], str],
) -> None:
    """Print a table of the pages of each world, or JSON; `what` they are called."""
    results = []
    for world, runs in worlds:
        worths = np.concatenate(runs)
        rows = compare(worths)
        results += [{"world": world, what: len(worths), **row} for row in rows]
        if not options.json:
            print(f"\n{world}, {len(runs)} seeds, {len(worths)} {what}", flush=True)
            for row in rows:
                print(f"  {line(row)}")
    if options.json:
        print(json.dumps({"results": results}))
