"""Schemas, dataset groups, datasets, event trackers and tags, by boto3."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.aws.wire.server import GROUP, Wire
from tests.aws_shapes import ACCOUNT, REGION


@pytest.fixture(autouse=True)
def _emptied(wire: Wire) -> Iterator[None]:
    """Every test leaves room for the groups of the next, as there may be five."""
    yield
    for group in wire.personalize.list_dataset_groups()["datasetGroups"]:
        arn = group["datasetGroupArn"]
        if arn == GROUP:
            continue
        for tracker in wire.personalize.list_event_trackers(datasetGroupArn=arn)["eventTrackers"]:
            wire.personalize.delete_event_tracker(eventTrackerArn=tracker["eventTrackerArn"])
        for dataset in wire.personalize.list_datasets(datasetGroupArn=arn)["datasets"]:
            wire.personalize.delete_dataset(datasetArn=dataset["datasetArn"])
        wire.personalize.delete_dataset_group(datasetGroupArn=arn)


INTERACTIONS = {"USER_ID": "string", "ITEM_ID": "string", "TIMESTAMP": "long"}


def avro(name: str, fields: dict[str, str]) -> str:
    listed = [{"name": field, "type": kind} for field, kind in fields.items()]
    return json.dumps({"type": "record", "name": name, "fields": listed, "version": "1.0"})


def create_schema(wire: Wire, name: str, fields: dict[str, str] | None = None) -> str:
    text = avro("Interactions", fields or INTERACTIONS)
    arn: str = wire.personalize.create_schema(name=name, schema=text)["schemaArn"]
    return arn


def create_group(wire: Wire, name: str, **more: Any) -> str:
    arn: str = wire.personalize.create_dataset_group(name=name, **more)["datasetGroupArn"]
    return arn


def create_dataset(wire: Wire, group: str, schema: str, name: str = "clicks") -> str:
    arn: str = wire.personalize.create_dataset(
        name=name, datasetGroupArn=group, schemaArn=schema, datasetType="Interactions"
    )["datasetArn"]
    return arn


def test_a_schema_is_answered_as_it_was_given(wire: Wire) -> None:
    arn = create_schema(wire, "as-given")
    assert arn == f"arn:aws:personalize:{REGION}:{ACCOUNT}:schema/as-given"
    schema = wire.personalize.describe_schema(schemaArn=arn)["schema"]
    assert (schema["name"], schema["schemaArn"]) == ("as-given", arn)
    assert schema["schema"] == avro("Interactions", INTERACTIONS)
    assert schema["creationDateTime"] == schema["lastUpdatedDateTime"]
    assert schema["creationDateTime"].year >= 2024
    wire.personalize.delete_schema(schemaArn=arn)
    with pytest.raises(wire.personalize.exceptions.ResourceNotFoundException):
        wire.personalize.describe_schema(schemaArn=arn)


def test_the_fields_of_a_schema_tell_its_dataset_where_its_name_does_not(wire: Wire) -> None:
    group = create_group(wire, "by-fields")
    arn = wire.personalize.create_schema(name="by-fields", schema=avro("Clicks", INTERACTIONS))[
        "schemaArn"
    ]
    assert create_dataset(wire, group, arn).endswith("dataset/by-fields/INTERACTIONS")


@pytest.mark.parametrize(
    "text", ["no JSON", "[]", '{"type": "record"}', avro("Interactions", {"USER_ID": "string"})]
)
def test_a_schema_that_cannot_be_one_is_refused(wire: Wire, text: str) -> None:
    with pytest.raises(wire.personalize.exceptions.InvalidInputException):
        wire.personalize.create_schema(name="refused", schema=text)


def test_a_name_that_is_taken_is_refused(wire: Wire) -> None:
    create_group(wire, "taken")
    with pytest.raises(wire.personalize.exceptions.ResourceAlreadyExistsException, match="taken"):
        create_group(wire, "taken")


def test_a_dataset_group_has_what_it_was_created_with(wire: Wire) -> None:
    created = wire.personalize.create_dataset_group(
        name="shop", domain="ECOMMERCE", tags=[{"tagKey": "Team", "tagValue": "ä team"}]
    )
    assert created["domain"] == "ECOMMERCE"
    arn = created["datasetGroupArn"]
    group = wire.personalize.describe_dataset_group(datasetGroupArn=arn)["datasetGroup"]
    assert (group["name"], group["status"], group["domain"]) == ("shop", "ACTIVE", "ECOMMERCE")
    tags = wire.personalize.list_tags_for_resource(resourceArn=arn)["tags"]
    assert tags == [{"tagKey": "Team", "tagValue": "ä team"}]


def test_there_may_be_five_dataset_groups(wire: Wire) -> None:
    for number in range(4):
        create_group(wire, f"group-{number}")
    with pytest.raises(wire.personalize.exceptions.LimitExceededException, match="5"):
        create_group(wire, "one-more")


def test_two_groups_may_call_their_datasets_the_same(wire: Wire) -> None:
    schema = create_schema(wire, "shared")
    arns = [create_dataset(wire, create_group(wire, name), schema) for name in ("one", "two")]
    assert len(set(arns)) == 2
    described = [wire.personalize.describe_dataset(datasetArn=arn)["dataset"] for arn in arns]
    assert [one["name"] for one in described] == ["clicks", "clicks"]
    assert [one["datasetType"] for one in described] == ["INTERACTIONS", "INTERACTIONS"]
    assert described[0]["schemaArn"] == schema
    listed = wire.personalize.list_datasets(datasetGroupArn=described[1]["datasetGroupArn"])
    assert [one["datasetArn"] for one in listed["datasets"]] == [arns[1]]


def test_a_group_has_one_dataset_of_a_type(wire: Wire) -> None:
    schema, group = create_schema(wire, "once"), create_group(wire, "once")
    create_dataset(wire, group, schema)
    with pytest.raises(wire.personalize.exceptions.ResourceAlreadyExistsException):
        create_dataset(wire, group, schema, "more-clicks")


def test_a_dataset_takes_schemas_of_its_type_alone(wire: Wire) -> None:
    group = create_group(wire, "typed")
    items = wire.personalize.create_schema(
        name="items", schema=avro("Items", {"ITEM_ID": "string", "COLOUR": "string"})
    )["schemaArn"]
    with pytest.raises(wire.personalize.exceptions.InvalidInputException, match="Items"):
        create_dataset(wire, group, items)
    dataset = create_dataset(wire, group, create_schema(wire, "typed"))
    other = create_schema(wire, "typed-2", {**INTERACTIONS, "EVENT_TYPE": "string"})
    wire.personalize.update_dataset(datasetArn=dataset, schemaArn=other)
    described = wire.personalize.describe_dataset(datasetArn=dataset)["dataset"]
    assert described["schemaArn"] == other
    update = described["latestDatasetUpdate"]
    assert (update["schemaArn"], update["status"]) == (other, "ACTIVE")


def test_what_something_needs_cannot_be_deleted(wire: Wire) -> None:
    schema, group = create_schema(wire, "needed"), create_group(wire, "needed")
    dataset = create_dataset(wire, group, schema)
    in_use = wire.personalize.exceptions.ResourceInUseException
    with pytest.raises(in_use, match="dataset"):
        wire.personalize.delete_schema(schemaArn=schema)
    with pytest.raises(in_use, match="dataset"):
        wire.personalize.delete_dataset_group(datasetGroupArn=group)
    wire.personalize.delete_dataset(datasetArn=dataset)
    wire.personalize.delete_schema(schemaArn=schema)
    wire.personalize.delete_dataset_group(datasetGroupArn=group)


def test_a_group_has_one_event_tracker_with_an_id_of_its_own(wire: Wire) -> None:
    group = create_group(wire, "tracked")
    created = wire.personalize.create_event_tracker(name="clicks", datasetGroupArn=group)
    with pytest.raises(wire.personalize.exceptions.LimitExceededException):
        wire.personalize.create_event_tracker(name="more", datasetGroupArn=group)
    arn = created["eventTrackerArn"]
    tracker = wire.personalize.describe_event_tracker(eventTrackerArn=arn)["eventTracker"]
    assert tracker["trackingId"] == created["trackingId"]
    assert (tracker["accountId"], tracker["datasetGroupArn"]) == (ACCOUNT, group)
    listed = wire.personalize.list_event_trackers(datasetGroupArn=group)["eventTrackers"]
    assert [one["eventTrackerArn"] for one in listed] == [arn]
    wire.personalize.delete_event_tracker(eventTrackerArn=arn)
    assert not wire.personalize.list_event_trackers(datasetGroupArn=group)["eventTrackers"]


def test_tags_come_and_go(wire: Wire) -> None:
    arn = create_group(wire, "tags")
    wire.personalize.tag_resource(
        resourceArn=arn, tags=[{"tagKey": key, "tagValue": ""} for key in "abc"]
    )
    wire.personalize.untag_resource(resourceArn=arn, tagKeys=["b", "z"])
    tags = wire.personalize.list_tags_for_resource(resourceArn=arn)["tags"]
    assert [tag["tagKey"] for tag in tags] == ["a", "c"]
    with pytest.raises(wire.personalize.exceptions.TooManyTagsException):
        wire.personalize.tag_resource(
            resourceArn=arn, tags=[{"tagKey": f"key {n}", "tagValue": ""} for n in range(49)]
        )


def test_pages_of_a_list_hold_everything_once(wire: Wire) -> None:
    names = {f"page-{n}" for n in range(5)}
    for name in names:
        create_schema(wire, name)
    paginator = wire.personalize.get_paginator("list_schemas")
    pages = list(paginator.paginate(PaginationConfig={"PageSize": 2}))
    found = [schema["name"] for page in pages for schema in page["schemas"]]
    assert names <= set(found)
    assert len(found) == len(set(found))
    assert all(len(page["schemas"]) <= 2 for page in pages)


def test_a_token_of_somebody_else_is_refused(wire: Wire) -> None:
    with pytest.raises(wire.personalize.exceptions.InvalidNextTokenException):
        wire.personalize.list_schemas(nextToken="somebody else's")


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        (f"{GROUP}-of-nobody", "ResourceNotFoundException"),
        (GROUP.replace(ACCOUNT, "210987654321"), "ResourceNotFoundException"),
        (GROUP.replace("dataset-group", "schema"), "InvalidInputException"),
        ("pawsonalize", "InvalidInputException"),
    ],
)
def test_an_arn_of_nothing_here_is_refused(wire: Wire, arn: str, code: str) -> None:
    with pytest.raises(ClientError) as refused:
        wire.personalize.describe_dataset_group(datasetGroupArn=arn)
    assert refused.value.response["Error"]["Code"] == code
