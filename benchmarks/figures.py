"""What benchmarks printed, kept with its commit, and the page of figures that is made from it.

    python -m benchmarks.figures

writes the page anew; `make figures` runs the benchmarks first.
"""

import json
import math
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.catalogue import Benchmark, benchmarks, files_of
from benchmarks.child import ROOT

RECORDS = ROOT / "benchmarks" / "figures.json"
PAGE = ROOT / "docs" / "reference" / "figures.md"
_INTRODUCTION = """# Figures

<!-- Made by `make figures` from what the benchmarks printed. -->

What the [benchmarks](benchmarks.md) printed on one small machine: two shared virtual cores of a \
server, 24 GiB, other guests beside it. Each row has the commit that it was measured on. Times \
move by a third from run to run. Ratios, and what has no time in it, hardly move. Measure your \
own machine before you plan with them. [Benchmarks](benchmarks.md) says what each column means. \
Where a cell reads `a (b to c)`, a is the mean, and b and c are its bounds.

Under each command stands how old its figures were when this page was written, and how many of the \
files that it measures had changed since. The more have, the less they say of today's code.
"""

Row = dict[str, Any]


def commit() -> str:
    """The commit that is checked out; SystemExit where what is measured is not it."""
    changed = _git(
        "status",
        "--porcelain",
        "--",
        "src",
        "packages",
        "benchmarks",
        f":!{RECORDS.relative_to(ROOT)}",
    )
    if changed:
        raise SystemExit(f"commit your changes, so that figures have a commit:\n{changed}")
    return _git("rev-parse", "--short", "HEAD")


def record(name: str, arguments: Sequence[str], printed: object, at_commit: str) -> None:
    """Keep what a run printed, in place of an older run with the same arguments."""
    told = " ".join(Path(one).name if "/" in one else one for one in arguments)
    records = read()
    runs = [run for run in records.get(name, []) if run["arguments"] != told]
    run = {"arguments": told, "commit": at_commit, "printed": printed}
    records[name] = [*runs, run | {"files": files_of(name)}]
    _keep(records)


def _keep(records: Mapping[str, Sequence[Row]]) -> None:
    RECORDS.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")


def age_of(run: Row, at: Path = ROOT) -> Row | None:
    """How old a run is as of the commit that is checked out; None where git does not know.

    `changed` counts by glob those of its files that have changed since its commit.
    """

    def changed(glob: str) -> int:
        names = ("diff", "--name-only", run["commit"], "HEAD", "--", f":(glob){glob}")
        return len(_git(*names, at=at).splitlines())

    try:
        return {
            "as_of": _git("log", "-1", "--format=%h of %cs", at=at),
            "date": _git("log", "-1", "--format=%cs", run["commit"], at=at),
            "commits": int(_git("rev-list", "--count", f"{run['commit']}..HEAD", at=at)),
            "changed": {glob: many for glob in run["files"] if (many := changed(glob))},
        }
    except (subprocess.CalledProcessError, OSError):  # a clone without its history, or no clone
        return None


def read() -> dict[str, list[Row]]:
    """The runs that are kept, by benchmark, in the order in which they were first run."""
    if not RECORDS.exists():
        return {}
    kept: dict[str, list[Row]] = json.loads(RECORDS.read_text(encoding="utf-8"))
    return kept


def page(records: Mapping[str, Sequence[Row]]) -> str:
    """The page of figures, in Markdown."""
    parts = [_INTRODUCTION]
    for name, benchmark in benchmarks().items():
        if name in records:
            parts.append(f"## {benchmark.title}\n")
            parts += [_of_run(name, benchmark, run) for run in records[name]]
    return "\n".join(parts)


def _of_run(name: str, benchmark: Benchmark, run: Row) -> str:
    command = f"python -m benchmarks.{name} {run['arguments']}".rstrip()
    printed = run["printed"]
    found = [_markdown(rows, run["commit"]) for rows in tables(printed, benchmark.shown)]
    return f"`{command}`\n\n{_told_age(run)}\n\n" + "\n".join(found)


def _told_age(run: Row) -> str:
    age = run.get("age")
    if age is None:
        return f"Measured at {run['commit']}. How old that is, is unknown."
    changed = [f"`{glob}` ({many:,})" for glob, many in age["changed"].items()]
    since = ", ".join(changed) or "none"
    return (
        f"Measured on {age['date']}, {age['commits']:,} commits before this page"
        f" ({age['as_of']}). Of the files that it measures, changed since: {since}."
    )


def tables(printed: Any, shown: Sequence[str] = ()) -> Iterator[list[Row]]:
    """What was printed as tables: lists of rows with a column for each number.

    Of a mapping with other mappings in it, those that are `shown`, or all.
    """
    if isinstance(printed, list):
        rows = [row for one in printed if (row := _flat(one)) is not None]
        if len(rows) == len(printed):
            yield rows
        else:
            for one in printed:
                yield from tables(one, shown)
        return
    alone = {key: value for key, value in printed.items() if _is_cell(value)}
    if alone:
        yield [alone]
    nested = {key: value for key, value in printed.items() if not _is_cell(value)}
    if shown and any(key in shown for key in nested):
        nested = {key: value for key, value in nested.items() if key in shown}
    if rows := [{"": key, **value} for key, value in nested.items() if _is_row(value)]:
        yield rows
    for value in nested.values():
        if not _is_row(value):
            yield from tables(value, shown)


def _is_cell(value: object) -> bool:
    return not isinstance(value, dict) and not (
        isinstance(value, list) and any(isinstance(one, dict | list) for one in value)
    )


def _is_row(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_cell, value.values()))


def _flat(row: Mapping[str, Any]) -> Row | None:
    """One row of a list: mappings in it become columns; None if they hold mappings themselves."""
    flat: Row = {}
    for key, value in row.items():
        if _is_cell(value):
            flat[key] = value
        elif _is_row(value):
            flat |= {f"{key}: {name}": cell for name, cell in value.items()}
        else:
            return None
    return flat


def _markdown(rows: Sequence[Row], at_commit: str) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    head = [*(name.replace("_", " ") for name in columns), "commit"]
    lines = [head, ["---"] * len(head)]
    lines += [[_cell(row.get(name)) for name in columns] + [at_commit] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case float() if math.isnan(value):
            return ""
        case [mean, low, high]:
            return f"{_cell(mean)} ({_cell(low)} to {_cell(high)})"
        case float():
            return f"{value:,.4g}" if abs(value) < 1_000 else f"{value:,.0f}"
        case int():
            return str(value) if isinstance(value, bool) else f"{value:,}"
    return str(value)


def _git(*arguments: str, at: Path = ROOT) -> str:
    done = subprocess.run(["git", *arguments], cwd=at, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def write() -> None:
    """Write the page from what is kept, with the age that each run has now."""
    # The age is kept too, so that the page follows from the file alone, also without a history.
    records = {name: [run | {"age": age_of(run)} for run in runs] for name, runs in read().items()}
    _keep(records)
    PAGE.write_text(page(read()), encoding="utf-8")


if __name__ == "__main__":
    write()
