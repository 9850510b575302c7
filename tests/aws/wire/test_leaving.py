"""`pawsonalize leave`, from one of our servers to another, as either may be AWS."""

import boto3
import pytest
from typer.testing import CliRunner

from pawsonalize.app.cli.main import app
from tests.aws.wire.made import RECIPE, ROLE
from tests.aws.wire.server import Wire, served
from tests.aws.wire.test_new_items import create_quiet_shop, serve
from tests.aws_shapes import ARN


def test_a_dataset_group_is_copied_and_answers_alike(
    aws: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = {"LocationConstraint": "eu-west-1"}
    boto3.client("s3").create_bucket(Bucket="leaving", CreateBucketConfiguration=place)
    with served(tmp_path_factory.mktemp("there")) as there:
        group, _ = create_quiet_shop(there)
        serve(there, group, "aws-popularity-count")
        serve(there, group, "aws-similar-items")
        serve(there, group, "aws-personalized-ranking")
        solution = there.personalize.list_solutions(datasetGroupArn=group)["solutions"][0]
        there.personalize.create_campaign(
            name="follows",
            solutionVersionArn=f"{solution['solutionArn']}/$LATEST",
            campaignConfig={"syncWithLatestSolutionVersion": True},
        )
        there.personalize.create_solution(
            name="as-at-amazon",
            datasetGroupArn=group,
            recipeArn=f"{RECIPE}aws-user-personalization",
            performAutoTraining=False,
            solutionConfig={"algorithmHyperParameters": {"bptt": "29"}},
        )
        there.personalize.create_filter(
            name="green",
            datasetGroupArn=group,
            filterExpression='INCLUDE ItemID WHERE Items.COLOUR IN ("green")',
        )
        with served(tmp_path_factory.mktemp("here")) as here:
            lines = leave(group, there, here, "--dry-run")
            assert lines == ["solution as-at-amazon: bptt: no model here has this hyperparameter"]
            assert here.personalize.list_dataset_groups()["datasetGroups"] == []
            there.personalize.delete_solution(solutionArn=ARN.format("solution", "as-at-amazon"))
            lines = leave(group, there, here)
            listed = here.personalize.list_campaigns()["campaigns"]
            names = ["aws-personalized-ranking", "aws-popularity-count", "aws-similar-items"]
            names.append("follows")
            assert sorted(one["name"] for one in listed) == names
            copied = next(one["campaignArn"] for one in listed if one["name"] == "follows")
            found = here.personalize.describe_campaign(campaignArn=copied)["campaign"]
            assert found["campaignConfig"]["syncWithLatestSolutionVersion"] is True
            assert "copied filter green" in lines
            assert any("tracking id of quiet: it is now" in line for line in lines)
            assert any(line.startswith("not copied: trained models") for line in lines)
            alike = "8 questions, mean overlap@25 1.000, identical lists 100.0%"
            assert sorted(lines[-4:]) == [f"campaign {name}: {alike}" for name in names]
            again = leave(group, there, here, verifies=False)
            assert again[0] == "copied dataset group quiet", "it may be run anew"


def leave(group: str, there: Wire, here: Wire, *more: str, verifies: bool = True) -> list[str]:
    """The lines that the command prints."""
    between = ["--source", there.url, "--target", here.url, "--through", "s3://leaving/shop"]
    verify = ["--verify"] if verifies else []
    done = CliRunner().invoke(app, ["leave", group, *between, "--role", ROLE, *verify, *more])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout.splitlines()
