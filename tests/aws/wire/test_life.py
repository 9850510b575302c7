"""A whole life by boto3: from an empty data folder to an answer that one event changes."""

import csv
import json
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pawsonalize.resources.registry import Registry
from tests.aws.wire.made import NOT_LEARNT, dataset, imported, trained
from tests.aws.wire.made import served as served_campaign
from tests.aws.wire.server import Wire, served

NOW = datetime.now(UTC).replace(microsecond=0)  # real events meet the server's real clock
GENRES = {"tea": [f"tea {n}" for n in range(6)], "coffee": [f"coffee {n}" for n in range(6)]}
SCHEMAS = {
    "Interactions": {"USER_ID": "string", "ITEM_ID": "string", "TIMESTAMP": "long"},
    "Items": {"ITEM_ID": "string", "GENRE": "string"},
    "Users": {"USER_ID": "string", "AGE": "int"},
}


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A service on an empty data folder; s3://bucket is a folder."""
    buckets = tmp_path_factory.mktemp("s3")
    write(buckets / "bucket" / "interactions.csv", SCHEMAS["Interactions"], interactions())
    items = [(item, genre) for genre, items in GENRES.items() for item in items]
    write(buckets / "bucket" / "items" / "part-1.csv", SCHEMAS["Items"], items)
    write(buckets / "bucket" / "users.csv", SCHEMAS["Users"], [("user 0", 33)])
    write(buckets / "bucket" / "wrong.csv", {"USER_ID": "", "OTHER": ""}, [("user 0", 33)])
    with served(tmp_path_factory.mktemp("data"), s3_root=str(buckets)) as running:
        yield running


@pytest.fixture(scope="module")
def group(wire: Wire) -> str:
    """The ARN of a dataset group of its own."""
    arn: str = wire.personalize.create_dataset_group(name="drinks")["datasetGroupArn"]
    return arn


@pytest.fixture(scope="module")
def datasets(wire: Wire, group: str) -> dict[str, str]:
    """The ARNs of its datasets, filled by import jobs."""
    arns = {kind: dataset(wire, group, kind, SCHEMAS[kind]) for kind in SCHEMAS}
    places = {"Interactions": "interactions.csv", "Items": "items/", "Users": "users.csv"}
    for kind, place in places.items():
        job = imported(wire, arns[kind], f"{kind}-1", place)
        assert job["status"] == "ACTIVE", job
    return arns


@pytest.fixture(scope="module")
def tracking_id(wire: Wire, group: str) -> str:
    """What events are sent with."""
    created = wire.personalize.create_event_tracker(name="drinks", datasetGroupArn=group)
    tracking: str = created["trackingId"]
    return tracking


@pytest.fixture(scope="module")
def campaign(wire: Wire, group: str, datasets: dict[str, str]) -> str:
    """The ARN of a campaign that serves what was trained on the imports."""
    return campaign_of(wire, group, "drinks", "aws-user-personalization-v2")


@pytest.fixture(scope="module")
def ranking(wire: Wire, group: str, datasets: dict[str, str]) -> str:
    """The ARN of one that ranks lists."""
    return campaign_of(wire, group, "ranking", "aws-personalized-ranking-v2")


def campaign_of(wire: Wire, group: str, name: str, recipe: str) -> str:
    """A campaign whose answers have metadata, on a version that learned nothing."""
    version = trained(wire, name, recipe, group, solutionConfig=NOT_LEARNT)
    return served_campaign(
        wire, name, version, campaignConfig={"enableMetadataWithRecommendations": True}
    )


