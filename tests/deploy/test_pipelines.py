"""The pipelines: valid by their schemas, and what they call is there."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.dockerfile import ROOT

WORKFLOWS = sorted(str(one.relative_to(ROOT)) for one in ROOT.glob(".github/workflows/*.yml"))
GITLAB, BITBUCKET = ".gitlab-ci.yml", "bitbucket-pipelines.yml"
FILES = [*WORKFLOWS, GITLAB, BITBUCKET]
DEPLOY = ".github/workflows/deploy.yml"


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def scripts(name: str) -> Iterator[str]:
    """What the file gives to a shell."""
    found = [read(name)]
    while found:
        one = found.pop()
        if isinstance(one, list):
            found += one
        elif isinstance(one, dict):
            for key, value in one.items():
                if key in ("script", "before_script"):
                    yield "\n".join(value)
                elif key == "run" and isinstance(value, str):
                    yield value
                else:
                    found.append(value)


def schema_of(name: str) -> list[str]:
    if name == GITLAB:
        return ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"]
    return ["vendor.bitbucket-pipelines" if name == BITBUCKET else "vendor.github-workflows"]


@pytest.mark.parametrize("name", FILES)
def test_every_pipeline_keeps_to_its_schema(name: str) -> None:
    check = str(Path(sys.executable).parent / "check-jsonschema")
    done = subprocess.run(
        [check, "--builtin-schema", *schema_of(name), str(ROOT / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", FILES)
def test_a_shell_understands_every_script(name: str) -> None:
    written = list(scripts(name))
    assert written
    for script in written:
        text = re.sub(r"\$\{\{.*?\}\}", "expression", script)
        done = subprocess.run(
            ["bash", "-n"], input=text, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{script}\n{done.stderr}"


@pytest.mark.parametrize("name", FILES)
def test_every_target_and_file_that_a_script_names_is_there(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    said = "\n".join(scripts(name))
    made = re.findall(r"^make ((?:[a-z]+ )*[a-z]+)(?= |$)", said, re.M)
    paths = re.findall(r"(?<![\w/.-])((?:deploy|requirements|\.ci)/[\w./-]+)", said)
    assert made or paths
    for words in made:
        assert set(words.split()) <= targets, words
    for path in paths:
        assert (ROOT / path).exists(), path


def test_each_of_them_tests_writes_templates_builds_and_deploys_to_dev_and_to_prod() -> None:
    for names in ([".github/workflows/test.yml", DEPLOY], [GITLAB], [BITBUCKET]):
        said = "\n".join(script for name in names for script in scripts(name))
        assert "bash .ci/run" in said
        assert {"make synth ENV=dev", "make synth ENV=prod"} <= set(said.splitlines())
        assert "make image push IMAGE=" in said
        assert "make up ENV=" in said


def test_each_of_them_runs_every_test_on_a_schedule_and_nothing_else_then() -> None:
    workflow = read(".github/workflows/nightly.yml")
    assert workflow[True]["schedule"]
    assert [*workflow["jobs"]] == ["nightly"]
    scheduled = '$CI_PIPELINE_SOURCE == "schedule"'
    jobs = {
        name: job for name, job in read(GITLAB).items() if "rules" in job and name != "workflow"
    }
    assert {*jobs} == {"test", "nightly", "build", "dev", "prod"}
    assert jobs.pop("nightly")["rules"] == [{"if": scheduled}]
    for job in jobs.values():
        assert [scheduled.replace("==", "!=") in rule["if"] for rule in job["rules"]] == [True]
    assert [len(steps) for steps in read(BITBUCKET)["pipelines"]["custom"].values()] == [1]
    for name in (".github/workflows/nightly.yml", GITLAB, BITBUCKET):
        lines = [line for script in scripts(name) for line in script.splitlines()]
        assert sum(line.endswith("bash .ci/run nightly") for line in lines) == 1
    run = (ROOT / ".ci/run").read_text()
    assert '"${1:-}" = nightly ]; then\n  make nightly\n' in run


def test_prod_waits_for_somebody_to_agree_and_for_dev() -> None:
    prod = read(DEPLOY)["jobs"]["prod"]
    assert prod["environment"] == "prod"  # whose reviewers agree
    assert prod["needs"] == ["build", "dev"]
    job = read(GITLAB)["prod"]
    assert job["needs"] == ["test", "build", "dev"]
    assert [rule["when"] for rule in job["rules"]] == ["manual"]
    steps = [one["step"] for one in read(BITBUCKET)["pipelines"]["branches"]["main"]]
    assert [step.get("deployment") for step in steps] == [None, None, "dev", "prod"]
    assert [step.get("trigger") for step in steps] == [None, None, None, "manual"]


def test_no_change_that_only_somebody_proposed_is_deployed() -> None:
    proposed = read(BITBUCKET)["pipelines"]["pull-requests"]["**"]
    assert not any("oidc" in one["step"] or "deployment" in one["step"] for one in proposed)
    for job in ("build", "dev", "prod"):
        for rule in read(GITLAB)[job]["rules"]:
            assert rule["if"].startswith("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH")
    assert read(DEPLOY)[True]["workflow_run"]["branches"] == ["main"]  # `on` is a boolean of YAML
    tokens = [one for one in WORKFLOWS if "id-token" in (ROOT / one).read_text()]
    assert tokens == [DEPLOY, ".github/workflows/release.yml"]


@pytest.mark.parametrize("name", FILES)
def test_no_pipeline_has_a_key_or_a_password(name: str) -> None:
    text = (ROOT / name).read_text()
    for word in (
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "{{ secrets.",
        "aws-secret-access-key",
    ):
        assert word not in text


def test_every_job_that_touches_aws_gets_a_role_by_its_token() -> None:
    for job in ("build", "dev", "prod"):
        found = read(DEPLOY)["jobs"][job]
        assert found["permissions"] == {"contents": "read", "id-token": "write"}
        used = [step.get("uses", "").partition("@")[0] for step in found["steps"]]
        assert "aws-actions/configure-aws-credentials" in used
        assert read(GITLAB)[".aws"]["id_tokens"] == {"AWS_TOKEN": {"aud": "$CI_SERVER_URL"}}
    assert {read(GITLAB)[name]["extends"] for name in ("build", ".deploy")} == {".aws"}
    steps = [one["step"] for one in read(BITBUCKET)["pipelines"]["branches"]["main"][1:]]
    assert [step["oidc"] for step in steps] == [True] * 3


def test_the_image_is_built_on_a_digest_and_deployed_by_its_own() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert (
        "--build-arg BASE=\"$$(docker image inspect --format '{{index .RepoDigests 0}}'" in makefile
    )
    assert "'{{index .RepoDigests 0}}' $(IMAGE) > dist/image-name" in makefile
    for name in (GITLAB, BITBUCKET):
        assert any('IMAGE="$(cat dist/image-name)"' in script for script in scripts(name))


def test_what_brings_an_environment_up_names_the_image(tmp_path: Path) -> None:
    """`make up`, with another program in place of `pawsonalize-deploy`."""
    program = tmp_path / "bin/pawsonalize-deploy"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    makefile = (ROOT / "Makefile").read_text().replace("\nup: setup ", "\nup: ")
    (tmp_path / "Makefile").write_text(makefile)
    done = subprocess.run(
        ["make", "--silent", "up", "ENV=dev", "IMAGE=ours/pawsonalize@sha256:1", "BIN=bin"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    named = "dev --set image=ours/pawsonalize@sha256:1"
    assert done.stdout.splitlines() == [f"diff {named}", f"up {named}"]
