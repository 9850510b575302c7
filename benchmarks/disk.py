"""Bytes on disk for each event and answer, and for archived events before and after compaction.

    python -m benchmarks.disk [--requests 4000] [--groups 500] [--animals 3000] [--json]

A server takes the events and gives the answers, to users and sessions with UUIDs. A row's bytes are
those of its table with all indexes (SQLite's dbstat), over the rows. Events as they came in are
measured in calls of 50, while they wait for the archive. The archive is that of a day with an event
a second, each also as it came in, written once a minute, and then compacted.
"""

import argparse
import json
import random
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks.animals import stock
from benchmarks.ingest import sample_event
from benchmarks.recommend import prepare
from benchmarks.server import drive, post, serving
from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import load_settings
from pawsonalize.core.event import Event
from pawsonalize.core.times import DAY, MINUTE
from pawsonalize.events.archive.archiver import Compaction
from pawsonalize.events.event_form import read_event, single

_ANSWERS: dict[str, dict[str, Any]] = {
    "answers of 20 animals": {"of": "animals", "limit": 20},
    "answers of 25 groups": {"limit": 25},
}
_BLOCK = 4096
_BEGIN = 1_750_032_000_000  # midnight
_MEASURED = """
SELECT sum(pgsize), (SELECT count(*) FROM {0}) FROM dbstat WHERE aggregate = TRUE
AND name IN (SELECT name FROM sqlite_schema WHERE tbl_name = '{0}')
"""


def served(folder: Path, groups: int, animals: int, requests: int) -> list[dict[str, Any]]:
    """What events and each kind of answers take in the tables of a server."""
    found = []
    for kind, asked in _ANSWERS.items():
        data_dir = folder / kind
        prepare(data_dir, groups, 40 * groups)
        stock(data_dir, groups, animals)
        pick = random.Random(0)
        people = [visitor(pick) for _ in range(requests // 5)]
        bodies = [
            post("/v1/recommendations", json.dumps({**pick.choice(people), **asked}).encode())
            for _ in range(requests)
        ]
        with serving(data_dir) as port:
            drive(port, bodies, 4)
        found.append({"kind": kind, **stored(data_dir, "impressions")})
    data_dir = folder / "events"
    events = [sample_event(n) | visitor(pick) for n in range(5 * requests)]
    with serving(data_dir) as port:
        batches = [events[start : start + 50] for start in range(0, len(events), 50)]
        drive(port, [post("/v1/events", json.dumps(batch).encode()) for batch in batches], 4)
    return [{"kind": "events", **stored(data_dir, "events")}, *found]


def visitor(pick: random.Random) -> dict[str, str]:
    """A user in a session."""
    return {
        name: str(UUID(int=pick.getrandbits(128), version=4)) for name in ("userId", "sessionId")
    }


def stored(data_dir: Path, table: str) -> dict[str, Any]:
    """The bytes of a row with its indexes; so many MB are a million rows."""
    connection = sqlite3.connect(data_dir / "pawsonalize.sqlite3")
    size, rows = connection.execute(_MEASURED.format(table)).fetchone()
    connection.close()
    return {"rows": rows, "bytes": round(size / rows)}


def waiting(data_dir: Path, events: int) -> dict[str, Any]:
    """What each event takes as it came in, in calls of 50, until it is archived."""
    pick = random.Random(0)
    people = [visitor(pick) for _ in range(max(1, events // 10))]
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        for start in range(0, events, 50):
            numbers = range(start, min(events, start + 50))
            adapters.log.append([_event(n, pick.choice(people), n) for n in numbers])
    rows = stored(data_dir, "raw_events")
    return {"kind": "events as they came in, waiting", "rows": events} | {
        "bytes": round(rows["bytes"] * rows["rows"] / events)
    }


def archived(data_dir: Path, events: int) -> list[dict[str, Any]]:
    """What each of a day's events takes in the archive, before and after compaction."""
    pick = random.Random(0)
    people = [visitor(pick) for _ in range(max(1, events // 10))]
    minutes = DAY // MINUTE
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        archiver = adapters.archiver
        for minute in range(minutes):
            numbers = range(events * minute // minutes, events * (minute + 1) // minutes)
            adapters.log.append([_event(n, pick.choice(people), minute * MINUTE) for n in numbers])
            archiver.archive_once()
        by_minute = _files(data_dir, events)
        begun = time.perf_counter()
        Compaction(adapters.ledger, adapters.objects).compact(_BEGIN + 2 * DAY)
        seconds = round(time.perf_counter() - begun, 1)
    compacted = _files(data_dir, events)
    return [
        {"kind": "archived events, by the minute", **by_minute},
        {"kind": "archived events, compacted", **compacted, "seconds": seconds},
    ]


def _event(number: int, who: dict[str, str], at: int) -> Event:
    sent = {**sample_event(number), **who, "sentAt": _BEGIN + at}
    return read_event(single(json.dumps(sent).encode()), _BEGIN + at, lambda *_: None)


def _files(data_dir: Path, events: int) -> dict[str, Any]:
    """The objects of an archive, and the bytes of an event on a disk of 4 KB blocks."""
    sizes = [file.stat().st_size for file in (data_dir / "archive").rglob("*.zst")]
    size = round(sum(-(-one // _BLOCK) * _BLOCK for one in sizes) / events)
    return {"rows": events, "bytes": size, "objects": len(sizes)}


def main() -> None:
    """Measure, and print a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=4_000)
    parser.add_argument("--groups", type=int, default=500)
    parser.add_argument("--animals", type=int, default=3_000)
    parser.add_argument("--archived", type=int, default=86_400)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = served(folder, options.groups, options.animals, options.requests)
        if options.archived:
            found.append(waiting(folder / "waiting", min(20_000, options.archived)))
            found += archived(folder / "archived", options.archived)
    print(json.dumps({"results": found}, indent=None if options.json else 2))


if __name__ == "__main__":
    main()
