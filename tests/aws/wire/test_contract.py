"""Every contract case, asked of a real server by boto3."""

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from typer.testing import CliRunner

from pawsonalize.app.cli.main import app
from pawsonalize.aws.contract import Case, contract_cases, error_of
from pawsonalize.aws.protocol import operations
from tests.aws.wire.made import NOT_LEARNT, trained
from tests.aws.wire.made import served as serving
from tests.aws.wire.server import GROUP, Wire, served
from tests.aws_shapes import ARN, REGION
from tests.service_data import make_service

CASES = {case.name: case for case in contract_cases()}


class World:
    """A service with what cases need, and calls of it that no client has checked before."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        version = trained(wire, "contract", "aws-user-personalization", solutionConfig=NOT_LEARNT)
        made = wire.personalize.create_dataset_group(name="contract")
        expression = "INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($KIND)"
        filter_arn = wire.personalize.create_filter(
            name="contract", datasetGroupArn=GROUP, filterExpression=expression
        )["filterArn"]
        self.names = {
            "new": "contract-case",
            "arn": ARN.partition("{}")[0].removesuffix(":"),
            "group": made["datasetGroupArn"],
            "version": version,
            "solution": version.rpartition("/")[0],
            "campaign": serving(wire, "contract", version),
            "filter": filter_arn,
        }

    def call(self, operation: str, members: Mapping[str, Any]) -> Mapping[str, Any]:
        client = boto3.client(
            operations()[operation].service,
            endpoint_url=self.wire.url,
            region_name=REGION,
            aws_access_key_id="an id",
            aws_secret_access_key="a secret",
            config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
        )
        answer: Mapping[str, Any] = getattr(client, xform_name(operation))(**members)
        return answer


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("data")
    make_service(folder, train=False)
    with served(folder) as wire:
        yield World(wire)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_case_ends_with_its_error(world: World, case: Case) -> None:
    assert error_of(case, world.call, world.names) == case.error


def test_errors_are_those_that_botocores_model_declares() -> None:
    for case in CASES.values():
        assert case.error in operations()[case.operation].errors, case.name


def test_the_command_asks_what_costs_nothing_and_says_where_an_endpoint_differs(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "an id",
        "AWS_SECRET_ACCESS_KEY": "a secret",
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    count = sum(not case.needs for case in CASES.values())
    ran = CliRunner().invoke(app, ["contract", "--endpoint", world.wire.url])
    assert ran.output == f"{count} cases, {count} as expected\n"
    with served(tmp_path_factory.mktemp("lenient"), aws_strict=False) as lenient:
        ran = CliRunner().invoke(app, ["contract", "--endpoint", lenient.url])
        assert "differs: TIMESTAMP is a long: accepted, not InvalidInputException" in ran.output
        assert lenient.personalize.list_schemas()["schemas"] == [], "what was accepted is undone"


def test_what_is_accepted_is_said_and_deleted_again(world: World) -> None:
    case = Case("a group", "CreateDatasetGroup", "", "", {"name": "$new"})
    for _ in range(2):
        assert error_of(case, world.call, world.names) == "accepted"
