"""`up` and `down`, against moto, and our own service as Amazon Personalize."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from pawsonalize_deploy.acceptance.made_up import write_seed
from pawsonalize_deploy.adopted import NOTHING
from pawsonalize_deploy.deployed import DeployFailed
from pawsonalize_deploy.environment import DeployedEnvironment
from pawsonalize_functions import naming
from tests.aws.wire.server import Wire, served
from tests.deploy.local_account import LocalAccount, local_account
from tests.deploy.templates import ENV, Template, settings_of

# What its CloudFormation does not know is asserted in the templates: alarms, Firehose, policies of
# buckets, queues and topics, log streams.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS")


class Place:
    """An empty account, and a service that answers as Amazon Personalize."""

    def __init__(self, account: LocalAccount, wire: Wire, folder: Path) -> None:
        self.account = account
        self.wire = wire
        self.seed = folder / "seed"
        self.said: list[str] = []

    def environment(self, engine: str = "amazon-personalize") -> DeployedEnvironment:
        return DeployedEnvironment(settings_of(engine), self.account, self.said.append)

    def everything(self) -> dict[str, Any]:
        """What there is, and when it was changed."""
        personalize, ssm = self.wire.personalize, self.account.client("ssm")
        listed = {
            "stack": self.account.stack.resources(),
            "parameters": {
                one["Name"]: (one["Version"], one.get("LastModifiedDate"))
                for page in ssm.get_paginator("describe_parameters").paginate()
                for one in page["Parameters"]
            },
            "buckets": sorted(
                one["Name"] for one in self.account.client("s3").list_buckets()["Buckets"]
            ),
        }
        for kind in ("dataset_groups", "solutions", "solution_versions", "campaigns", "datasets"):
            pages = personalize.get_paginator(f"list_{kind}").paginate()
            members = "".join(
                word if at == 0 else word.title() for at, word in enumerate(kind.split("_"))
            )
            listed[kind] = [one for page in pages for one in page[members]]
        return listed


@pytest.fixture
def place(
    aws_url: str, aws: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Place]:
    urlopen(Request(f"{aws_url}/moto-api/reset", method="POST")).close()
    buckets = tmp_path / "s3"
    write_seed(tmp_path / "seed")
    with local_account(buckets) as account, served(tmp_path / "data", s3_root=str(buckets)) as wire:
        for kind in ("", "_EVENTS", "_RUNTIME"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_PERSONALIZE{kind}", wire.url)
        yield Place(account, wire, tmp_path)


def test_up_brings_everything_up_and_again_changes_nothing_and_down_leaves_what_it_says(
    place: Place, on_amazon: Template
) -> None:
    environment = place.environment()
    settings = environment.settings
    outputs = environment.up(on_amazon.folder, place.seed)
    asked = place.wire.runtime.get_recommendations(
        campaignArn=place.account.parameter(settings.recommendation_campaign_arn_ssm_path),
        userId="visitor-0",
    )
    ranked = place.wire.runtime.get_personalized_ranking(
        campaignArn=place.account.parameter(settings.reranking_campaign_arn_ssm_path),
        userId="visitor-0",
        inputList=["1-Breed_1-1-1", "2-Breed_1-1-1"],
    )
    assert asked["itemList"]
    assert len(ranked["personalizedRanking"]) == 2
    place.wire.events.put_events(
        trackingId=place.account.parameter(settings.event_tracker_id_ssm_path),
        sessionId="a session",
        eventList=[{"eventType": "view", "itemId": "1-Breed_1-1-1", "sentAt": 1_700_000_000}],
    )

    assert (
        place.account.parameter(settings.get_recommendation_name_path)
        == (outputs["RecommendFunction"])
    )
    watch = next(
        name for key, name in place.account.stack.resources().items() if "watchFunction" in key
    )
    ages = place.account.invoke(watch, {})
    assert set(ages) == {
        f"{measured} {model}"
        for measured in ("ModelAgeDays", "DaysSincePromotion")
        for model in ("recommender", "reranker")
    }
    assert all(0 <= days < 1 for days in ages.values())

    before = place.everything()
    assert environment.changes(on_amazon.folder) == []
    assert environment.up(on_amazon.folder, place.seed) == outputs
    assert place.everything() == before

    place.account.tag()
    left = environment.down(delete_archive=False)
    after = place.everything()
    assert place.account.stack.status() is None
    for kind in ("dataset_groups", "solutions", "campaigns", "datasets"):
        assert [one for one in after[kind] if "test-" in str(one)] == []
    assert place.account.assets.name not in after["buckets"]
    for name, path in (
        ("archive bucket", settings.s3_name_ssm_path),
        ("seed bucket", settings.s3_seed_name_ssm_path),
    ):
        assert any(name in line and path in line for line in left)
    assert set(after["parameters"]) == {
        settings.key_arn_path,
        settings.s3_name_ssm_path,
        settings.s3_seed_name_ssm_path,
        settings.logs_name_ssm_path,
    }
    kept = [name for name in after["buckets"] if "buckets" in name]
    assert len(kept) == 3
    # Deleted, too: what the stack made, and the entries that lead to it.
    assert all("KMS deletes" in line for line in environment.down(delete_archive=True))
    assert place.everything()["buckets"] == []


def test_down_gives_back_the_parameters_that_were_there_before_up(
    place: Place, on_amazon: Template
) -> None:
    environment = place.environment()
    settings = environment.settings
    theirs = {
        settings.event_tracker_id_ssm_path: "an older tracker",
        settings.get_recommendation_name_path: "an-older-function",
        settings.recommendation_solution_version_ssm_path: "arn:aws:personalize:x:1:solution/o/1",
    }
    ssm = place.account.client("ssm")
    for path, value in theirs.items():
        ssm.put_parameter(Name=path, Value=value, Type="String")
    with pytest.raises(DeployFailed, match="no seed data"):
        environment.up(on_amazon.folder, None)
    written = {path: place.account.parameter(path) for path in theirs}
    assert written[settings.event_tracker_id_ssm_path] != "an older tracker"
    assert written[settings.get_recommendation_name_path] != "an-older-function"
    environment.down(delete_archive=False)
    after = place.everything()["parameters"]
    assert {path: place.account.parameter(path) for path in theirs} == theirs
    assert settings.get_reranking_name_path not in after
    assert settings.solution_arn_ssm_path not in after


def test_without_seed_data_up_says_where_they_belong(place: Place, on_amazon: Template) -> None:
    environment = place.environment()
    with pytest.raises(DeployFailed, match=r"no seed data below s3://.*--seed FOLDER"):
        environment.up(on_amazon.folder, None)
    assert place.account.stack.status() == "CREATE_COMPLETE"


def test_a_folder_without_seed_data_is_an_error(place: Place, on_amazon: Template) -> None:
    (place.seed / "items.csv").unlink()
    with pytest.raises(DeployFailed, match=r"has no items\*\.csv"):
        place.environment().up(on_amazon.folder, place.seed)


def test_what_parameters_name_is_adopted_unless_the_stack_made_it(
    place: Place, on_amazon: Template
) -> None:
    environment = place.environment()
    settings = environment.settings
    ssm = place.account.client("ssm")
    assert environment.adopted() == NOTHING
    ssm.put_parameter(Name=settings.s3_name_ssm_path, Value="an-older-archive", Type="String")
    ssm.put_parameter(Name=settings.key_arn_path, Value="arn:aws:kms:x:1:key/k", Type="String")
    assert environment.adopted().listed() == [
        "key arn: arn:aws:kms:x:1:key/k",
        "archive bucket: an-older-archive",
    ]
    for path in (settings.s3_name_ssm_path, settings.key_arn_path):
        place.account.delete_parameter(path)
    with pytest.raises(DeployFailed, match="no seed data"):
        environment.up(on_amazon.folder, None)
    assert environment.adopted() == NOTHING


def test_what_others_made_in_amazon_personalize_is_used_and_stays(
    place: Place, on_amazon: Template
) -> None:
    theirs = place.wire.personalize.create_dataset_group(name=naming.dataset_group(ENV))
    environment = place.environment()
    with pytest.raises(DeployFailed, match="no seed data"):
        environment.up(on_amazon.folder, None)
    groups = place.everything()["dataset_groups"]
    assert len([one for one in groups if one["name"] == naming.dataset_group(ENV)]) == 1
    left = environment.down(delete_archive=False)
    assert f"{theirs['datasetGroupArn']} (it was there before)" in left
    assert [
        one for one in place.everything()["dataset_groups"] if one["name"].startswith(f"{ENV}-")
    ]
