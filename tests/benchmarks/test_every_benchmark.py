"""Each benchmark runs in its smallest form, and the page of figures is what they printed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.catalogue import benchmarks, files_of, next_item_runs
from benchmarks.child import ROOT

from benchmarks import __main__ as everything
from benchmarks import figures

_QUICK = {
    "PAWSONALIZE_RECIPE": "popularity-count",  # trains in a moment, and answers by the same code
    "PAWSONALIZE_RERANKING_ENABLED": "false",
    "OPENBLAS_NUM_THREADS": "1",
}


@pytest.fixture
def sequences(tmp_path: Path) -> Path:
    """Research data of thirty users who walk a ring of twenty items."""
    folder = tmp_path / "sequences"
    folder.mkdir()
    walks = [[str((user + step) % 20 + 1) for step in range(6)] for user in range(1, 31)]
    lines = [f"{user} {' '.join(walk)}" for user, walk in enumerate(walks, 1)]
    (folder / "Beauty.txt").write_text("\n".join(lines))
    return tmp_path


@pytest.mark.parametrize("name", benchmarks())
def test_a_benchmark_runs_in_its_smallest_form(
    name: str, sequences: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAWSONALIZE_SHARED_DATA", str(sequences))
    (arguments,) = benchmarks()[name].smallest
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *arguments, "--json"],
        cwd=ROOT,
        env={**os.environ, **_QUICK},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout.splitlines()[-1])
    if not printed and (said := done.stderr.splitlines()[-1]).startswith("skipped"):
        pytest.skip(said)
    found = [row for rows in figures.tables(printed, benchmarks()[name].shown) for row in rows]
    assert any(isinstance(cell, int | float) for row in found for cell in row.values())


def test_every_module_that_can_be_run_is_in_the_catalogue() -> None:
    folder = Path(everything.__file__).parent
    texts = {file.stem: file.read_text() for file in folder.glob("*.py")}
    runnable = {name for name, text in texts.items() if "argparse.A" in text or "_parser(" in text}
    assert runnable - {"__main__"} == set(benchmarks())


def test_absent_data_are_skipped_and_an_unknown_name_is_refused(tmp_path: Path) -> None:
    assert next_item_runs(tmp_path) == ()
    (tmp_path / "ml-100k.inter").write_text("")
    assert [run[2:] for run in next_item_runs(tmp_path)] == [(), ("--split", "time")]
    assert everything.main(["nonsense"]) == 2


def test_the_page_of_figures_is_what_was_printed() -> None:
    assert figures.PAGE.read_text(encoding="utf-8") == figures.page(figures.read())


def test_a_newer_run_takes_the_place_of_the_one_with_the_same_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "RECORDS", tmp_path / "figures.json")
    figures.record("ingest", [], {"share": 0.5}, "aaaaaaa")
    figures.record("ingest", ["--events", "9"], {"share": 0.6}, "bbbbbbb")
    figures.record("ingest", [], {"share": 0.7}, "ccccccc")
    page = figures.page(figures.read())
    assert "| 0.7 | ccccccc |" in page
    assert "| 0.6 | bbbbbbb |" in page
    assert "aaaaaaa" not in page


def test_nested_figures_become_rows_and_columns() -> None:
    printed = {
        "ratio": 0.1,
        "ours": {"p50": 2},
        "theirs": {"p50": 1},
        "kinds": [{"kind": "warm", "share": [0.5, 0.4, 0.6], "mean": {"ours": 1.5}}],
    }
    assert list(figures.tables(printed)) == [
        [{"ratio": 0.1}],
        [{"": "ours", "p50": 2}, {"": "theirs", "p50": 1}],
        [{"kind": "warm", "share": [0.5, 0.4, 0.6], "mean: ours": 1.5}],
    ]


def test_every_benchmark_names_files_that_there_are() -> None:
    names = benchmarks()
    assert len(names) > 20
    for name in names:
        globs = files_of(name)
        assert len(globs) > 1
        for glob in globs:
            assert any(ROOT.glob(glob)), f"{name}: {glob}"


def test_a_figure_has_its_age_and_the_files_that_changed_since(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        who = ("-c", "user.name=A", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init", "-q")
    (tmp_path / "measured").mkdir()
    for number, file in enumerate(("measured/a.py", "measured/b.py", "other.py")):
        (tmp_path / file).write_text("1")
        git("add", ".")
        git("commit", "-qm", f"commit {number}")
    (tmp_path / "measured" / "b.py").write_text("2")
    git("commit", "-qam", "a change")
    first = {"commit": git("rev-parse", "HEAD~3"), "files": ["measured/**"]}
    age = figures.age_of(first, tmp_path)
    assert age is not None
    assert (age["commits"], age["changed"]) == (3, {"measured/**": 1})
    newest = figures.age_of({**first, "commit": git("rev-parse", "HEAD")}, tmp_path)
    assert newest is not None
    assert (newest["commits"], newest["changed"]) == (0, {})
    assert figures.age_of({**first, "commit": "0098fb8b"}, tmp_path) is None
    assert figures.age_of(first, tmp_path.parent) is None


def test_the_page_says_how_old_a_figure_is_or_that_nobody_knows() -> None:
    run = {"arguments": "", "commit": "aaaaaaa", "printed": {"share": 0.5}, "files": []}
    changed = {"src/a/**": 1563, "src/b.py": 1}
    age = {"as_of": "ccccccc of 2026-03-01", "date": "2026-01-01", "commits": 1563}
    page = figures.page({"ingest": [run | {"age": age | {"changed": changed}}]})
    assert "Measured on 2026-01-01, 1,563 commits before this page (ccccccc of 2026-03-01)" in page
    assert "changed since: `src/a/**` (1,563), `src/b.py` (1)." in page
    page = figures.page({"ingest": [run | {"age": age | {"changed": {}}}]})
    assert "changed since: none." in page
    assert "aaaaaaa. How old that is, is unknown." in figures.page({"ingest": [run]})
