"""What one request costs the model: CPU time at 10^3 to 10^5 items, mixture and default.

    python -m benchmarks.request [--events 100000] [--max-items 100000] [--json]

Every number of items is trained in a process of its own, on made-up events and few training
requests: it is the request that is measured. The median is what a request takes, `fastest` (the
tenth in a hundred) what it takes when neighbours on the machine leave the caches alone. What a
request costs however few items there are is the line of the smallest catalogue.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.child import run_child
from benchmarks.scale import read_context, sizes
from benchmarks.synthetic import synthetic_data
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.user_personalization import (
    UserPersonalization,
    UserPersonalizationModel,
    UserPersonalizationSettings,
)

ITEMS = (1_000, 20_000, 100_000)
_TRAINING_REQUESTS = 1_000
_USERS, _ROUNDS = 200, 3


def measure(events: int, items: int) -> dict[str, Any]:
    """The child's part: train once, then ask for some users, both models by turns."""
    data = synthetic_data(events, items)
    settings = UserPersonalizationSettings(max_requests=_TRAINING_REQUESTS)
    model = UserPersonalization().fit(data, settings, 0)
    if model.learned is None:
        raise SystemExit("nothing was learned: give more --events")
    contexts = [read_context(data, user) for user in range(min(_USERS, data.n_users))]
    mixture = UserPersonalizationModel(model.card, model.index, model.mixture, None, None, settings)
    taken: dict[str, list[float]] = {"mixture": [], "default": []}
    for context in contexts * _ROUNDS:
        for name, asked in (("mixture", mixture), ("default", model)):
            taken[name].append(_milliseconds(asked, context))
    result: dict[str, Any] = {"items": items, "events": events}
    for name, times in taken.items():
        fastest, median = np.quantile(times[_USERS // 2 :], (0.1, 0.5)).tolist()
        result |= {f"{name}_ms": round(median, 3), f"{name}_fastest_ms": round(fastest, 3)}
    return result


def _milliseconds(model: UserPersonalizationModel, context: Context) -> float:
    begun = time.process_time_ns()
    model.score_catalogue(context)
    return (time.process_time_ns() - begun) / 1e6


def main(arguments: Sequence[str]) -> None:
    """Measure the sizes allowed, and print a line for each, or JSON."""
    parser = argparse.ArgumentParser(
        "benchmarks.request",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--max-items", type=int, default=ITEMS[-1])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(measure(options.events, options.child)))
        return
    results = []
    for items in sizes(ITEMS, options.max_items):
        child = ["--events", str(options.events), "--child", str(items)]
        results.append(run_child("benchmarks.request", child))
        if not options.json:
            print(", ".join(f"{name} {value:,}" for name, value in results[-1].items()))
    if options.json:
        print(json.dumps({"results": results}))


if __name__ == "__main__":
    main(sys.argv[1:])
