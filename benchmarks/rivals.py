"""The default recipe beside every baseline, where something else decides each time.

    python -m benchmarks.rivals [--worlds order taste repeats cold] [--seeds 3] [--json]
    python -m benchmarks.rivals --interactions ml-100k.inter --split last time

A world (benchmarks/worlds.py) is a log that is made up: in `order` an item follows from the one
before it, in `taste` the order says nothing, in `repeats` users come back to what they had, in
`cold` items come and go within 40 days. `--interactions` adds a log of your own. All are asked by
`pawsonalize.evaluate`, so with all items as candidates; each line has the mean NDCG@10 over the
seeds, and how far the default is ahead of that rival, user by user, with its 95% interval. A
rival that may not repeat is told so, as the default is.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars

import pawsonalize as paws
from benchmarks.genuine import check_others
from benchmarks.worlds import WORLDS, World

DEFAULT = "default"


def contenders(*, repeats: bool) -> dict[str, paws.Recommender]:
    """Return the recommenders by their names; those that repeat only where users do."""
    rivals: dict[str, paws.Recommender] = {
        "random": paws.Random(unseen=not repeats),
        "popularity": paws.Popularity(),
        "unseen popularity": paws.Popularity(unseen=True),
        "own history": paws.OwnHistory(unseen=False),
        "attributes": paws.Attributes(unseen=not repeats),
        "item-knn": paws.ItemKNN(unseen=not repeats),
        "transitions": paws.Transitions(unseen=not repeats),
        "ease": paws.EASE(unseen=not repeats),
    }
    if not repeats:
        del rivals["popularity"], rivals["own history"]
    return {DEFAULT: paws.UserPersonalization(repeats=repeats), **rivals}


def measure(world: World, seeds: int) -> list[dict[str, Any]]:
    """Return a row for each contender, the best first."""
    named = contenders(repeats=world.repeats)
    for name, recommender in named.items():
        recommender.name = name
    found = paws.evaluate([*named.values()], world.data, split=world.split, seeds=seeds)
    check_others({name: one.values.tobytes() for name, one in found.measured.items()})
    rows = []
    for row in found.table():
        ahead = next(iter(found.compare(DEFAULT, row["model"])))
        rows.append(
            {
                "model": row["model"],
                "ndcg_at_10": row["ndcg@10"],
                "ahead": ahead["difference"],
                "low": ahead["low"],
                "high": ahead["high"],
                "fit_seconds": row["fit_seconds"],
                "users": found.users,
            }
        )
    return sorted(rows, key=lambda row: -row["ndcg_at_10"])


def main(arguments: Sequence[str]) -> None:
    """Print each log's table, or one line of JSON."""
    parser = argparse.ArgumentParser(
        "rivals", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", nargs="*", choices=[*WORLDS], default=[*WORLDS])
    parser.add_argument("--interactions", type=Path, help="a log: CSV, or RecBole's .inter")
    parser.add_argument("--split", nargs="*", default=["last"], help="of --interactions")
    parser.add_argument("--repeats", action="store_true", help="users of --interactions repeat")
    parser.add_argument("--users", type=int, default=900)
    parser.add_argument("--items", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    rows = []
    for name, world in _worlds(options):
        measured = measure(world, options.seeds)
        rows += [{"log": name, **row} for row in measured]
        if not options.json:
            print(
                f"\n{name}: {world.data}, split {world.split}, {measured[0]['users']} users asked"
            )
            print("\n".join(map(_line, measured)), flush=True)
    if options.json:
        print(json.dumps({"rows": rows}))


def _worlds(options: argparse.Namespace) -> Iterator[tuple[str, World]]:
    for name in options.worlds:
        yield name, WORLDS[name](options.users, options.items, 1)
    if options.interactions:
        data = read_log(options.interactions)
        for split in options.split:
            name = f"{options.interactions.name} {split}"
            yield name, World(data, repeats=options.repeats, split=split)


def read_log(path: Path) -> paws.Dataset:
    """Return the interactions of a CSV, or of RecBole's `.inter`, whose columns have types."""
    if path.suffix != ".inter":
        return paws.Dataset.from_csv(path)
    frame = polars.read_csv(path, separator="\t")
    return paws.Dataset.from_frame(frame.rename(lambda name: name.partition(":")[0]))


def _line(row: Mapping[str, Any]) -> str:
    ahead = f"{row['ahead']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f})"
    own = row["model"] == DEFAULT
    return f"  {row['model']:18} {row['ndcg_at_10']:.4f}  {'' if own else 'default ' + ahead}"


if __name__ == "__main__":
    main(sys.argv[1:])
