"""The nightly tests: which there are, when each ran last, and a few of them for each commit.

`make nightly` writes nightly.json, and `make docs` makes docs/reference/nightly.md of it. This file
as a program prints the tests to run for the commit that is checked out: python -m tests.nightly
"""

import ast
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

import pytest

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "tests" / "nightly.json"
LONGEST_SECONDS = 120
"""Seconds that the tests of one commit take together, as recorded."""


class Run(TypedDict):
    """The last run of one test, or of one of its parametrized cases."""

    seconds: float
    date: str
    commit: str
    """With `+` where `src` was changed and not committed."""
    result: str


NEVER: Run = {"seconds": 0.0, "date": "", "commit": "", "result": "never"}
"""Stands for a case that was found and did not run to its end yet."""


def proofs() -> Iterator[str]:
    """Yield the id of each test function with a case that is marked nightly, in order."""
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        text = file.read_text(encoding="utf-8")
        if "mark.nightly" not in text:
            continue
        path = file.relative_to(ROOT).as_posix()
        for function in ast.parse(text).body:
            if isinstance(function, ast.FunctionDef) and _is_nightly(function):
                yield f"{path}::{function.name}"


def _is_nightly(function: ast.FunctionDef) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr == "nightly"
        for decorator in function.decorator_list
        for node in ast.walk(decorator)
    )


def function_of(case: str) -> str:
    """Return the id of the test function that a case is of."""
    return case.partition("[")[0]


def recorded() -> dict[str, Run]:
    """Return the last run of each case that ever ran."""
    runs: dict[str, Run] = json.loads(RECORDS.read_text(encoding="utf-8"))
    return runs


def page() -> str:
    """Return the table of all nightly tests for the docs: a row for each test function."""
    runs, rows = recorded(), []
    for proof in proofs():
        path, _, name = proof.partition("::")
        sentence = name.removeprefix("test_").replace("_", " ")
        of_proof = [run for case, run in runs.items() if function_of(case) == proof]
        cells = [sentence[0].upper() + sentence[1:], f"`{path}`", *_cells(of_proof)]
        rows.append(f"| {' | '.join(cells)} |")
    head = "| it proves that | in | cases | seconds | last run | commit | result |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows]) + "\n"


def _cells(runs: list[Run]) -> list[str]:
    """Return what came of the cases of one test; the oldest date and commit of several."""
    ended = [run for run in runs if run != NEVER]
    if not ended:
        return ["", "", "never", "", ""]
    oldest = min(ended, key=lambda run: run["date"])
    failed = sum(run["result"] == "failed" for run in ended)
    seconds = f"{sum(run['seconds'] for run in ended):.0f}"
    result = f"**{failed} failed**" if failed else "passed"
    cases = str(len(runs)) if ended == runs else f"{len(ended)} of {len(runs)}"
    return [cases, seconds, oldest["date"], oldest["commit"], result]


class Recorder:
    """Writes each nightly test that ends into the records; a skipped one did not run."""

    def __init__(self, *, is_whole: bool) -> None:
        self._is_whole = is_whole
        self._commit = _git("rev-parse", "--short=12", "HEAD")
        if _git("status", "--porcelain", "--", "src", "packages", "deploy"):
            self._commit += "+"
        self._phases: dict[str, list[pytest.TestReport]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        cases = [item.nodeid for item in session.items if item.get_closest_marker("nightly")]
        _write(dict.fromkeys(cases, NEVER) | recorded())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if "nightly" not in report.keywords:
            return
        phases = self._phases.setdefault(report.nodeid, [])
        phases.append(report)
        if report.when == "teardown" and not any(phase.skipped for phase in phases):
            _write(recorded() | {report.nodeid: self._run(phases)})

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if self._is_whole and exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
            _write({case: run for case, run in recorded().items() if case in self._phases})

    def _run(self, phases: list[pytest.TestReport]) -> Run:
        return {
            "seconds": round(sum(phase.duration for phase in phases), 1),
            "date": datetime.now(UTC).date().isoformat(),
            "commit": self._commit,
            "result": "failed" if any(phase.failed for phase in phases) else "passed",
        }


def _write(runs: dict[str, Run]) -> None:
    lines = (f" {json.dumps(case)}: {json.dumps(runs[case])}" for case in sorted(runs))
    RECORDS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def drawn(commit: str, runs: dict[str, Run]) -> list[str]:
    """Draw cases by the commit's hash, at most one of each test, that fit the time together."""
    known = [case for case, run in runs.items() if run != NEVER]
    lot = {case: hashlib.sha256(f"{commit} {case}".encode()).digest() for case in known}
    cases: dict[str, str] = {}
    left = float(LONGEST_SECONDS)
    for case in sorted(known, key=lot.__getitem__):
        if function_of(case) not in cases and runs[case]["seconds"] <= left:
            cases[function_of(case)] = case
            left -= runs[case]["seconds"]
    return list(cases.values())


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def main() -> None:
    """Print the cases to run for this commit, and on stderr the tests that nobody ever ran."""
    there = set(proofs())
    runs = {case: run for case, run in recorded().items() if function_of(case) in there}
    never = sorted(there - {function_of(case) for case, run in runs.items() if run != NEVER})
    for case in drawn(_git("rev-parse", "HEAD"), runs):
        print(case)
    if never:
        why = "not drawn, as no run of them is recorded; `make nightly` does it:"
        print(why, *never, sep="\n  ", file=sys.stderr)


if __name__ == "__main__":
    main()
