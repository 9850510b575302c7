"""One retraining while visitors ask: how long it takes, and what it costs them.

    python -m benchmarks.retrain [--events 1000000] [--groups 12500] [--rate 40] [--rest 20]

On the demo world, or with `--events` on that many made-up ones. A client asks for recommendations
at a steady rate, first with nothing else going on, then while a run trains, judges and swaps;
`ratio` is the 99th percentile of the latencies during a step by that at rest.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from benchmarks.demo_data import prepare as prepare_demo
from benchmarks.recommend import prepare as prepare_made_up
from benchmarks.server import percentile, serving
from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import load_settings
from pawsonalize.train.retraining.runs import RunRecord

_LEAST = 20  # a percentile of fewer latencies says nothing
_LOOKS = 4  # in as much time as they rest: each is a request as well, which visitors would feel


@dataclass
class Visitors:
    """Asks at a steady rate from a thread of its own until told to stop."""

    url: str
    rate: float
    asked: list[tuple[float, float]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Visitors":
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def latencies(self, since: float, until: float) -> list[float]:
        """Seconds, of what was asked between two moments (seconds since 1970)."""
        return [seconds for at, seconds in self.asked if since <= at < until]

    def _ask(self) -> None:
        with httpx.Client(base_url=self.url, trust_env=False, timeout=60) as client:
            due = time.time()
            while not self._stop.is_set():
                started = time.perf_counter()
                asked = {"userId": f"u{len(self.asked) % 997}"}
                client.post("/v1/recommendations", json=asked).raise_for_status()
                self.asked.append((due, time.perf_counter() - started))
                due = max(due + 1 / self.rate, time.time())
                time.sleep(max(due - time.time(), 0))


def measure(folder: Path, rate: float, rest: float) -> dict[str, Any]:
    """Serve the folder, retrain once, and compare the latencies."""
    with serving(folder) as port:
        url = f"http://127.0.0.1:{port}"
        with Visitors(url, rate) as visitors:
            time.sleep(rest)
            begun = time.time()
            run_id = httpx.post(f"{url}/v1/runs", json={}).raise_for_status().json()["runId"]
            while httpx.get(f"{url}/v1/runs/{run_id}").json()["endedAt"] is None:
                time.sleep(rest / _LOOKS)
        with opened(load_settings({"data_dir": folder})) as adapters:
            record = adapters.runs.get(run_id)
    quiet = visitors.latencies(begun - rest / 2, begun)
    return {"status": record.status, **_steps(record, visitors, quiet)}


def _steps(record: RunRecord, visitors: Visitors, quiet: Sequence[float]) -> dict[str, Any]:
    at_rest = percentile(quiet, 0.99)
    assert record.ended_at is not None
    result: dict[str, Any] = {
        "seconds": round((record.ended_at - record.started_at) / 1000, 1),
        "at_rest_p50_ms": round(1000 * percentile(quiet, 0.5), 2),
        "at_rest_p99_ms": round(1000 * at_rest, 2),
    }
    spans = [(one.step.value, one.began_at, one.ended_at or 0) for one in record.steps]
    spans.append(("whole run", record.started_at, record.ended_at))
    for name, since, until in spans:
        latencies = visitors.latencies(since / 1000, until / 1000)
        result[name] = {"seconds": round((until - since) / 1000, 2), "requests": len(latencies)}
        if len(latencies) >= _LEAST:
            worst = percentile(latencies, 0.99)
            result[name] |= {
                "p50_ms": round(1000 * percentile(latencies, 0.5), 2),
                "p99_ms": round(1000 * worst, 2),
                "ratio": round(worst / at_rest, 2),
            }
    return result


def main() -> None:
    """Make the data, retrain once and print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=0, help="made-up events; 0: the demo world")
    parser.add_argument("--groups", type=int, default=12_500, help="of the made-up events")
    parser.add_argument("--rate", type=float, default=40)
    parser.add_argument("--rest", type=float, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ["PAWSONALIZE_RETRAIN_SCHEDULE"] = ""
    os.environ["PAWSONALIZE_GATE_PROFILE"] = "reference"  # so that the new version goes live
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.events:
            prepare_made_up(folder, options.groups, options.events)
        else:
            prepare_demo(folder)
        with opened(load_settings({"data_dir": folder})) as adapters:
            # Something new, or there would be nothing to train.
            newest = adapters.log.read(adapters.log.head() - 1, adapters.log.head(), 1)[0].event
            adapters.log.append([replace(newest, event_id="one more")])
        result = measure(folder, options.rate, options.rest)
    print(json.dumps(result, indent=None if options.json else 2))


if __name__ == "__main__":
    main()
