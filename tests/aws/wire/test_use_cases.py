"""The ten use cases of Amazon's domains by boto3, each row of `use_cases.toml` by its promises."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from pawsonalize.aws.recipes import DOMAIN_RECIPES, AwsRecipe
from tests.aws.wire.server import Wire, served
from tests.aws.wire.waiting import settled
from tests.aws_shapes import ARN

NOW = datetime.now(UTC).replace(microsecond=0)
TYPES = {"ECOMMERCE": ("View", "Purchase"), "VIDEO_ON_DEMAND": ("Watch",)}
# 20 users had milk once each; 5 of them had bread 5 times each, which is more often, by fewer.
USERS, OFTEN = 20, 5


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A service where every use case has a recommender."""
    with served(tmp_path_factory.mktemp("data")) as running:
        for domain, types in TYPES.items():
            _group(running, domain, types)
        for arn in [_recommender(running, use_case) for use_case in DOMAIN_RECIPES.values()]:
            found = settled(running.personalize.describe_recommender, recommenderArn=arn)
            assert found["status"] == "ACTIVE", found
        yield running


def _name(use_case: AwsRecipe) -> str:
    return use_case.name.removeprefix("aws-")


def _group(wire: Wire, domain: str, types: tuple[str, ...]) -> None:
    name = domain.lower().replace("_", "-")
    group = wire.personalize.create_dataset_group(name=name, domain=domain)["datasetGroupArn"]
    tracker = wire.personalize.create_event_tracker(name=name, datasetGroupArn=group)
    for user in range(USERS):
        often = ["bread"] * 5 if user < OFTEN else []
        listed = [(kind, ["tea", "milk", *often]) for kind in types] + [("Click", ["soap"] * 8)]
        for kind, items in listed:
            wire.events.put_events(
                trackingId=tracker["trackingId"],
                userId=f"user {user}",
                sessionId=f"session {user}",
                eventList=[{"eventType": kind, "itemId": one, "sentAt": NOW} for one in items],
            )


def _recommender(wire: Wire, use_case: AwsRecipe) -> str:
    assert use_case.domain is not None
    group = use_case.domain.lower().replace("_", "-")
    arn: str = wire.personalize.create_recommender(
        name=_name(use_case),
        datasetGroupArn=ARN.format("dataset-group", group),
        recipeArn=f"arn:aws:personalize:::recipe/{use_case.name}",
    )["recommenderArn"]
    return arn


def _asked(wire: Wire, use_case: AwsRecipe, **members: Any) -> list[str]:
    arn = ARN.format("recommender", _name(use_case))
    answer = wire.runtime.get_recommendations(recommenderArn=arn, **members)
    return [one["itemId"] for one in answer["itemList"]]


def test_all_ten_use_cases_of_both_domains_are_there(wire: Wire) -> None:
    for domain in TYPES:
        assert len(wire.personalize.list_recipes(domain=domain)["recipes"]) == 5


@pytest.mark.parametrize("use_case", DOMAIN_RECIPES.values(), ids=lambda one: one.title)
def test_a_use_case_keeps_what_amazon_promises(wire: Wire, use_case: AwsRecipe) -> None:
    needed = {"userId": "somebody new", "itemId": "tea"}
    needed = {name: value for name, value in needed.items() if name in use_case.requires}
    for name in needed:
        with pytest.raises(ClientError, match=f"{name} is missing"):
            _asked(wire, use_case, **{one: needed[one] for one in needed if one != name})
    listed = _asked(wire, use_case, **needed)
    assert {"milk", "bread"} <= set(listed), "nobody new has had anything"

    of_a_buyer = _asked(wire, use_case, **(needed | {"userId": "user 0"}))
    if use_case.leaves_out is None:
        assert {"milk", "bread"} <= set(of_a_buyer)
    else:
        assert set(of_a_buyer) == set(listed) - {"tea", "milk", "bread"}, "user 0 had all three"

    solution = httpx.get(wire.url.replace("/aws", f"/v1/solutions/{_name(use_case)}-recommender"))
    learned = [one["eventType"] for one in solution.json()["events"]]
    assert learned == ([] if use_case.learns_from is None else [use_case.learns_from])


@pytest.mark.parametrize(
    ("title", "first"),
    [("Best sellers", "bread"), ("Most viewed", "bread"), ("Most popular", "milk")],
)
def test_sellers_and_views_are_counted_and_watched_videos_by_their_users(
    wire: Wire, title: str, first: str
) -> None:
    use_case = next(one for one in DOMAIN_RECIPES.values() if one.title == title)
    listed = [one for one in _asked(wire, use_case, userId="somebody new") if one != "tea"]
    assert listed[0] == first


def test_a_filter_about_the_user_needs_one_even_where_the_use_case_does_not(wire: Wire) -> None:
    trending = DOMAIN_RECIPES["aws-vod-trending-now"]
    group = ARN.format("dataset-group", "video-on-demand")
    unseen = wire.personalize.create_filter(
        name="unseen",
        datasetGroupArn=group,
        filterExpression='EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("Watch")',
    )["filterArn"]
    with pytest.raises(ClientError, match="userId is missing: the filter"):
        _asked(wire, trending, filterArn=unseen)
    assert "milk" not in _asked(wire, trending, filterArn=unseen, userId="user 0")
