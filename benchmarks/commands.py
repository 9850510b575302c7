"""CPU time of commands and of a starting server, beside the imports that none can do without.

    python -m benchmarks.commands [--events 20000] [--pairs 5] [--json]

`cpu` is the median of the CPU seconds of the process and its children. `ratio` is the median over
pairs of that and the CPU seconds of a process that only imports NumPy, SQLAlchemy and Typer. The
server counts until it answers `/healthz`, and its end.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.recommend import prepare
from benchmarks.server import serving

_GROUPS = 100
_IMPORTS = ("-c", "import numpy, sqlalchemy, typer")
_COMMANDS = ("--help", "campaigns ls", "status", "doctor", "recommend --user u1")


def measure(data: Path, pairs: int) -> list[dict[str, Any]]:
    """Return a row for each command, and one for `serve`."""
    os.environ |= {"PAWSONALIZE_DATA_DIR": str(data), "PAWSONALIZE_LOG_LEVEL": "error"}
    works: dict[str, Callable[[], object]] = {
        name: partial(_run, "-m", "pawsonalize.app.cli.main", *name.split()) for name in _COMMANDS
    }
    works["serve"] = partial(_serve, data)
    rows = []
    for name, work in works.items():
        work()  # what is compiled or kept once
        taken = [(_cpu(work), _cpu(partial(_run, *_IMPORTS))) for _ in range(pairs)]
        cpu, ratio = median(ours for ours, _ in taken), median(ours / bare for ours, bare in taken)
        rows.append({"command": name, "cpu": round(cpu, 2), "ratio": round(ratio, 2)})
    return rows


def _cpu(work: Callable[[], object]) -> float:
    """Return the CPU seconds of the child processes that end meanwhile."""
    before = os.times()
    work()
    after = os.times()
    user = after.children_user - before.children_user
    return user + after.children_system - before.children_system


def _run(*arguments: str) -> None:
    command = [sys.executable, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _serve(data: Path) -> None:
    with serving(data):
        pass


def main() -> None:
    """Print the figures as a table or as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        prepare(data, _GROUPS, options.events)
        rows = measure(data, options.pairs)
    if options.json:
        print(json.dumps({"commands": rows}))
        return
    print("command                cpu   ratio")
    for row in rows:
        print(f"{row['command']:20} {row['cpu']:5.2f} s {row['ratio']:5.2f}")


if __name__ == "__main__":
    main()
