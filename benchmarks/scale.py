"""How training time and memory grow: 10^5 to 10^7 events, 10^3 to 10^5 items, made up.

    python -m benchmarks.scale [--max-events 1000000] [--max-items 100000] [--json]

Every size is trained in a process of its own. The slope is that of log seconds against log
events at one number of items: 1 is linear growth; below the largest sizes fixed costs count,
so it is given between the two largest numbers of events, too.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.child import peak_megabytes, run_child
from benchmarks.synthetic import synthetic_data
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.models.recipes.contract import Context, ContextEvent
from pawsonalize.models.recipes.data import TrainingData

EVENTS = (100_000, 1_000_000, 10_000_000)
ITEMS = (1_000, 10_000, 100_000)
_REQUESTS = 200
_READ = 10


def measure(events: int, items: int) -> dict[str, Any]:
    """The child's part: train once, then answer for some users."""
    recipe = recipe_named("user-personalization")
    data = synthetic_data(events, items)
    before = peak_megabytes()
    begun, worked = time.perf_counter(), time.process_time()
    model = recipe.fit(data, recipe.settings(), 0)
    trained, cpu = time.perf_counter() - begun, time.process_time() - worked
    peak = peak_megabytes()
    taken = []
    for user in range(min(_REQUESTS, data.n_users)):
        context = read_context(data, user)
        begun = time.perf_counter()
        model.score_catalogue(context)
        taken.append(time.perf_counter() - begun)
    return {
        "events": events,
        "items": items,
        "train_seconds": round(trained, 2),
        "train_cpu_seconds": round(cpu, 2),
        "data_mb": round(before),
        "peak_mb": round(peak),
        "ms_per_request": round(1000 * float(np.median(taken)), 3),
    }


def read_context(data: TrainingData, user: int) -> Context:
    """The user's newest events."""
    start, end = np.searchsorted(data.user, [user, user + 1]).tolist()
    rows = range(end - 1, max(start, end - _READ) - 1, -1)
    events = (
        ContextEvent(data.item_ids[data.item[row]], "view", int(data.time[row])) for row in rows
    )
    return Context(tuple(events), data.as_of)


def slopes(results: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Growth of training time with events, for each number of items with two sizes or more."""
    found = []
    for items in sorted({row["items"] for row in results}):
        rows = [row for row in results if row["items"] == items]
        events, seconds = (
            np.log(np.array([max(row[key], 1e-3) for row in rows], float))
            for key in ("events", "train_seconds")
        )
        if len(rows) > 1:
            slope = float(np.polyfit(events, seconds, 1)[0])
            last = float((seconds[-1] - seconds[-2]) / (events[-1] - events[-2]))
            found.append({"items": items, "slope": round(slope, 2), "last_slope": round(last, 2)})
    return found


def sizes(known: Sequence[int], most: int) -> list[int]:
    """The known sizes up to the most; where that is below all of them, itself."""
    return [size for size in known if size <= most] or [most]


def main(arguments: Sequence[str]) -> None:
    """Measure the sizes allowed, and print a line for each, or JSON."""
    parser = argparse.ArgumentParser(
        "benchmarks.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--max-events", type=int, default=1_000_000)
    parser.add_argument("--max-items", type=int, default=ITEMS[-1])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(measure(*options.child)))
        return
    results: list[dict[str, Any]] = []
    for items in sizes(ITEMS, options.max_items):
        for events in sizes(EVENTS, options.max_events):
            results.append(run_child("benchmarks.scale", ["--child", str(events), str(items)]))
            if not options.json:
                print(", ".join(f"{name} {value:,}" for name, value in results[-1].items()))
    if options.json:
        print(json.dumps({"results": results, "slopes": slopes(results)}))
        return
    for row in slopes(results):
        print(
            f"{row['items']:,} items: slope {row['slope']}, between the largest {row['last_slope']}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
