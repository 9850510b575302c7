"""Nightly tests are on their page, with their last run; a few are drawn for each commit."""

import ast
import re
from pathlib import Path

import pytest

from tests import nightly
from tests.nightly import LONGEST_SECONDS, NEVER, ROOT, Recorder, Run, drawn, proofs, recorded

PAGE = ROOT / "docs" / "reference" / "nightly.md"


def test_the_page_has_each_nightly_test_and_none_that_is_gone() -> None:
    rows = re.findall(r"^\| ([A-Z].*?) \| `(tests/.+?)` \|", PAGE.read_text(encoding="utf-8"), re.M)
    listed = [f"{path}::test_{said.lower().replace(' ', '_')}" for said, path in rows]
    there = [proof.lower() for proof in proofs()]
    assert len(there) > 40
    how = "run `.venv/bin/python docs/generate.py` and commit the page with the test"
    assert [proof for proof in there if proof not in listed] == [], f"not on the page: {how}"
    assert [proof for proof in listed if proof not in there] == [], f"gone: {how}"


def test_a_test_is_marked_where_its_name_is_found() -> None:
    files = list((ROOT / "tests").rglob("test_*.py"))
    assert len(files) > 400
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        decorators = [one for function in functions for one in function.decorator_list]
        assert sum(map(marks, decorators)) == marks(tree), f"{file}: mark it in its decorator"


def marks(tree: ast.AST) -> int:
    return sum(
        isinstance(node, ast.Attribute) and ast.unparse(node) == "pytest.mark.nightly"
        for node in ast.walk(tree)
    )


def runs(**seconds: float) -> dict[str, Run]:
    made: dict[str, Run] = {}
    for name, each in seconds.items():
        made[name] = {"seconds": each, "date": "2026-01-01", "commit": "", "result": "passed"}
    return made


def test_a_commit_draws_the_same_tests_again_and_another_commit_others() -> None:
    known = runs(**{f"test_{n}": 50.0 for n in range(20)})
    assert drawn("a commit", known) == drawn("a commit", dict(reversed(known.items())))
    assert len({tuple(drawn(f"commit {n}", known)) for n in range(20)}) > 15
    known["test_that_never_ran"] = NEVER
    drawn_cases = {case for n in range(200) for case in drawn(f"commit {n}", known)}
    assert drawn_cases == known.keys() - {"test_that_never_ran"}


def test_the_tests_of_a_commit_take_two_minutes_in_all_and_one_case_of_each() -> None:
    known = runs(short=1, long=LONGEST_SECONDS + 1, **{f"test_{n}": 35.0 for n in range(9)})
    known |= {f"cases[{n}]": run for n, run in enumerate(runs(**dict.fromkeys("abcd", 1)).values())}
    for n in range(50):
        cases = drawn(f"commit {n}", known)
        assert "long" not in cases
        assert sum(case.startswith("cases") for case in cases) == 1
        assert 71 < sum(known[case]["seconds"] for case in cases) <= LONGEST_SECONDS


TESTS = """
import pytest
def test_of_every_day(): pass
@pytest.mark.nightly
def test_good(): pass
@pytest.mark.nightly
@pytest.mark.parametrize("what", [1, 0])
def test_bad(what): assert what
@pytest.mark.nightly
def test_bad_end(request): request.addfinalizer(lambda: 1 / 0)
@pytest.mark.nightly
def test_not_here(): pytest.skip("nothing to test it on")
@pytest.mark.nightly
def test_not_here_either(): pytest.skip("nothing to test it on")
"""


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_run_is_recorded_with_its_result_and_a_skipped_test_keeps_the_run_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_whole: bool
) -> None:
    monkeypatch.setattr(nightly, "RECORDS", tmp_path / "nightly.json")
    file = tmp_path / "test_some.py"
    file.write_text(TESTS)
    before = runs(**{f"test_some.py::{name}": 9 for name in ("test_good", "test_not_here", "gone")})
    nightly._write(before)
    words = [
        "-q",
        "-p",
        "no:cacheprovider",
        "--import-mode=importlib",
        "-c",
        "/dev/null",
        f"--rootdir={tmp_path}",
        str(file),
    ]
    assert pytest.main(words, plugins=[Recorder(is_whole=is_whole)]) == pytest.ExitCode.TESTS_FAILED
    after = {case.partition("::")[2]: run for case, run in recorded().items()}
    assert {case: run["result"] for case, run in after.items() if case != "gone"} == {
        "test_good": "passed",
        "test_bad[1]": "passed",
        "test_bad[0]": "failed",
        "test_bad_end": "failed",
        "test_not_here": "passed",
        "test_not_here_either": "never",
    }
    assert after["test_not_here"] == before["test_some.py::test_not_here"]
    assert after["test_good"]["seconds"] < 9
    assert ("gone" in after) is not is_whole


def test_the_page_says_how_many_cases_ended_and_how_many_failed() -> None:
    bad: Run = {"seconds": 3, "date": "2025-12-31", "commit": "old", "result": "failed"}
    good: Run = {"seconds": 2, "date": "2026-01-01", "commit": "new", "result": "passed"}
    assert nightly._cells([good, bad, NEVER]) == [
        "2 of 3",
        "5",
        "2025-12-31",
        "old",
        "**1 failed**",
    ]
    assert nightly._cells([good]) == ["1", "2", "2026-01-01", "new", "passed"]
    assert nightly._cells([NEVER]) == nightly._cells([]) == ["", "", "never", "", ""]
