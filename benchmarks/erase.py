"""How long it takes until nothing of a visitor is left.

    python -m benchmarks.erase [--events 1000000] [--days 90] [--json]

Visitors of twenty events each are archived by the hour, and a model is trained on them. Then one
visitor after the other is erased: as a rule, with the index of the archive, and once without it,
when every object has to be read. `seconds` is until the record says done, `archive_seconds` the
step of the archive alone, with `objects_read` of all `objects`.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.event import Event
from pawsonalize.core.objects.store import ObjectStore
from pawsonalize.core.objects.stores import LocalObjects
from pawsonalize.core.times import DAY
from pawsonalize.events.erasure.erasing import Erasing
from pawsonalize.resources.defaults import DATASET_GROUP, RECOMMENDER

_BEGIN = 1_759_276_800_000  # 2025-10-01
_EACH = 20
_ITEMS = 900
_AT_ONCE = 5_000


class _Counted(LocalObjects):
    """Counts the objects that are read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.read = 0

    def get(self, key: str) -> bytes:
        self.read += 1
        return super().get(key)


def _events(count: int, days: int) -> Iterator[Event]:
    """Visits of twenty events within a few hours, half of them before the visitor signs in."""
    rng = np.random.default_rng(0)
    visitors = count // _EACH
    begin = rng.random(visitors) * days * DAY
    pace = rng.random((visitors, _EACH)).cumsum(axis=1) * 600_000
    times = _BEGIN + (begin[:, None] + pace).astype(np.int64)
    items = rng.integers(0, _ITEMS, (visitors, _EACH))
    for place in np.argsort(times, axis=None).tolist():
        visitor, n = divmod(place, _EACH)
        at = int(times[visitor, n])
        yield Event(
            f"{place:032x}",
            f"user-{visitor}" if n >= _EACH // 2 else None,
            f"session-{visitor}",
            "view",
            f"2-Breed{items[visitor, n] % 30}-{items[visitor, n] % 4}-3",
            at,
            at,
        )


def _fill(adapters: Adapters, count: int, days: int) -> None:
    batch: list[Event] = []
    for event in _events(count, days):
        batch.append(event)
        if len(batch) == _AT_ONCE:
            adapters.log.append(batch)
            batch = []
    adapters.log.append(batch)
    adapters.archiver.archive_once()
    now = _BEGIN + 2 * days * DAY
    version = adapters.versions.create(RECOMMENDER, as_of=now, now=now, recipe="popularity-count")
    adapters.trainer.train(version.name)


def _erased(adapters: Adapters, user: str) -> dict[str, Any]:
    """Erase a user; what it took."""
    at: dict[str, float] = {}
    steps, problems = adapters.erasure_steps, adapters.problems
    erasing = Erasing(
        adapters.erasures,
        steps,
        problems,
        adapters.leases,
        clock.now,
        watch=lambda done: at.setdefault(done, time.perf_counter()),
    )
    objects = adapters.objects
    assert isinstance(objects, _Counted)
    objects.read = 0
    begun, spent = time.perf_counter(), time.process_time()
    noted = erasing.erase_user(user, DATASET_GROUP)
    done = erasing.attempt(noted.erasure_id)
    assert done is not None
    assert done.status == "done", done
    return {
        "seconds": round(time.perf_counter() - begun, 3),
        "cpu_seconds": round(time.process_time() - spent, 3),
        "archive_seconds": round(at["archive"] - at["tables"], 3),
        "models_seconds": round(at["models"] - at["archive"], 3),
        "remains_seconds": round(at["remains"] - at["names"], 3),
        "objects_read": objects.read,
        "deleted": done.deleted,
    }


def measure(count: int, days: int, users: int) -> dict[str, Any]:
    """Fill a data folder, and erase some of its visitors."""
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(data_dir=Path(name))
        with opened(settings) as adapters:
            objects: ObjectStore = _Counted(Path(settings.archive))
            adapters.objects = objects
            _fill(adapters, count, days)
            stored = list(adapters.objects.stored())
            chosen = np.linspace(0, count // _EACH - 1, users + 1).astype(int).tolist()
            each = [_erased(adapters, f"user-{one}") for one in chosen[:-1]]
            adapters.erased_archive.index.forget([one.key for one in stored])
            without = _erased(adapters, f"user-{chosen[-1]}")
    middle = {column: sorted(one[column] for one in each)[len(each) // 2] for column in each[0]}
    shape = {
        "events": count,
        "objects": len(stored),
        "archive_mb": round(sum(one.size for one in stored) / 1e6, 1),
    }
    return {"with_index": shape | middle, "without_index": shape | without}


def main(arguments: Sequence[str]) -> None:
    """Measure, and print a line for each part, or JSON."""
    parser = argparse.ArgumentParser(
        "benchmarks.erase",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--users", type=int, default=9, help="how many are erased by the index")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    result = measure(options.events, options.days, options.users)
    if options.json:
        print(json.dumps(result))
        return
    print("\n".join(f"{part}: {found}" for part, found in result.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
