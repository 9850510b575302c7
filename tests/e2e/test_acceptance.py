"""`pawsonalize-deploy accept`: the whole deployed system on this machine, by one command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("pawsonalize-deploy")


def accept(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PROGRAM, "accept", *words],
        env=os.environ | {"TMPDIR": str(folder), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.nightly  # tests/deploy/test_up_and_down.py and test_state_machine.py have its parts
def test_the_deployed_system_is_accepted_and_leaves_nothing(tmp_path: Path) -> None:
    done = accept(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "accepted: 13 steps" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_step_that_fails_is_named_and_the_exit_code_is_1(tmp_path: Path) -> None:
    config, scratch = tmp_path / "sample/config", tmp_path / "scratch"
    config.mkdir(parents=True)
    scratch.mkdir()
    (config / "dev.yaml").write_text("promotionThreshold: 7\n")
    done = accept(scratch, "--reference", str(config.parent))
    assert done.returncode == 1
    said = done.stdout.splitlines()[-1]
    assert said.startswith("step 1, config of the reference: BadSettings")
    assert "promotionThreshold is 7" in said
    assert list(scratch.iterdir()) == []
