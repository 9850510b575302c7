"""Acknowledged events per second through HTTP, as a share of what bare sqlite3 reaches.

    python -m benchmarks.ingest [--events 100000] [--json]

The bare writer does executemany of 50 rows and a commit, over and over, into the very tables of
the service (same indexes, WAL, synchronous=FULL), with rows ready in memory. The service gets
the same rows as JSON in batches of 50 over 16 connections, checks them, and answers each batch
when it is on disk.
"""

import argparse
import json
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.genuine import check_work
from benchmarks.server import drive, percentile, post, serving
from pawsonalize.core.database.database import Database

BATCH = 50
CONNECTIONS = 16
_COLUMNS = (
    "event_id, user_id, session_id, event_type, item_id, sent_at, received_at, animal_id,"
    " event_value, recommendation_id, impression, properties"
)


def sample_event(number: int) -> dict[str, Any]:
    """A plain event with an id of its own, as a site sends it."""
    return {
        "eventId": f"{number:012d}-{'x' * 19}",
        "userId": f"user-{number * 7919 % 50_000}",
        "sessionId": f"session-{number * 7919 % 50_000}",
        "eventType": "view",
        "animal_id": f"animal-{number % 4_000}",
        "animalMetadata": {
            "animal_species_id": 2,
            "animal_primary_breed_id": f"Breed_{number % 200}",
            "animal_size_id": number % 4 + 1,
            "animal_age_id": number % 3 + 1,
        },
        "sentAt": 1_750_000_000_000 + number,
    }


def row(event: dict[str, Any]) -> tuple[Any, ...]:
    """The same event as a row of the events table."""
    group = "-".join(str(value) for value in event["animalMetadata"].values())
    return (
        *(event[key] for key in ("eventId", "userId", "sessionId", "eventType")),
        group,
        event["sentAt"],
        event["sentAt"],
        event["animal_id"],
        *(None,) * 4,
    )


def bare(path: Path, events: list[dict[str, Any]]) -> float:
    """Events per second of sqlite3 alone."""
    Database(f"sqlite:///{path}").close()
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")
    rows = [row(event) for event in events]
    insert = f"INSERT INTO events ({_COLUMNS}) VALUES ({','.join('?' * 12)})"
    bind = "INSERT OR IGNORE INTO sessions (session_id, user_id, bound_at) VALUES (?, ?, ?)"
    started = time.perf_counter()
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(insert, batch)
        connection.executemany(bind, [(one[2], one[1], one[5]) for one in batch])
        connection.execute("COMMIT")
    seconds = time.perf_counter() - started
    check_work("rows of bare sqlite3", connection.execute("SELECT 1 FROM events"), len(rows))
    connection.close()
    return len(rows) / seconds


def through_http(data_dir: Path, events: list[dict[str, Any]]) -> tuple[float, list[float]]:
    """Acknowledged events per second of the service, and the latency of each batch."""
    requests = [
        post("/v1/events", json.dumps(events[start : start + BATCH]).encode())
        for start in range(0, len(events), BATCH)
    ]
    with serving(data_dir) as port:
        seconds, latencies = drive(port, requests, CONNECTIONS)
    return len(events) / seconds, latencies


def main() -> None:
    """Measure both, twice in turn, and print the better of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    events = [sample_event(number) for number in range(options.events)]
    bares, ours, latencies = [], [], []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            bares.append(bare(Path(folder) / "bare.sqlite3", events))
            rate, times = through_http(Path(folder) / "data", events)
            ours.append(rate)
            latencies += times
    result = {
        "bare_events_per_second": round(max(bares)),
        "events_per_second": round(max(ours)),
        "share": round(max(ours) / max(bares), 3),
        "batch_p50_ms": round(1000 * percentile(latencies, 0.5), 2),
        "batch_p99_ms": round(1000 * percentile(latencies, 0.99), 2),
    }
    print(json.dumps(result) if options.json else _text(result))


def _text(result: dict[str, float]) -> str:
    return (
        f"bare sqlite3: {result['bare_events_per_second']:,} events/s; through HTTP:"
        f" {result['events_per_second']:,} events/s, share {result['share']}; a batch of {BATCH}:"
        f" p50 {result['batch_p50_ms']} ms, p99 {result['batch_p99_ms']} ms"
    )


if __name__ == "__main__":
    main()
