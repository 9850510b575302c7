"""The files for systemd, as systemd itself reads them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "packaging/systemd"
MOST_EXPOSED = 20
"""Of 100, by `systemd-analyze security`; a unit without any hardening has 96."""


def run(program: str, *arguments: str) -> str:
    """What it prints; a skip where there is no such program, a failure where it complains."""
    if shutil.which(program) is None:
        pytest.skip(f"no {program} here: it is in Debian's package systemd")
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def unit(tmp_path: Path) -> str:
    """The unit with a program that this machine has."""
    text = (FOLDER / "pawsonalize.service").read_text()
    copy = tmp_path / "pawsonalize.service"
    copy.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.M))
    return str(copy)


def test_the_unit_has_no_mistake(unit: str) -> None:
    said = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit)
    assert "pawsonalize" not in said


def test_the_unit_gives_the_service_no_more_than_it_needs(unit: str) -> None:
    run("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", unit)


def test_the_user_of_the_unit_is_the_one_that_is_made() -> None:
    said = run("systemd-sysusers", "--dry-run", str(FOLDER / "pawsonalize.sysusers.conf"))
    assert "'pawsonalize'" in said or said == ""  # nothing to do where it is a user already
    unit = (FOLDER / "pawsonalize.service").read_text()
    assert re.search(r"^u pawsonalize ", (FOLDER / "pawsonalize.sysusers.conf").read_text(), re.M)
    assert "User=pawsonalize\n" in unit


def test_the_unit_may_do_what_trainings_do() -> None:
    unit = (FOLDER / "pawsonalize.service").read_text()
    assert not re.search(r"^SystemCallFilter=~.*@resources", unit, re.M)


def test_folders_are_for_the_service_alone() -> None:
    lines = (FOLDER / "pawsonalize.tmpfiles.conf").read_text().splitlines()
    modes = {line.split()[1]: line.split()[2] for line in lines if line.startswith("d ")}
    assert modes["/var/lib/pawsonalize"] == "0700"
    assert all(mode.endswith("0") for mode in modes.values())
