"""Recommendations while operators look at the console all the time, beside the same without them.

    python -m benchmarks.console [--events 200000] [--groups 5000] [--requests 3000] [--json]

One worker process; four connections ask for recommendations, each its next as soon as it is
answered, and eight reload the pages of the console. Alone and beside are measured in turn.
"""

import argparse
import asyncio
import json
import os
import random
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.recommend import prepare
from benchmarks.server import drive, percentile, post, serving

CONNECTIONS = 4
OPERATORS = 8
PAGES = (
    "/console",
    "/console/models",
    "/console/models/solutions/recommender",
    "/console/outcomes",
)


@contextmanager
def operators(port: int, count: int) -> Iterator[list[int]]:
    """So many connections that reload pages until the block ends; yields the statuses they got."""
    statuses: list[int] = []
    over = threading.Event()

    async def one(place: int) -> None:
        pages = PAGES[place % len(PAGES) :] + PAGES[: place % len(PAGES)]
        while not over.is_set():
            for page in pages:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(
                    f"GET {page} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
                )
                answer = await reader.read()
                statuses.append(int(answer[9:12]))
                writer.close()
                if statuses[-1] != 200:
                    await asyncio.sleep(0.1)  # a person does not ask again at once

    async def all_of_them() -> None:
        await asyncio.gather(*(one(place) for place in range(count)))

    thread = threading.Thread(target=asyncio.run, args=(all_of_them(),)) if count else None
    if thread is not None:
        thread.start()
    try:
        yield statuses
    finally:
        over.set()
        if thread is not None:
            thread.join()


def measure(port: int, asked: list[bytes], count: int) -> dict[str, float]:
    """Recommendations a second and latencies while so many operators look."""
    with operators(port, count) as statuses:
        seconds, latencies = drive(port, asked, CONNECTIONS)
    return {
        "requests_per_second": len(asked) / seconds,
        "p50_ms": 1000 * percentile(latencies, 0.5),
        "p99_ms": 1000 * percentile(latencies, 0.99),
        "pages_per_second": statuses.count(200) / seconds,
    }


def main() -> None:
    """Measure in turn, and print the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--groups", type=int, default=5_000)
    parser.add_argument("--requests", type=int, default=3_000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pick = random.Random(1)
    users = max(options.events // 20, 1)
    asked = [
        post("/v1/recommendations", json.dumps({"userId": f"u{pick.randrange(users)}"}).encode())
        for _ in range(options.requests)
    ]
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        prepare(data_dir, options.groups, options.events)
        os.environ["PAWSONALIZE_DATA_DIR"] = str(data_dir)
        with serving(data_dir) as port:
            drive(port, asked[: options.requests // 5], CONNECTIONS)  # warm caches
            runs = [
                (measure(port, asked, 0), measure(port, asked, OPERATORS))
                for _ in range(options.pairs)
            ]
    alone, beside = (
        {name: round(median(run[side][name] for run in runs), 2) for name in runs[0][side]}
        for side in (0, 1)
    )
    ratio = alone["requests_per_second"] and (
        beside["requests_per_second"] / alone["requests_per_second"]
    )
    result = {"alone": alone, "beside_operators": beside, "ratio": round(ratio, 3)}
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
