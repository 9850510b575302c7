"""Recommendations while operators look at the console all the time, beside the same without them.

    python -m benchmarks.console [--events 200000] [--groups 5000] [--requests 3000] [--json]
    python -m benchmarks.console --pages [--animals 20000]

One worker process; four connections ask for recommendations, each its next as soon as it is
answered, and eight reload the pages of the console. Alone and beside are measured in turn. With
`--pages` each page of the console is made alone, one after the other, and is to take 100 ms. One
that takes longer the first time is to be announced within that time.
"""

import argparse
import asyncio
import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from starlette.testclient import TestClient

from benchmarks.animals import stock
from benchmarks.genuine import check_work
from benchmarks.recommend import prepare
from benchmarks.server import drive, percentile, post, serving
from pawsonalize.app.asgi import build_app
from pawsonalize.app.pages.views import View
from pawsonalize.app.settings import load_settings
from pawsonalize.core.plugin import added
from pawsonalize.operations.limits import HeavyReads

CONNECTIONS = 4
OPERATORS = 8
PAGES = (
    "/console",
    "/console/models",
    "/console/models/solutions/recommender",
    "/console/outcomes",
)
_MORE_PAGES = (
    "/console/models/solutions/recommender",
    "/console/animals?search=a0001&status=any",
    "/console/animals?sort=shown&hardlySeen=true",
    "/console/animals/id/a000001",
    "/console/visitors?userId=u1",
    "/console/data?userId=u1",
    "/console/find?q=a0000",
    "/tenants",
)
_BROWSER = {"Accept": "text/html"}
_LINE = "{ms:8.1f} ms {first_ms:8.1f} ms first, seen after {soon_ms:6.1f} {kb:6.1f} kB"


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


def page_paths() -> list[str]:
    """All pages of the console that show something; a page that a plugin adds is among them."""
    views = [one for one in added("console_pages") if isinstance(one, View)]
    plain = [one.page for one in views if "{" not in one.page and not one.needs]
    return [*plain, *_MORE_PAGES]


def measure_pages(data_dir: Path, times: int) -> dict[str, dict[str, float]]:
    """Milliseconds of processor time for each page, the first time and then, and its size.

    `soon_ms` passed the first time until a browser was answered: with the page, or with one that
    says that it is being made.
    """
    found = {}
    app = build_app(load_settings({"data_dir": data_dir}))
    with TestClient(app, client=("127.0.0.1", 50_000)) as client:
        # A person looks at one page; the bound on how much all of them may take is not measured.
        app.state.services.page_reads = HeavyReads()
        for path in page_paths():
            took, seen = [], time.perf_counter()
            for each in range(times + 1):
                began = time.process_time()
                page = client.get(path, headers=_BROWSER)
                if not each:
                    soon = round(1000 * (time.perf_counter() - seen), 1)
                if page.status_code == 202:
                    page = client.get(path, headers=_BROWSER)
                took.append(round(1000 * (time.process_time() - began), 1))
                if page.status_code != 200:
                    raise SystemExit(f"{path} answered {page.status_code}")
            size = round(len(page.content) / 1000, 1)
            found[path] = {"soon_ms": soon, "first_ms": took[0], "ms": min(took[1:]), "kb": size}
    return found


def measure(port: int, asked: list[bytes], count: int) -> dict[str, float]:
    """Recommendations a second and latencies while so many operators look."""
    with operators(port, count) as statuses:
        seconds, latencies = drive(port, asked, CONNECTIONS)
    check_work("pages that operators saw", (one for one in statuses if one == 200), min(count, 1))
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
    parser.add_argument("--pages", action="store_true", help="each page alone, and nothing else")
    parser.add_argument("--animals", type=int, default=20_000, help="with --pages")
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
        if options.pages:
            stock(data_dir, options.groups, options.animals)
            pages = measure_pages(data_dir, 3)
            for path, one in pages.items():
                print(_LINE.format(**one), path)
            for name in ("ms", "soon_ms"):
                print(f"slowest {name}: {max(one[name] for one in pages.values())}")
            return
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
