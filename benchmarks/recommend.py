"""Recommendation requests per second, beside the same endpoint answering a constant.

    python -m benchmarks.recommend [--events 1000000] [--groups 12500] [--requests 5000] [--json]

One worker process, one connection per client, users drawn at random among those with events.
"""

import argparse
import json
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.genuine import check_constant, check_others
from benchmarks.server import answers, drive, percentile, post, serving
from benchmarks.synthetic import group_ids
from pawsonalize.animals.tables.catalogue import Item
from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import load_settings
from pawsonalize.core import clock
from pawsonalize.core.event import Event
from pawsonalize.resources.defaults import RECOMMENDER
from pawsonalize.train.commands.trainings import train_and_serve

CONNECTIONS = 8
_CHUNK = 20_000
_USERS_PER_EVENT = 1 / 20


def event_chunks(groups: list[str], count: int, now: int) -> Iterator[list[Event]]:
    """Skewed popularity, and each user's next item near the one before, as in life."""
    random_state = np.random.default_rng(0)
    users = int(count * _USERS_PER_EVENT)
    homes = random_state.zipf(1.3, users) % len(groups)
    for start in range(0, count, _CHUNK):
        size = min(_CHUNK, count - start)
        who = random_state.integers(users, size=size)
        where = (homes[who] + random_state.geometric(0.2, size)) % len(groups)
        yield [
            Event(f"{start + n:012d}", f"u{user}", None, "view", groups[item], at, at)
            for n, (user, item) in enumerate(zip(who.tolist(), where.tolist(), strict=True))
            for at in (now - (count - start - n) * 1000,)
        ]


def prepare(data_dir: Path, groups: int, events: int) -> None:
    """Store the events and train the default recipe on them; nothing is left to be archived."""
    ids = group_ids(groups)
    now = clock.now()
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        adapters.catalogue.put_items([Item(item, {}) for item in ids])
        for chunk in event_chunks(ids, events, now):
            adapters.log.append(chunk)
        adapters.archiver.archive_once()  # a server would do it first, in the time that is measured
        # Its metrics first: else they would be measured beside the requests.
        version = adapters.versions.create(RECOMMENDER, as_of=now, now=now, measured=True)
        train_and_serve(adapters, version)


def measure(
    data_dir: Path, users: int, requests: int, factory: str | None
) -> tuple[list[bytes], dict[str, float]]:
    """Answers to five visitors, twice each; requests per second and latencies.

    `factory` names another app to serve.
    """
    os.environ["PAWSONALIZE_DATA_DIR"] = str(data_dir)
    pick = random.Random(1)
    asked = [
        post("/v1/recommendations", json.dumps({"userId": f"u{pick.randrange(users)}"}).encode())
        for _ in range(requests)
    ]
    with serving(data_dir, factory=factory) as port:
        given = answers(port, asked[:5] * 2)
        drive(port, asked[: requests // 5], CONNECTIONS)  # warm caches
        seconds, latencies = drive(port, asked, CONNECTIONS)
        _, alone = drive(port, asked[: requests // 5], 1)
    return given, {
        "requests_per_second": round(requests / seconds),
        "p50_ms": round(1000 * percentile(latencies, 0.5), 2),
        "p99_ms": round(1000 * percentile(latencies, 0.99), 2),
        "alone_p50_ms": round(1000 * percentile(alone, 0.5), 2),
        "alone_p99_ms": round(1000 * percentile(alone, 0.99), 2),
    }


def main() -> None:
    """Measure the service and the constant, in turn, and print both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--groups", type=int, default=12_500)
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--pairs", type=int, default=3, help="runs of both; the median is printed")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    users = int(options.events * _USERS_PER_EVENT)
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        prepare(data_dir, options.groups, options.events)
        runs: list[tuple[dict[str, float], dict[str, float]]] = []
        for _ in range(options.pairs):
            same, constant = measure(data_dir, users, options.requests, "benchmarks.constant:asgi")
            given, ours = measure(data_dir, users, options.requests, None)
            check_constant(same)
            check_others({"the constant": tuple(same), "the service": tuple(given)})
            runs.append((ours, constant))
    runs.sort(key=lambda run: _ratio(*run))
    ours, constant = runs[len(runs) // 2]
    result: dict[str, Any] = {
        "recommendations": ours,
        "constant": constant,
        "ratio": round(_ratio(ours, constant), 3),
    }
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))


def _ratio(ours: dict[str, float], constant: dict[str, float]) -> float:
    return ours["requests_per_second"] / constant["requests_per_second"]


if __name__ == "__main__":
    main()
