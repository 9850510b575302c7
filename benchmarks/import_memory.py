"""Whether an import's memory is flat: peaks and rates at 100,000 and 1,000,000 rows.

Resident memory counts the pages of the database file that SQLite maps (reclaimed at need, and
growing with the file); private memory is what the process itself holds.

Run `python -m benchmarks.import_memory [--rows N …] [--json]`; each size runs in a process of
its own, on a SQLite database in a temporary folder.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.database.database import Database
from pawsonalize.core.schemas import DatasetType
from pawsonalize.events.imports import Importer
from pawsonalize.events.tables.event_log import EventLog


def write_interactions(path: Path, rows: int) -> None:
    chance = random.Random(7)
    with path.open("w") as file:
        file.write("USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\n")
        for number in range(rows):
            item = (
                f"{chance.randint(1, 2)}-Breed_{chance.randint(1, 200)}-{number % 5}-{number % 4}"
            )
            file.write(f"{chance.randint(1, 50_000)},{item},{1_700_000_000 + number // 3},view\n")


def import_once(folder: Path) -> None:
    """The child's part: import, then again, and print what it took."""
    database = Database(f"sqlite:///{folder / 'bench.sqlite3'}")
    importer = Importer(EventLog(database), Catalogue(database), received_at=1_790_000_000_000)
    result: dict[str, float] = {}
    private: list[float] = []
    for run in ("first", "again"):
        start = time.perf_counter()
        report = importer.import_file(
            DatasetType.INTERACTIONS,
            folder / "interactions.csv",
            on_progress=lambda _done, _total: private.append(private_megabytes()),
        )
        rows = report.accepted + report.duplicates
        result[f"{run}_rows_per_second"] = round(rows / (time.perf_counter() - start))
        result[f"{run}_accepted"] = report.accepted
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result["peak_private_mb"] = round(max(private), 1)
    result["peak_rss_mb"] = round(kilobytes / 1024, 1)
    print(json.dumps(result))


def private_megabytes() -> float:
    """Memory of the process that no file backs; Linux tells it, elsewhere 0."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


def measure(rows: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        write_interactions(Path(folder) / "interactions.csv", rows)
        child = [sys.executable, "-m", "benchmarks.import_memory", "--child", folder]
        done = subprocess.run(child, check=True, capture_output=True, text=True)
        return {"rows": rows, **json.loads(done.stdout)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        import_once(options.child)
        return
    results = [measure(rows) for rows in options.rows]
    if options.json:
        print(json.dumps(results))
        return
    for result in results:
        print(", ".join(f"{name} {value:,}" for name, value in result.items()))


if __name__ == "__main__":
    main()
