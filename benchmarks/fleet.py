"""One, two and three servers over one PostgreSQL and one bucket, beside each other in one run.

    python -m benchmarks.fleet --postgres postgresql://user@host [--requests 2000] [--json]

Each server is a process with a data folder of its own; the bucket is moto's. `recommendations`
asks all servers at once: where the machine has fewer cores than servers, the rate cannot grow, and
the CPU of a request is what tells. `events` sends batches of 50 to all of them, into one database.
`promotion` asks for the other of two versions, and waits until every server says that it serves
it. PostgreSQL's databases are made and dropped; without `--postgres`, the server of
PAWSONALIZE_TEST_POSTGRES_URL is used.
"""

import argparse
import json
import logging
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import create_engine, text

from benchmarks.child import Missing, required
from benchmarks.demo_data import world_of
from benchmarks.ingest import BATCH, sample_event
from benchmarks.server import drive, post, serving
from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings, as_environment
from pawsonalize.core import clock
from pawsonalize.plugins.demo.commands import store_world
from pawsonalize.resources.defaults import RECOMMENDER

SERVERS = (1, 2, 3)
_CONNECTIONS = 8
_IDLE_SECONDS = 5.0
_VERSIONS = ("one", "other")
_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def database(server: str) -> Iterator[str]:
    """A new database of that PostgreSQL."""
    name = f"fleet_{uuid.uuid4().hex}"
    admin = create_engine(
        server.replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield f"{server.rsplit('/', 1)[0]}/{name}"
        finally:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@contextmanager
def bucket() -> Iterator[str]:
    """A new bucket of moto's S3, which every client of this process and its children finds."""
    server = required("moto.server").ThreadedMotoServer(
        ip_address="127.0.0.1", port=0, verbose=False
    )
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    _, port = server.get_host_and_port()
    os.environ.update(
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
        AWS_ACCESS_KEY_ID="none",
        AWS_SECRET_ACCESS_KEY="none",
        AWS_REGION="us-east-1",
        AWS_DEFAULT_REGION="us-east-1",
    )
    required("boto3").client("s3").create_bucket(Bucket="fleet")
    yield "s3://fleet"
    server.stop()


def cpu_seconds(folder: Path) -> float:
    """What the processes on that data folder have used so far."""
    used = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            said = (process / "environ").read_bytes().split(b"\0")
            if str(folder).encode() in words or f"PAWSONALIZE_DATA_DIR={folder}".encode() in said:
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                used += int(fields[11]) + int(fields[12])
        except OSError:
            continue
    return used / _TICKS


def at_once(ports: Sequence[int], requests: Sequence[bytes]) -> float:
    """Seconds to have all requests answered, an equal share by each server."""
    shares = [requests[number :: len(ports)] for number in range(len(ports))]
    started = time.perf_counter()
    with ThreadPoolExecutor(len(ports)) as threads:
        list(threads.map(lambda port, share: drive(port, share, _CONNECTIONS), ports, shares))
    return time.perf_counter() - started


def rated(
    folders: Sequence[Path],
    ports: Sequence[int],
    requests: Sequence[bytes],
    idle: float,
    each: int = 1,
) -> dict[str, float]:
    """Requests a second of all servers, and the CPU of one beyond what idle servers use.

    Each of `requests` carries `each` of what is counted.
    """
    before = sum(map(cpu_seconds, folders))
    seconds = at_once(ports, requests)
    used = sum(map(cpu_seconds, folders)) - before - idle * seconds
    count = len(requests) * each
    return {"per_second": round(count / seconds), "cpu_ms_each": round(1000 * used / count, 3)}


def resting(folders: Sequence[Path]) -> float:
    """The CPU that all servers use a second while nobody asks anything."""
    before = sum(map(cpu_seconds, folders))
    time.sleep(_IDLE_SECONDS)
    return (sum(map(cpu_seconds, folders)) - before) / _IDLE_SECONDS


def promoted(settings: Settings, ports: Sequence[int], swaps: int) -> list[float]:
    """Seconds from the wish for another version until every server serves it, for each swap."""
    found = []
    with opened(settings) as adapters:
        for number in range(swaps):
            version = _VERSIONS[(number + 1) % 2]
            started = time.perf_counter()
            adapters.campaigns.update(RECOMMENDER, version, clock.now())
            for port in ports:
                while served(port) != version:
                    time.sleep(0.005)
            found.append(time.perf_counter() - started)
    return found


def served(port: int) -> str:
    answer = httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).json()
    return str(answer.get("solutionVersion"))


def measured(settings: Settings, count: int, options: argparse.Namespace) -> dict[str, Any]:
    """So many servers, one after the other at each kind of work."""
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(count)]
        ports = [stack.enter_context(serving(folder)) for folder in folders]
        for port in ports:
            while served(port) not in _VERSIONS:
                time.sleep(0.05)
        asked = [
            post("/v1/recommendations", json.dumps({"userId": f"adopter-{number}"}).encode())
            for number in range(options.requests)
        ]
        at_once(ports, asked[: 10 * count])
        idle = resting(folders)
        answers = rated(folders, ports, asked, idle)
        first = count * 10_000_000
        rows = [sample_event(first + number) for number in range(options.events)]
        batches = [
            post("/v1/events", json.dumps(rows[start : start + BATCH]).encode())
            for start in range(0, len(rows), BATCH)
        ]
        events = rated(folders, ports, batches, idle, BATCH)
        swaps = sorted(promoted(settings, ports, options.swaps))
    return {
        "servers": count,
        "idle_cpu_percent_each": round(100 * idle / count, 1),
        "recommendations_per_second": answers["per_second"],
        "cpu_ms_per_recommendation": answers["cpu_ms_each"],
        "events_per_second": events["per_second"],
        "cpu_ms_per_event": events["cpu_ms_each"],
        "promotion_seconds": round(swaps[len(swaps) // 2], 2),
        "promotion_most_seconds": round(swaps[-1], 2),
    }


def prepare(settings: Settings, events: int) -> None:
    """A demo world with two versions, one of which is served."""
    now = clock.now()
    with opened(settings) as adapters:
        store_world(adapters, world_of(events, now))
        for name in _VERSIONS:
            adapters.versions.create(RECOMMENDER, as_of=now, now=now, name=name)
            adapters.trainer.train(name)
        adapters.campaigns.update(RECOMMENDER, _VERSIONS[0], now)


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    server = options.postgres or os.environ.get("PAWSONALIZE_TEST_POSTGRES_URL", "")
    if not server:
        raise Missing("no PostgreSQL: name one with --postgres")
    with bucket() as place, database(server) as url, tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data_dir=Path(folder),
            database_url=url,
            artefact_url=place,
            archive_url=f"{place}/archive",
            refresh_seconds=0,
            retrain_schedule="",
            log_level="warning",
        )
        prepare(settings, options.world)
        own = {k: v for k, v in as_environment(settings).items() if k != "PAWSONALIZE_DATA_DIR"}
        os.environ.update(own)
        return [measured(settings, count, options) for count in SERVERS[: options.servers]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each number of servers, or JSON."""
    parser = argparse.ArgumentParser(
        "benchmarks.fleet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--postgres", default="")
    parser.add_argument("--servers", type=int, default=len(SERVERS))
    parser.add_argument("--world", type=int, default=20_000, help="events of the demo world")
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--swaps", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        results = run(options)
    except Missing as missing:
        print(f"skipped, {missing}", file=sys.stderr)
        results = []
    if options.json:
        print(json.dumps(results))
        return
    for row in results:
        print(", ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
