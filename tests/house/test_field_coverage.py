"""Every field of Amazon Personalize's requests acts, or the page of coverage says that it does not.

A newer botocore may have operations and fields that the page does not: at night the newest says so.
"""

import re
import shutil
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from pawsonalize.aws.protocol import SERVICES

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

from field_coverage import ELSEWHERE, REFUSED, STORED, fields, paths_of  # noqa: E402


def test_every_field_is_read_or_listed_and_every_line_of_the_list_is_of_a_field() -> None:
    found = fields()
    full = {f"{name}.{path}": state for name in found for path, state in found[name].items()}
    unread = [one for one, state in full.items() if state == "not read"]
    assert not unread, "read it, refuse it, or list it in docs/field_coverage.py"
    for pattern in (*ELSEWHERE, *STORED, *REFUSED):
        assert any(fnmatchcase(one, pattern) for one in full), pattern


@pytest.mark.nightly
def test_the_newest_botocore_has_nothing_that_the_page_does_not_list(tmp_path: Path) -> None:
    uv = shutil.which("uv") or str(ROOT / ".tools/bin/uv")
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path), "botocore"]
    try:
        subprocess.run(install, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs uv and a package index")
    page = (ROOT / "docs/reference/personalize-coverage.md").read_text(encoding="utf-8")
    listed = {row[0]: set(re.findall(r"`([^`]+)`", row[1])) for row in _rows(page)}
    loader = Loader(extra_search_paths=[str(tmp_path / "botocore" / "data")])
    loader.search_paths[:] = [str(tmp_path / "botocore" / "data")]
    assert len(listed) > 70
    for service in SERVICES:
        model = ServiceModel(loader.load_service_model(service, "service-2"), service)
        for name in model.operation_names:
            assert name in listed, f"{service} has a new operation: {name}"
            for path in paths_of(model.operation_model(name).input_shape):
                known = path in listed[name] or any(
                    fnmatchcase(f"{name}.{path}", one) for one in (*STORED, *REFUSED)
                )
                assert known, f"{name} has a new field: {path}"


def _rows(page: str) -> list[tuple[str, str]]:
    return re.findall(r"^\| ([A-Z][A-Za-z]+) \|.*\| ([^|]*) \|$", page, re.MULTILINE)
