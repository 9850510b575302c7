"""The release workflow is one, by GitHub's own schema, and publishes without a password."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

from pawsonalize import __version__

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github/workflows/release.yml"


def test_the_workflow_keeps_to_the_schema() -> None:
    checked = [
        str(Path(sys.executable).parent / "check-jsonschema"),
        "--builtin-schema",
        "vendor.github-workflows",
        str(WORKFLOW),
    ]
    done = subprocess.run(checked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_the_job_that_publishes_gets_a_token_and_it_needs_all_others() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    trusted = {name for name, job in jobs.items() if "id-token" in job.get("permissions", {})}
    assert trusted == {"publish"}
    assert set(jobs["publish"]["needs"]) == jobs.keys() - trusted - {"image"}
    assert jobs["image"]["needs"] == "publish"
    assert "secrets." not in WORKFLOW.read_text()


def test_the_workflow_builds_tests_and_lists_what_is_in_it() -> None:
    text = WORKFLOW.read_text()
    for tool in ("python -m build", "twine check", "check-wheel-contents", "cyclonedx-py"):
        assert tool in text


def test_the_workflow_reads_the_version_and_builds_each_distribution_of_python() -> None:
    text = WORKFLOW.read_text()
    command = re.findall(r"version=\$\((.+)\)$", text, re.MULTILINE)[0]
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == __version__
    built = re.findall(r"for plugin in (.+); do", text)[0].split()
    assert sorted(built) == sorted(
        path.parent.name for path in ROOT.glob("packages/*/pyproject.toml")
    )
