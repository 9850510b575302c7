"""How much popularity counts among similar items, said by campaigns and batch jobs, by boto3."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pawsonalize.app.adapters import opened
from tests.aws.wire.made import ROLE, trained
from tests.aws.wire.server import Wire, served
from tests.aws.wire.waiting import settled
from tests.event_data import event
from tests.service_data import CATS, make_service

POPULAR = {"rankingInfluence": {"POPULARITY": 1.0}}
HIT = CATS[0]
ASKED = "1-Unseen-2-1"  # of another size than the hit: others are more like it


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that stands for s3://bucket."""
    folder = tmp_path_factory.mktemp("s3") / "bucket"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory, bucket: Path) -> Iterator[Wire]:
    """A service where one cat is seen by many who see nothing else."""
    folder = tmp_path_factory.mktemp("data")
    with opened(make_service(folder, train=False)) as adapters:
        crowd = [f"crowd {number}" for number in range(300)]
        adapters.log.append([event(user, user=user, session=None, item=HIT) for user in crowd])
    with served(folder, s3_root=str(bucket.parent)) as running:
        yield running


@pytest.fixture(scope="module")
def similar(wire: Wire) -> str:
    """The ARN of a version of similar-items, trained without any influence."""
    return trained(wire, "similar", "aws-similar-items")


def first(wire: Wire, campaign: str) -> str:
    """What the campaign says is most like the item asked about."""
    items = wire.runtime.get_recommendations(campaignArn=campaign, itemId=ASKED)["itemList"]
    item: str = items[0]["itemId"]
    return item


def test_a_campaign_says_how_much_popularity_counts_and_takes_it_back(
    wire: Wire, similar: str
) -> None:
    arn = wire.personalize.create_campaign(name="alike", solutionVersionArn=similar)["campaignArn"]
    settled(wire.personalize.describe_campaign, campaignArn=arn)
    assert first(wire, arn) != HIT

    def update(config: dict[str, Any]) -> dict[str, Any]:
        wire.personalize.update_campaign(campaignArn=arn, campaignConfig=config)
        return settled(wire.personalize.describe_campaign, campaignArn=arn)

    campaign = update(POPULAR)
    assert (campaign["campaignConfig"], campaign["solutionVersionArn"]) == (POPULAR, similar)
    assert first(wire, arn) == HIT
    assert "rankingInfluence" not in update({})["campaignConfig"]
    assert first(wire, arn) != HIT


@pytest.mark.parametrize(("config", "hit"), [({}, False), (POPULAR, True)], ids=["as is", "hit"])
def test_a_batch_job_says_how_much_popularity_counts(
    wire: Wire, bucket: Path, similar: str, config: dict[str, Any], hit: bool
) -> None:
    name = f"items-{hit}"
    (bucket / f"{name}.json").write_text(json.dumps({"itemId": ASKED}) + "\n")
    arn = wire.personalize.create_batch_inference_job(
        jobName=name,
        solutionVersionArn=similar,
        roleArn=ROLE,
        jobInput={"s3DataSource": {"path": f"s3://bucket/{name}.json"}},
        jobOutput={"s3DataDestination": {"path": "s3://bucket/out/"}},
        batchInferenceJobConfig=config,
    )["batchInferenceJobArn"]
    job = settled(wire.personalize.describe_batch_inference_job, batchInferenceJobArn=arn)
    assert (job["status"], job["batchInferenceJobConfig"]) == ("ACTIVE", config)
    output = json.loads((bucket / "out" / f"{name}.json.out").read_text())["output"]
    assert (output["recommendedItems"][0] == HIT) is hit


@pytest.mark.parametrize("influence", [{"POPULARITY": 1.5}, {"PRICE": 0.5}], ids=str)
def test_an_influence_that_there_is_not_is_refused(
    wire: Wire, similar: str, influence: dict[str, float]
) -> None:
    with pytest.raises(wire.personalize.exceptions.InvalidInputException, match="constraint"):
        wire.personalize.create_campaign(
            name="refused",
            solutionVersionArn=similar,
            campaignConfig={"rankingInfluence": influence},
        )


def test_a_recipe_without_similar_items_has_no_influence_to_set(wire: Wire) -> None:
    popular = trained(wire, "popular", "aws-popularity-count")
    with pytest.raises(wire.personalize.exceptions.InvalidInputException, match="similar-items"):
        wire.personalize.create_campaign(
            name="refused", solutionVersionArn=popular, campaignConfig=POPULAR
        )
