"""Time and memory of a training out of core: 10^7 to 10^8 events, by engine, made up.

    python -m benchmarks.out_of_core [--events 10000000 30000000] [--engines out-of-core]

The events are written as files of a training table, never more than a day's in memory. Then
`user-personalization` is trained on them in a process of its own, in memory and out of core.
`model` is a digest of all arrays of the model: the same for both.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.child import peak_megabytes, run_child
from benchmarks.synthetic import EVENTS_PER_USER, group_ids
from pawsonalize.animals.tables.catalogue import Catalogue, Item
from pawsonalize.core.database.database import Database
from pawsonalize.core.event import STANDARD
from pawsonalize.core.times import DAY
from pawsonalize.events.tables.event_log import TrainingRow
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.models.recipes.contract import Model
from pawsonalize.resources.solutions import Cut, TrainingSelection
from pawsonalize.train.training_data import data_of
from pawsonalize_out_of_core.files import LogSource
from pawsonalize_out_of_core.parts import LogParts
from pawsonalize_out_of_core.reading import PartedCounts

ENGINES = ("memory", "out-of-core")
ITEMS = 925
_NOW = 1_700_000_000_000
_DAYS = 200
_HOPS = 0.2  # of the steps go to an item drawn by popularity
_TYPES = ("view", "favorite", "application")
_TOLD = ('{"DEVICE":"phone"}', '{"DEVICE":"desktop"}')


def write_table(folder: Path, events: int, seed: int = 0) -> list[str]:
    """Files of so many events, one for each day; users of `EVENTS_PER_USER` events come in turn."""
    folder.mkdir(parents=True)
    dice = np.random.default_rng(seed)
    users = max(events // EVENTS_PER_USER, 1)
    visitor = dice.integers(-(2**63), 2**63, users)
    last = dice.integers(0, ITEMS, users)
    popular = dice.permutation(ITEMS)
    names = pa.array(group_ids(ITEMS))
    files, ends = [], np.linspace(0, events, _DAYS + 1).astype(int)
    for day, (start, end) in enumerate(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)):
        user, item = [], []
        for first in range(start, end, users):
            who = np.arange(first, min(first + users, end)) % users
            near = (last[who] + dice.geometric(0.5, len(who))) % ITEMS
            hop = popular[dice.zipf(1.3, len(who)) % ITEMS]
            last[who] = np.where(dice.random(len(who)) < _HOPS, hop, near)
            user.append(who)
            item.append(last[who].copy())
        files.append(str(folder / f"{day:03}.parquet"))
        columns = _columns(dice, np.concatenate(user), visitor, start, _NOW - (_DAYS - day) * DAY)
        columns["item"] = names.take(pa.array(np.concatenate(item)))
        table = pa.table(columns).sort_by("visitor")
        pq.write_table(table, files[-1], compression="zstd", store_schema=False)
    return files


def _columns(
    dice: np.random.Generator, user: Any, visitor: Any, start: int, begins: int
) -> dict[str, Any]:
    count = len(user)
    kind = dice.choice(len(_TYPES), count, p=(0.9, 0.08, 0.02))
    return {
        "offset": np.arange(start + 1, start + count + 1),
        "visitor": visitor[user],
        "event_type": pa.array(_TYPES).take(pa.array(kind)),
        "sent_at": begins + np.arange(count) * DAY // count,
        "value": pa.nulls(count, pa.float64()),
        "told": pa.array(_TOLD).take(pa.array(user % 2)),
    }


def measure(engine: str, folder: Path, megabytes: int) -> dict[str, Any]:
    """The child's part: train once."""
    files = sorted(map(str, (folder / "table").glob("*.parquet")))
    events = sum(pq.ParquetFile(file).metadata.num_rows for file in files)
    database = Database(f"sqlite:///{folder}/catalogue-{engine}.sqlite3")
    catalogue = Catalogue(database)
    catalogue.put_items([Item(name, {}) for name in group_ids(ITEMS)])
    recipe = recipe_named("user-personalization")
    begun = time.perf_counter()
    if engine == "memory":
        cut = Cut(events, _NOW)
        data = data_of(_rows(files), catalogue, cut, TrainingSelection(), digested=True)
        read = time.perf_counter()
        model = recipe.fit(data, recipe.settings(), 0)
    else:
        model, read = _counted(folder / "scratch", megabytes, files, events, catalogue)
    done = time.perf_counter()
    return {
        "engine": engine,
        "events": events,
        "read_seconds": round(read - begun, 1),
        "train_seconds": round(done - read, 1),
        "peak_mb": round(peak_megabytes()),
        "model": digest_of(model),
    }


def _counted(
    scratch: Path, megabytes: int, files: Sequence[str], events: int, catalogue: Catalogue
) -> tuple[Model, float]:
    source = LogSource(files, after=0, through=events, until=_NOW)
    recipe = recipe_named("user-personalization")
    given = (catalogue, STANDARD, scratch, megabytes)
    counts = PartedCounts(LogParts.of(source, TrainingSelection(), _NOW, *given))
    read = time.perf_counter()
    return recipe.fit(counts, recipe.settings(), 0), read


def digest_of(model: Model) -> str:
    """The same for the same arrays, bit for bit."""
    digest = hashlib.sha256()
    for name, array in sorted(model.arrays().items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _rows(files: Sequence[str]) -> Iterator[TrainingRow]:
    """The rows of the files as a training in memory reads them of the log."""
    names = ("offset", "visitor", "item", "event_type", "sent_at", "value", "told")
    for file in files:
        table = pq.read_table(file, columns=list(names)).sort_by("offset")
        for batch in table.to_batches(max_chunksize=50_000):
            columns = (batch.column(name).to_pylist() for name in names[1:])
            for visitor, *rest in zip(*columns, strict=True):
                yield f"{visitor % 2**64:016x}", *rest


def main(arguments: Sequence[str]) -> None:
    """Measure the sizes asked for, and print a line for each engine, or JSON."""
    parser = argparse.ArgumentParser(
        "benchmarks.out_of_core",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--engines", nargs="+", default=list(ENGINES))
    parser.add_argument("--megabytes", type=int, default=2048, help="what a part may take")
    parser.add_argument("--folder", type=Path, help="where files go; a new one in /tmp if absent")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        found = measure(options.child, options.folder, options.megabytes)
        print(json.dumps(found))
        return
    results: list[dict[str, Any]] = []
    for events in options.events:
        with tempfile.TemporaryDirectory(dir=options.folder) as made:
            write_table(Path(made) / "table", events)
            for engine in options.engines:
                given = ("--megabytes", str(options.megabytes))
                child = ["--child", engine, "--folder", made, *given]
                results.append(run_child("benchmarks.out_of_core", child))
                if not options.json:
                    shown = (
                        f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}"
                        for name, value in results[-1].items()
                    )
                    print(", ".join(shown), flush=True)
    if options.json:
        print(json.dumps({"results": results}))


if __name__ == "__main__":
    main(sys.argv[1:])
