"""Benchmarks, one after the other: `make bench` in their small form, `make figures` in full.

    python -m benchmarks [NAME …] [--form smallest|small|full] [--record]

With `--record` what they print goes to the page of figures, with the commit. next_item needs data
that this repository does not hold: it looks in `$PAWSONALIZE_SHARED_DATA/sequences`, else
`../shared/data/sequences`.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import get_args

from benchmarks import figures
from benchmarks.catalogue import Benchmark, Form, Runs, benchmarks, shared_data
from benchmarks.child import ROOT


def main(arguments: Sequence[str]) -> int:
    """Run them; the exit code is the number of those that failed."""
    parser = argparse.ArgumentParser(
        "benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = benchmarks()
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--form", choices=get_args(Form), default="small")
    parser.add_argument("--record", action="store_true", help="keep what they print")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in known]
    if unknown:
        print(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(known)}")
        return 2
    report: list[str] = []
    for name in options.names or known:
        begun = time.perf_counter()
        runs = _runs(known[name], options.form)
        if not runs:
            report.append(f"{name}: skipped, no data in {shared_data() / 'sequences'}")
        for each in runs:
            code = _run(name, each, record=options.record)
            fate = f"FAILED with {code}" if code else "done"
            report.append(f"{name}: {fate}, {time.perf_counter() - begun:.0f} s")
    print("\n" + "\n".join(report))
    return sum("FAILED" in line for line in report)


def _runs(benchmark: Benchmark, form: Form) -> Runs:
    match form:
        case "smallest":
            return benchmark.smallest
        case "small":
            return benchmark.small
        case "full":
            return benchmark.full


def _run(name: str, arguments: Sequence[str], *, record: bool) -> int:
    print(f"\n== {name} {' '.join(arguments)}", flush=True)
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    if not record:
        return subprocess.run(command, cwd=ROOT, check=False).returncode
    commit = figures.commit()
    done = subprocess.run(
        [*command, "--json"], cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True
    )
    if done.returncode == 0:
        figures.record(name, arguments, json.loads(done.stdout.splitlines()[-1]), commit)
        figures.write()
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
