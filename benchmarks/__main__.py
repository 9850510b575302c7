"""All benchmarks in their small form, one after the other: `make bench`.

`python -m benchmarks [NAME …]` runs only those named. next_item needs data that this repository
does not hold: it looks in `$PAWSONALIZE_SHARED_DATA/sequences`, else `../shared/data/sequences`.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.child import ROOT

_SEQUENCES = ("Beauty.txt", "ml-100k.inter")


def commands() -> dict[str, list[list[str]]]:
    """The arguments of each benchmark's runs, in the order in which they are run."""
    return {
        "ingest": [["--events", "50000"]],
        "recommend": [["--events", "100000", "--requests", "2000"]],
        "animals": [["--animals", "20000", "--groups", "1000", "--events", "50000"]],
        "import_memory": [["--rows", "100000"]],
        "demo_world": [["--seeds", "1"]],
        "outcomes": [["--seeds", "1", "--animals", "60", "--events", "8000"]],
        "retrain": [["--rest", "8"]],
        "fold": [["--events", "20000", "--size", "100"]],
        "gate": [["--worlds", "1", "--runs", "10"]],
        "next_item": next_item_runs(shared_data() / "sequences"),
        "request": [["--max-items", "20000"]],
        "wire": [["--events", "20000", "--groups", "500", "--requests", "1000"]],
        "scale": [["--max-events", "100000"]],
    }


def shared_data() -> Path:
    """Where research data lie, if anywhere."""
    return Path(os.environ.get("PAWSONALIZE_SHARED_DATA", ROOT.parent / "shared" / "data"))


def next_item_runs(folder: Path) -> list[list[str]]:
    """One run for each data set that is there, ours and popularity."""
    limits = ["--seeds", "1", "--users", "5000", "--only", "default", "popularity"]
    return [
        [_option(name), str(folder / name), *limits]
        for name in _SEQUENCES
        if (folder / name).exists()
    ]


def _option(name: str) -> str:
    return "--interactions" if name.endswith(".inter") else "--sequences"


def main(names: Sequence[str]) -> int:
    """Run them; the exit code is the number of those that failed."""
    known = commands()
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(known)}")
        return 2
    report: list[str] = []
    for name in names or known:
        begun = time.perf_counter()
        if not known[name]:
            report.append(f"{name}: skipped, no data in {shared_data() / 'sequences'}")
        for arguments in known[name]:
            print(f"\n== {name} {' '.join(arguments)}", flush=True)
            done = subprocess.run(
                [sys.executable, "-m", f"benchmarks.{name}", *arguments], cwd=ROOT, check=False
            )
            fate = f"FAILED with {done.returncode}" if done.returncode else "done"
            report.append(f"{name}: {fate}, {time.perf_counter() - begun:.0f} s")
    print("\n" + "\n".join(report))
    return sum("FAILED" in line for line in report)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
