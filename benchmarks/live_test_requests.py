"""What a request costs in a live test, as a multiple of the same request without one.

    python -m benchmarks.live_test_requests [--groups 2000] [--events 100000] [--animals 1000]
                                            [--rounds 12] [--json]

One process answers the same visitors without a test, in an A/B test and in an interleaving, by
turns. CPU time of the whole request, from the ASGI call to the last byte; each ratio is the median
over rounds, with its quartiles.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from starlette.applications import Starlette
from starlette.types import Message

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.animals import stock
from benchmarks.recommend import prepare
from pawsonalize.app.app import App
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import load_settings
from pawsonalize.recommend.live_tests import Design, RunningTest
from pawsonalize.resources.defaults import RECOMMENDER

_SUBJECTS = ("groups", "animals")
_VISITORS = 60  # of a round
_HEADERS = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]


def main(arguments: Sequence[str]) -> None:
    """Prepare a service, measure, and print a line for each kind of request, or JSON."""
    parser = argparse.ArgumentParser(
        "benchmarks.live_test_requests",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--groups", type=int, default=2_000)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--animals", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), options.groups, options.events)
        stock(Path(folder), options.groups, options.animals)
        rows = asyncio.run(measure(Path(folder), options.rounds))
    if options.json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(", ".join(f"{name} {value}" for name, value in row.items()))


async def measure(folder: Path, rounds: int) -> list[dict[str, Any]]:
    """Measure the rounds of both kinds of requests; the first of each warms up."""
    settings = load_settings({"data_dir": folder, "retrain_schedule": "", "log_level": "error"})
    app = build_app(settings)
    async with app.router.lifespan_context(app):
        services: App = app.state.services
        served = services.group_recommender.served
        # The same model by another name: the work is that of two, whatever they say.
        other = replace(served, version=msgspec.structs.replace(served.version, name="other"))
        arms = (served, other)
        tests = {
            "without": {},
            **{
                design.value: {RECOMMENDER: RunningTest("t", design, "salt", 1.0, arms)}
                for design in (Design.AB, Design.INTERLEAVE)
            },
        }
        rows = []
        for subject in _SUBJECTS:
            spent: dict[str, list[float]] = {name: [] for name in tests}
            visitors = count()  # each asks once: who has seen a page takes longer
            for _ in range(rounds + 1):
                for name, running in tests.items():
                    services.running_tests.current = running
                    taken = []
                    for visitor in islice(visitors, _VISITORS):
                        begun = time.process_time()
                        await ask(app, {"of": subject, "userId": f"u{visitor}", "limit": 20})
                        taken.append(1000 * (time.process_time() - begun))
                    spent[name].append(float(np.median(taken)))  # background work is in a few
            rows.append(_row(subject, {name: np.array(each[1:]) for name, each in spent.items()}))
        return rows


def _row(subject: str, spent: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"of": subject, "ms": round(float(np.median(spent["without"])), 2)}
    for name in (Design.AB.value, Design.INTERLEAVE.value):
        low, middle, high = np.quantile(spent[name] / spent["without"], (0.25, 0.5, 0.75))
        row |= {name: round(float(middle), 3), f"{name}_quartiles": f"{low:.2f}-{high:.2f}"}
    return row


async def ask(app: Starlette, body: dict[str, Any]) -> None:
    """Ask for recommendations as a server hands a request over; SystemExit if that fails."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    path = "/v1/recommendations"
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "headers": _HEADERS,
    }
    await app(scope, receive, send)
    if sent[0]["status"] != 200:
        raise SystemExit(f"{body}: {sent}")


if __name__ == "__main__":
    main(sys.argv[1:])