def write(path: Path, schema: dict[str, str], rows: Sequence[Sequence[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([list(schema), *rows])


def interactions() -> list[tuple[str, str, int]]:
    """Users keep to their drink; tea has more of them."""
    start = NOW - timedelta(days=3)
    return [
        (f"user {user}", item, int((start + timedelta(minutes=n)).timestamp()))
        for user in range(30)
        for n, item in enumerate(GENRES["coffee" if user % 3 == 0 else "tea"][user % 2 :: 2])
    ]


def recommended(wire: Wire, campaign: str, user: str) -> list[str]:
    answer = wire.runtime.get_recommendations(campaignArn=campaign, userId=user, numResults=3)
    return [item["itemId"] for item in answer["itemList"]]


def put(wire: Wire, tracking_id: str, user: str, *items: str, **more: Any) -> None:
    events = [{"eventType": "view", "itemId": item, "sentAt": NOW, **more} for item in items]
    wire.events.put_events(
        trackingId=tracking_id, userId=user, sessionId=f"of {user}", eventList=events
    )


def test_one_event_makes_the_next_answer_personal(
    wire: Wire, campaign: str, tracking_id: str
) -> None:
    before = recommended(wire, campaign, "somebody new")
    assert all(item in GENRES["tea"] for item in before)
    put(wire, tracking_id, "somebody new", "coffee 1")
    after = recommended(wire, campaign, "somebody new")
    assert set(after[:2]) <= set(GENRES["coffee"]), after
    assert recommended(wire, campaign, "somebody else") == before


def test_who_has_not_signed_in_is_asked_for_by_the_session(
    wire: Wire, campaign: str, tracking_id: str
) -> None:
    before = recommended(wire, campaign, "a session")
    event = {"eventType": "view", "itemId": "coffee 1", "sentAt": NOW}
    wire.events.put_events(trackingId=tracking_id, sessionId="a session", eventList=[event])
    assert recommended(wire, campaign, "a session") != before
    assert recommended(wire, campaign, "another session") == before


def test_a_list_is_ordered_for_a_user(wire: Wire, ranking: str) -> None:
    ranked = wire.runtime.get_personalized_ranking(
        campaignArn=ranking, userId="user 0", inputList=["tea 0", "nothing", "coffee 0"]
    )["personalizedRanking"]
    assert [item["itemId"] for item in ranked] == ["coffee 0", "tea 0", "nothing"]
    assert sum(item["score"] for item in ranked) == pytest.approx(1)


def test_an_import_says_what_was_asked_and_why_it_failed(
    wire: Wire, datasets: dict[str, str]
) -> None:
    failed = imported(wire, datasets["Users"], "wrong", "wrong.csv", importMode="INCREMENTAL")
    assert (failed["status"], failed["importMode"]) == ("CREATE FAILED", "INCREMENTAL")
    assert failed["failureReason"]
    assert failed["dataSource"] == {"dataLocation": "s3://bucket/wrong.csv"}
    listed = wire.personalize.list_dataset_import_jobs(datasetArn=datasets["Users"])
    assert {job["jobName"] for job in listed["datasetImportJobs"]} == {"Users-1", "wrong"}
    errors = wire.personalize.exceptions
    with pytest.raises(errors.InvalidInputException):
        imported(wire, datasets["Users"], "nowhere", "nowhere.csv")
    with pytest.raises(errors.ResourceAlreadyExistsException):
        imported(wire, datasets["Users"], "wrong", "users.csv")


@pytest.mark.parametrize(
    "event",
    [
        {"properties": "no JSON"},
        {"properties": "[1]"},
        {"properties": '{"eventValue": "high"}'},
        {"itemId": "a\nb"},
        {"sentAt": datetime(1980, 1, 1, tzinfo=UTC)},
        {"sentAt": NOW + timedelta(days=2)},
    ],
    ids=["no JSON", "a list", "no number", "no id", "too early", "too late"],
)
def test_one_bad_event_is_told_and_none_is_taken(
    wire: Wire, campaign: str, tracking_id: str, event: dict[str, Any]
) -> None:
    good = {"eventType": "view", "itemId": "coffee 1", "sentAt": NOW}
    before = recommended(wire, campaign, "unlucky")
    with pytest.raises(wire.events.exceptions.InvalidInputException, match=r"eventList\.2"):
        wire.events.put_events(
            trackingId=tracking_id, userId="unlucky", sessionId="s", eventList=[good, good | event]
        )
    assert recommended(wire, campaign, "unlucky") == before


@pytest.mark.parametrize(
    "more",
    [
        {"eventValue": 4.5, "eventId": "e-1", "impression": ["tea 1"], "recommendationId": "RID-1"},
        {"properties": '{"eventValue": 4.5, "colour": "red"}'},
        {"properties": json.dumps('{"quoted": "twice"}')},
        {"metricAttribution": {"eventAttributionSource": "mail"}},
    ],
    ids=str,
)
def test_an_event_may_carry_more(wire: Wire, tracking_id: str, more: dict[str, Any]) -> None:
    put(wire, tracking_id, "somebody", "coffee 0", **more)


def test_events_are_of_their_group_alone(wire: Wire, tracking_id: str) -> None:
    put(wire, tracking_id, "a drinker", "coffee 0")
    with pytest.raises(wire.events.exceptions.InvalidInputException, match="tracking id"):
        put(wire, "somebody else's", "a drinker", "coffee 0")
    put(wire, "pawsonalize", "an adopter", "2-Pug-1-1")  # the group that is there from the start


def test_limits_of_put_events_are_kept(wire: Wire, tracking_id: str) -> None:
    for items, more in (
        (["tea 0"] * 11, {}),
        (["tea 0"], {"properties": json.dumps({"long": "x" * 1024})}),
        (["tea 0"], {"impression": ["x"] * 26}),
        (["x" * 257], {}),
    ):
        with pytest.raises(wire.events.exceptions.InvalidInputException):
            put(wire, tracking_id, "somebody", *items, **more)


def test_items_and_users_are_put_by_their_schema(wire: Wire, datasets: dict[str, str]) -> None:
    wire.events.put_items(
        datasetArn=datasets["Items"], items=[{"itemId": "new", "properties": '{"genre": "tea"}'}]
    )
    wire.events.put_users(
        datasetArn=datasets["Users"], users=[{"userId": "new", "properties": '{"age": 40}'}]
    )
    errors = wire.events.exceptions
    with pytest.raises(errors.InvalidInputException, match=r"items\.2"):
        wire.events.put_items(
            datasetArn=datasets["Items"],
            items=[{"itemId": "new", "properties": '{"genre": "tea"}'}, {"itemId": "other"}],
        )
    with pytest.raises(errors.InvalidInputException):
        wire.events.put_items(datasetArn=datasets["Users"], items=[{"itemId": "new"}])
    with pytest.raises(errors.ResourceNotFoundException):
        wire.events.put_users(
            datasetArn=datasets["Users"].replace("drinks", "nobody"), users=[{"userId": "new"}]
        )


def reading(find: Any, reads: list[str]) -> Any:
    """The same, noting what the thread that answers reads."""

    def noted(self: Registry, kind: type[Any], name: str) -> Any:
        if threading.current_thread().name.endswith("(run)"):
            reads.append(kind.__name__)
        return find(self, kind, name)

    return noted


def test_filters_promotions_and_metadata_shape_the_answer(
    wire: Wire,
    campaign: str,
    ranking: str,
    group: str,
    datasets: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arns = {
        name: wire.personalize.create_filter(
            name=name, datasetGroupArn=group, filterExpression=expression
        )["filterArn"]
        for name, expression in {
            "coffee-only": 'INCLUDE ItemID WHERE Items.GENRE IN ("coffee")',
            "of-a-genre": "INCLUDE ItemID WHERE Items.GENRE IN ($GENRE)",
        }.items()
    }
    described = wire.personalize.describe_filter(filterArn=arns["of-a-genre"])["filter"]
    assert (described["status"], described["datasetGroupArn"]) == ("ACTIVE", group)
    assert "$GENRE" in described["filterExpression"]
    listed = wire.personalize.list_filters(datasetGroupArn=group)["Filters"]
    assert {one["filterArn"] for one in listed} == set(arns.values())

    def genres(**more: Any) -> list[str]:
        answer = wire.runtime.get_recommendations(
            campaignArn=campaign, userId="user 1", metadataColumns={"ITEMS": ["GENRE"]}, **more
        )
        return [item["metadata"]["GENRE"] for item in answer["itemList"]]

    assert set(genres()) == {"tea", "coffee"}
    assert set(genres(filterArn=arns["coffee-only"])) == {"coffee"}
    values = {"GENRE": '"tea"'}
    reads: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(Registry, "find", reading(Registry.find, reads))
        for _ in range(100):
            began = time.monotonic()
            genres()
            reads.clear()
            assert set(genres(filterArn=arns["of-a-genre"], filterValues=values)) == {"tea"}
            if time.monotonic() - began < 1:  # else the limits of the group were read again
                break
    assert set(reads) <= {"Campaign", "Filter", "DatasetSchema"}
    assert len(reads) == len(set(reads)), "no resource is read twice for one answer"
    promotion = {"name": "sale", "percentPromotedItems": 50, "filterArn": arns["coffee-only"]}
    promoted = genres(
        numResults=4, filterArn=arns["of-a-genre"], filterValues=values, promotions=[promotion]
    )
    assert sorted(promoted) == ["coffee", "coffee", "tea", "tea"]
    items = wire.runtime.get_recommendations(
        campaignArn=campaign, userId="user 1", numResults=2, promotions=[promotion]
    )["itemList"]
    assert ["Promoted item"] in [item.get("reason") for item in items]
    ranked = wire.runtime.get_personalized_ranking(
        campaignArn=ranking,
        userId="user 1",
        inputList=["tea 0", "coffee 0"],
        filterArn=arns["coffee-only"],
    )["personalizedRanking"]
    assert [item["itemId"] for item in ranked] == ["coffee 0"]

    invalid = wire.personalize.exceptions.InvalidInputException
    with pytest.raises(invalid):
        wire.personalize.create_filter(
            name="wrong", datasetGroupArn=group, filterExpression="INCLUDE everything"
        )
    wire.personalize.delete_filter(filterArn=arns["coffee-only"])
    with pytest.raises(wire.runtime.exceptions.ResourceNotFoundException):
        genres(filterArn=arns["coffee-only"])
