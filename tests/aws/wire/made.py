"""What tests make by boto3 before they begin: datasets, imports, trained versions and campaigns."""

import json
from collections.abc import Mapping
from typing import Any

from tests.aws.wire.server import GROUP, Wire
from tests.aws.wire.waiting import settled

RECIPE = "arn:aws:personalize:::recipe/"
ROLE = "arn:aws:iam::123456789012:role/reader"
SHOP = {
    "Interactions": {"USER_ID": "string", "ITEM_ID": "string", "TIMESTAMP": "long"},
    "Items": {"ITEM_ID": "string", "COLOUR": "string"},
}
NOT_LEARNT: dict[str, Any] = {"algorithmHyperParameters": {"learn": "false"}}
"""Trained in a moment."""


def dataset(wire: Wire, group: str, kind: str, columns: Mapping[str, Any]) -> str:
    """The ARN of a new dataset of the group with a schema of its own."""
    fields = [{"name": name, "type": of} for name, of in columns.items()]
    avro = json.dumps({"type": "record", "name": kind, "fields": fields, "version": "1.0"})
    name = f"{group.rpartition('/')[2]}-{kind}"
    schema = wire.personalize.create_schema(name=name, schema=avro)["schemaArn"]
    arn: str = wire.personalize.create_dataset(
        name=kind, schemaArn=schema, datasetGroupArn=group, datasetType=kind
    )["datasetArn"]
    return arn


def shop(wire: Wire, name: str = "shop") -> tuple[str, dict[str, str]]:
    """The ARN of a new dataset group of coloured things, and those of its datasets."""
    group: str = wire.personalize.create_dataset_group(name=name)["datasetGroupArn"]
    return group, {kind: dataset(wire, group, kind, columns) for kind, columns in SHOP.items()}


def imported(wire: Wire, dataset: str, name: str, place: str, **more: Any) -> dict[str, Any]:
    """The job that imports s3://bucket/`place`, once it has ended."""
    arn = wire.personalize.create_dataset_import_job(
        jobName=name,
        datasetArn=dataset,
        dataSource={"dataLocation": f"s3://bucket/{place}"},
        roleArn=ROLE,
        **more,
    )["datasetImportJobArn"]
    return settled(wire.personalize.describe_dataset_import_job, datasetImportJobArn=arn)


def trained(wire: Wire, name: str, recipe: str, group: str = GROUP, **more: Any) -> str:
    """The ARN of an ACTIVE version of a new solution."""
    solution = wire.personalize.create_solution(
        name=name,
        recipeArn=RECIPE + recipe,
        datasetGroupArn=group,
        performAutoTraining=False,
        **more,
    )["solutionArn"]
    arn: str = wire.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    version = settled(wire.personalize.describe_solution_version, solutionVersionArn=arn)
    assert version["status"] == "ACTIVE", version
    return arn


def served(wire: Wire, name: str, version: str, **more: Any) -> str:
    """The ARN of a new ACTIVE campaign of the version."""
    arn: str = wire.personalize.create_campaign(name=name, solutionVersionArn=version, **more)[
        "campaignArn"
    ]
    campaign = settled(wire.personalize.describe_campaign, campaignArn=arn)
    assert campaign["status"] == "ACTIVE", campaign
    return arn
