"""Amazon Personalize's refusals by boto3; without the setting `aws_strict` the same calls pass."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pawsonalize.aws.strict import RULES
from tests.aws.wire.server import GROUP, Wire, served
from tests.aws.wire.waiting import settled
from tests.service_data import CATS, make_service

RECIPE = "arn:aws:personalize:::recipe/aws-"
ROLE = "arn:aws:iam::123456789012:role/reader"
NOW = datetime.now(UTC).replace(microsecond=0)
INTERACTIONS = {"USER_ID": "string", "ITEM_ID": "string", "TIMESTAMP": "long"}
TRAINED = {
    "personal": "user-personalization",
    "ranking": "personalized-ranking",
    "segments": "item-affinity",
}


class World:
    """What the calls of one service need: trained versions, their campaigns, and a shop."""

    def __init__(self, wire: Wire, bucket: Path) -> None:
        self.wire, self.made = wire, 0
        (bucket / "users.json").write_text('{"userId": "seed 0"}\n')
        versions = {name: self.version(name, recipe) for name, recipe in TRAINED.items()}
        for arn in versions.values():
            settled(wire.personalize.describe_solution_version, solutionVersionArn=arn)
        self.versions = versions
        self.campaigns = {name: self.campaign(versions[name]) for name in ("personal", "ranking")}
        self.shop = self.group(domain="ECOMMERCE")
        self.empty = self.group()
        fields = INTERACTIONS | {"EVENT_TYPE": "string", "DEVICE": "string"}
        self.dataset(self.empty, "Interactions", fields)
        expression = "INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ($K)"
        self.kind = wire.personalize.create_filter(
            name="kind", datasetGroupArn=GROUP, filterExpression=expression
        )["filterArn"]
        tracker = wire.personalize.create_event_tracker(name="e", datasetGroupArn=self.empty)
        self.tracking_id = tracker["trackingId"]

    def name(self) -> str:
        self.made += 1
        return f"made-{self.made}"

    def version(self, name: str, recipe: str, group: str = GROUP) -> str:
        config = {} if "ranking" in recipe else {"algorithmHyperParameters": {"learn": "false"}}
        solution = self.wire.personalize.create_solution(
            name=name, recipeArn=RECIPE + recipe, datasetGroupArn=group, solutionConfig=config
        )["solutionArn"]
        arn: str = self.wire.personalize.create_solution_version(solutionArn=solution)[
            "solutionVersionArn"
        ]
        return arn

    def solution(self, **more: Any) -> None:
        recipe = f"{RECIPE}user-personalization-v2"
        made = self.wire.personalize.create_solution(
            name=self.name(), recipeArn=recipe, datasetGroupArn=GROUP, **more
        )
        self.wire.personalize.delete_solution(solutionArn=made["solutionArn"])

    def briefly(self, campaign: str) -> None:
        self.wire.personalize.delete_campaign(campaignArn=campaign)

    def campaign(self, version: str, **more: Any) -> str:
        arn: str = self.wire.personalize.create_campaign(
            name=self.name(),
            solutionVersionArn=version,
            campaignConfig={"enableMetadataWithRecommendations": True},
            **more,
        )["campaignArn"]
        settled(self.wire.personalize.describe_campaign, campaignArn=arn)
        return arn

    def group(self, **more: Any) -> str:
        made = self.wire.personalize.create_dataset_group(name=self.name(), **more)
        arn: str = made["datasetGroupArn"]
        return arn

    def schema(self, kind: str, fields: dict[str, str], **more: Any) -> str:
        listed = [{"name": name, "type": of} for name, of in fields.items()]
        text = json.dumps({"type": "record", "name": kind, "fields": listed, "version": "1.0"})
        made = self.wire.personalize.create_schema(name=self.name(), schema=text, **more)
        arn: str = made["schemaArn"]
        return arn

    def dataset(self, group: str, kind: str, fields: dict[str, str], **more: Any) -> str:
        arn: str = self.wire.personalize.create_dataset(
            name=self.name(),
            datasetGroupArn=group,
            datasetType=kind,
            schemaArn=self.schema(kind, fields, **more),
        )["datasetArn"]
        return arn

    def recommend(self, name: str, **more: Any) -> Any:
        return self.wire.runtime.get_recommendations(campaignArn=self.campaigns[name], **more)

    def rank(self, name: str, **more: Any) -> Any:
        asked = {"userId": "seed 0", "inputList": CATS} | more
        return self.wire.runtime.get_personalized_ranking(campaignArn=self.campaigns[name], **asked)

    def infer(self) -> Any:
        return self.wire.personalize.create_batch_inference_job(
            jobName=self.name(),
            solutionVersionArn=self.versions["segments"],
            jobInput={"s3DataSource": {"path": "s3://bucket/users.json"}},
            jobOutput={"s3DataDestination": {"path": "s3://bucket/out/"}},
            roleArn=ROLE,
        )

    def put(self, **more: Any) -> Any:
        event = {"eventType": "view", "itemId": "tea", "sentAt": NOW} | more
        return self.wire.events.put_events(
            trackingId=self.tracking_id, sessionId="s", eventList=[event]
        )


Call = Callable[[World], Any]
CASES: dict[str, tuple[Call, str, str]] = {
    "ranks": (lambda w: w.rank("personal"), "InvalidInput", "PERSONALIZED_RANKING"),
    "recommends": (
        lambda w: w.recommend("ranking", userId="u"),
        "InvalidInput",
        "GetPersonalizedRanking",
    ),
    "recommends-to-nobody": (
        lambda w: w.recommend("personal", itemId=CATS[0]),
        "InvalidInput",
        "userId",
    ),
    "deploys": (
        lambda w: w.briefly(w.campaign(w.versions["segments"])),
        "InvalidInput",
        "USER_SEGMENTATION",
    ),
    "infers": (lambda w: w.infer(), "InvalidInput", "USER_SEGMENTATION"),
    "trains": (
        lambda w: w.version(w.name(), "item-affinity", w.empty),
        "InvalidInput",
        "no interactions",
    ),
    "recommender": (
        lambda w: w.wire.personalize.create_recommender(
            name=w.name(), datasetGroupArn=w.shop, recipeArn=f"{RECIPE}ecomm-popular-items-by-views"
        ),
        "InvalidInput",
        "no interactions",
    ),
    "columns": (
        lambda w: w.recommend("personal", userId="u", metadataColumns={"ITEMS": ["COLOUR"]}),
        "InvalidInput",
        "metadataColumns.*COLOUR",
    ),
    "many-columns": (
        lambda w: w.recommend(
            "personal", userId="u", numResults=51, metadataColumns={"ITEMS": ["ANIMAL_TYPE"]}
        ),
        "InvalidInput",
        "at most 50",
    ),
    "domain-fields": (
        lambda w: w.schema("Items", {"ITEM_ID": "string", "PRICE": "float"}, domain="ECOMMERCE"),
        "InvalidInput",
        "CATEGORY_L1",
    ),
    "metadata": (lambda w: w.schema("Users", {"USER_ID": "string"}), "InvalidInput", "metadata"),
    "domain": (lambda w: w.dataset(w.shop, "Interactions", INTERACTIONS), "InvalidInput", "domain"),
    "rate": (
        lambda w: w.briefly(w.campaign(w.versions["personal"], minProvisionedTPS=501)),
        "LimitExceeded",
        "500",
    ),
    "properties": (lambda w: w.put(), "InvalidInput", r"eventList\.1.*DEVICE"),
    "an-object-for-text": (
        lambda w: w.put(properties=json.dumps({"DEVICE": {"a": 1}})),
        "InvalidInput",
        "DEVICE must be string",
    ),
    "timestamp-type": (
        lambda w: w.schema("Interactions", INTERACTIONS | {"TIMESTAMP": "string"}),
        "InvalidInput",
        "TIMESTAMP must be long",
    ),
    "value-type": (
        lambda w: w.schema("Interactions", INTERACTIONS | {"EVENT_VALUE": "string"}),
        "InvalidInput",
        "EVENT_VALUE must be float",
    ),
    "user-type": (
        lambda w: w.schema("Interactions", INTERACTIONS | {"USER_ID": "long"}),
        "InvalidInput",
        "USER_ID must be string",
    ),
    "hpo-of-version-two": (lambda w: w.solution(performHPO=True), "InvalidInput", "performHPO"),
    "parameters-of-version-one": (
        lambda w: w.solution(solutionConfig={"algorithmHyperParameters": {"bptt": "29"}}),
        "InvalidInput",
        "bptt",
    ),
    "bare-filter-values": (
        lambda w: w.recommend("personal", userId="u", filterArn=w.kind, filterValues={"K": "Cat"}),
        "InvalidInput",
        'filterValues.K: write "Cat"',
    ),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, dict[str, Path]]:
    """What calls need, made once, and the folders that it is in."""
    bucket = tmp_path_factory.mktemp("s3") / "bucket"
    bucket.mkdir()
    folders = {"folder": tmp_path_factory.mktemp("data"), "s3_root": bucket.parent}
    make_service(folders["folder"], train=False)
    with served(folders["folder"], s3_root=str(bucket.parent)) as wire:
        return World(wire, bucket), folders


@pytest.fixture(scope="module", params=[True, False], ids=["strict", "lenient"])
def world(request: Any, made: tuple[World, dict[str, Path]]) -> Iterator[tuple[World, bool]]:
    """A service that refuses as AWS does, and one that does not."""
    there, folders = made
    s3_root = str(folders["s3_root"])
    with served(folders["folder"], s3_root=s3_root, aws_strict=request.param) as there.wire:
        yield there, request.param


def test_what_amazon_refuses_is_refused_unless_the_setting_says_otherwise(
    world: tuple[World, bool], subtests: pytest.Subtests
) -> None:
    there, is_strict = world
    for name, (call, code, words) in CASES.items():
        with subtests.test(name):
            if not is_strict:
                call(there)
                continue
            with pytest.raises(ClientError, match=words) as refused:
                call(there)
            assert refused.value.response["Error"]["Code"] == f"{code}Exception"
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_what_amazon_takes_is_taken(world: tuple[World, bool]) -> None:
    there, _ = world
    there.put(properties='{"device": "phone"}')
    fields = INTERACTIONS | {"EVENT_TYPE": "string"}
    there.dataset(there.group(domain="ECOMMERCE"), "Interactions", fields, domain="ECOMMERCE")
    columns = {"ITEMS": ["ANIMAL_TYPE"]}
    assert there.rank("ranking", metadataColumns=columns)["personalizedRanking"][0]["metadata"]
    assert len(RULES) == 13


def test_tag_keys_of_amazon_are_refused_everywhere(wire: Wire) -> None:
    tags = [{"tagKey": "aws:x", "tagValue": "1"}]
    with pytest.raises(wire.personalize.exceptions.InvalidInputException, match="aws:"):
        wire.personalize.create_dataset_group(name="tagged", tags=tags)
    with pytest.raises(wire.personalize.exceptions.InvalidInputException, match="aws:"):
        wire.personalize.tag_resource(resourceArn=GROUP, tags=tags)
