"""The pytest plugin, as a program's own tests use it: by the page that explains it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pawsonalize.testing.service import kind_of, member_of

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "test-with-boto3.md"


def test_the_page_that_explains_it_is_true(tmp_path: Path) -> None:
    conftest, tests = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_shop.py").write_text(tests)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("resource", "kind", "member"),
    [
        ("dataset-group/a", "dataset-group", "datasetGroup"),
        ("solution/a", "solution", "solution"),
        ("solution/a/b", "solution-version", "solutionVersion"),
        ("dataset/a/ITEMS", "dataset", "dataset"),
        ("dataset-import-job/a", "dataset-import-job", "datasetImportJob"),
    ],
)
def test_what_is_waited_for_is_known_by_its_arn(resource: str, kind: str, member: str) -> None:
    found = kind_of(f"arn:aws:personalize:us-east-1:000000000000:{resource}")
    assert (found, member_of(found)) == (kind, member)
