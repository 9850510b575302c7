"""A short life by SDKs of four languages, signing as they do (docs/reference/sdks.md)."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.scopes import Scope
from tests.aws.wire.server import served
from tests.aws.wire.test_life import GENRES, SCHEMAS, interactions, write
from tests.aws_shapes import ACCOUNT, REGION

NODE_MODULES = os.environ.get("PAWSONALIZE_TEST_NODE_MODULES")
AWS_CLI = os.environ.get("PAWSONALIZE_TEST_AWS_CLI")
GO_PATH = Path("/usr/share/gocode")
GO_SDK = GO_PATH / "src/github.com/aws/aws-sdk-go-v2/service/personalize"
PROGRAMS = Path(__file__).parent / "programs"
RECIPE = "arn:aws:personalize:::recipe/aws-user-personalization"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/reader"
_PATIENCE_SECONDS = 1200
CLIENTS = [
    pytest.param("life.py", [sys.executable], {}, id="boto3"),
    pytest.param(
        "life.sh",
        ["bash"],
        {"AWS_CLI": str(AWS_CLI)},
        id="aws-cli",
        marks=pytest.mark.skipif(
            AWS_CLI is None, reason="needs the AWS CLI at PAWSONALIZE_TEST_AWS_CLI (.ci/run)"
        ),
    ),
    pytest.param(
        "life.cjs",
        ["node"],
        {"NODE_PATH": str(NODE_MODULES)},
        id="javascript",
        marks=pytest.mark.skipif(
            NODE_MODULES is None or shutil.which("node") is None,
            reason="needs node, and PAWSONALIZE_TEST_NODE_MODULES with the SDK's clients (.ci/run)",
        ),
    ),
]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """All that a program has to be told, of a service that answers signed requests only."""
    folder, buckets = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("s3")
    write(buckets / "bucket" / "interactions.csv", SCHEMAS["Interactions"], interactions())
    with opened(Settings(data_dir=folder)) as adapters:
        key, secret = adapters.access_keys.create(list(Scope), "", clock.now())
    with served(folder, aws_signatures="required", s3_root=str(buckets)) as wire:
        kinds = ("PERSONALIZE", "PERSONALIZE_EVENTS", "PERSONALIZE_RUNTIME")
        yield {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": key.name,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            **{f"AWS_ENDPOINT_URL_{kind}": wire.url for kind in kinds},
        }


def live(
    environment: Mapping[str, str], name: str, program: str, *command: str, **own: str
) -> None:
    """Run a program that does all that a short life needs, and look at what it says."""
    fields = [{"name": one, "type": kind} for one, kind in SCHEMAS["Interactions"].items()]
    schema = json.dumps({"type": "record", "name": "I", "fields": fields, "version": "1.0"})
    words = [name, schema, "s3://bucket/interactions.csv", RECIPE, ROLE, GENRES["tea"][0]]
    done = subprocess.run(
        [*command, PROGRAMS / program, *words],
        env={**environment, **own},
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["before"]) == 3
    assert told["after"] != told["before"]


@pytest.mark.parametrize(("program", "command", "variables"), CLIENTS)
def test_a_short_life_runs_unchanged(
    environment: Mapping[str, str],
    request: pytest.FixtureRequest,
    program: str,
    command: list[str],
    variables: dict[str, str],
) -> None:
    live(environment, request.node.callspec.id, program, *command, **variables)


@pytest.mark.nightly  # to compile the SDK takes minutes
@pytest.mark.skipif(
    shutil.which("go") is None or not GO_SDK.is_dir(),
    reason="needs Debian's golang-go and golang-github-aws-aws-sdk-go-v2-dev (.ci/run nightly)",
)
def test_a_short_life_in_go_runs_unchanged(environment: Mapping[str, str]) -> None:
    variables = {"GO111MODULE": "off", "GOPATH": str(GO_PATH), "GOFLAGS": ""}
    live(environment, "go", "life.go", "go", "run", **variables)
