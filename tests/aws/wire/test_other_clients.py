"""Clients in other languages, signing as they do: the AWS SDK for JavaScript and the AWS CLI."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pawsonalize.app.adapters import opened
from pawsonalize.core import clock
from pawsonalize.core.scopes import Scope
from pawsonalize.resources.defaults import RERANKER
from tests.aws.wire.server import GROUP, served
from tests.aws_shapes import ACCOUNT, REGION
from tests.event_data import T0
from tests.service_data import CATS, DOGS, make_service
from tests.training import train

NODE_MODULES = os.environ.get("PAWSONALIZE_TEST_NODE_MODULES")
AWS_CLI = os.environ.get("PAWSONALIZE_TEST_AWS_CLI")
CAMPAIGN = f"arn:aws:personalize:{REGION}:{ACCOUNT}:campaign/recommender"
RANKING = f"arn:aws:personalize:{REGION}:{ACCOUNT}:campaign/{RERANKER}"
PROGRAM = Path(__file__).parent / "programs" / "shelter.cjs"
_PATIENCE_SECONDS = 120


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """All that a program has to be told, of a service that answers signed requests only."""
    folder = tmp_path_factory.mktemp("data")
    settings = make_service(folder)
    with opened(settings) as adapters:
        version = train(adapters, T0 + 1000, solution=RERANKER)
        adapters.campaigns.update(RERANKER, version.name, T0 + 1000)
        key, secret = adapters.access_keys.create(list(Scope), "", clock.now())
    with served(folder, aws_signatures="required") as wire:
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


def run(environment: Mapping[str, str], *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=False,
    )


@pytest.mark.skipif(
    NODE_MODULES is None or shutil.which("node") is None,
    reason="needs node, and PAWSONALIZE_TEST_NODE_MODULES with the SDK's clients (.ci/run)",
)
def test_a_program_in_javascript_runs_unchanged(environment: Mapping[str, str]) -> None:
    modules = {"NODE_PATH": str(NODE_MODULES)}
    done = run(
        {**environment, **modules}, "node", str(PROGRAM), CAMPAIGN, RANKING, "a visitor", DOGS[0]
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["before"]) == 3
    assert told["after"] != told["before"]
    assert told["ranked"] == [DOGS[0], "unknown"]
    assert told["refused"] == ["ResourceNotFoundException", 404]


@pytest.mark.skipif(
    AWS_CLI is None, reason="needs the AWS CLI at PAWSONALIZE_TEST_AWS_CLI (.ci/run)"
)
def test_the_aws_cli_calls_all_three_services(environment: Mapping[str, str]) -> None:
    def aws(*words: str) -> Any:
        done = run(environment, str(AWS_CLI), "--output", "json", *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    described = aws("personalize", "describe-dataset-group", "--dataset-group-arn", GROUP)
    assert described["datasetGroup"]["datasetGroupArn"] == GROUP
    question = ("personalize-runtime", "get-recommendations", "--campaign-arn", CAMPAIGN)
    before = aws(*question, "--user-id", "another visitor")["itemList"]
    event = {"eventType": "view", "itemId": CATS[0], "sentAt": clock.now() // 1000}
    aws(
        *("personalize-events", "put-events", "--tracking-id", "pawsonalize"),
        *("--user-id", "another visitor", "--session-id", "s-1"),
        *("--event-list", json.dumps([event])),
    )
    assert aws(*question, "--user-id", "another visitor")["itemList"] != before
    failed = run(
        environment, str(AWS_CLI), *question[:-1], CAMPAIGN + "-of-nobody", "--user-id", "a"
    )
    assert "(ResourceNotFoundException)" in failed.stderr
