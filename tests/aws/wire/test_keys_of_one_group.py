"""A key of one dataset group at Amazon's door: it reaches what is in that, and nothing else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from pawsonalize.aws.protocol import operations
from pawsonalize.core import clock
from pawsonalize.core.schemas import DatasetType
from pawsonalize.core.scopes import Scope
from pawsonalize.resources.campaigns import Campaign, Recommender
from pawsonalize.resources.datasets import (
    Dataset,
    DatasetImportJob,
    EventTracker,
    Filter,
    MetricAttribution,
)
from pawsonalize.resources.jobs import (
    BatchInferenceJob,
    BatchSegmentJob,
    DataDeletionJob,
    DatasetExportJob,
)
from pawsonalize.resources.kind import Resource, Status
from pawsonalize.resources.solutions import Cut, Solution, SolutionVersion
from pawsonalize.train.solutions import DatasetGroups
from tests.aws.wire.server import Wire, served
from tests.aws_shapes import ACCOUNT, REGION
from tests.event_data import is_logged

SERVICES = ("personalize", "personalize-events", "personalize-runtime")


def arn(kind: str, name: str) -> str:
    return f"arn:aws:personalize:{REGION}:{ACCOUNT}:{kind}/{name}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    with opened(Settings(data_dir=folder)) as adapters:
        now = clock.now()
        for name in ("ours", "theirs"):
            DatasetGroups(adapters.registry).create(name, now)
            solution = Solution(name=name, dataset_group=name, recipe="popularity-count")
            adapters.registry.create(solution, now)
            adapters.registry.create(Campaign(name=name, solution=name), now)
            tracker = EventTracker(name=name, dataset_group=name, tracking_id=name)
            adapters.registry.create(tracker, now)
            one = Filter(name=name, dataset_group=name, expression="x")
            adapters.registry.create(one, now)
        for resource in others_of("theirs", now):
            adapters.registry.create(resource, now)
    return folder


def others_of(group: str, now: int) -> Iterator[Resource]:
    """One resource of each other kind, in the dataset group of that name."""
    ready: dict[str, Any] = {"status": Status.ACTIVE}
    recipe, version = "popularity-count", f"{group}-1"
    cut = Cut(log_offset=0, as_of=now)
    yield SolutionVersion(name=version, solution=group, recipe=recipe, cut=cut, **ready)
    of_type: dict[str, Any] = {"dataset_type": DatasetType.ITEMS, "schema": "pawsonalize-items"}
    yield Dataset(name=(items := f"{group}-items"), dataset_group=group, **of_type)
    yield Recommender(name=group, dataset_group=group, recipe=recipe, **ready)
    yield MetricAttribution(name=group, dataset_group=group, metrics=())
    yield DatasetImportJob(name=group, dataset=items, source="a")
    yield DatasetExportJob(name=group, dataset=items, target="a", **ready)
    yield DataDeletionJob(name=group, dataset_group=group, **ready)
    for kind in (BatchInferenceJob, BatchSegmentJob):
        yield kind(name=group, solution_version=version, source="a", target="b", **ready)


@pytest.fixture(scope="module")
def wire(folder: Path) -> Iterator[Wire]:
    with served(folder, aws_signatures="required") as running:
        yield running


@pytest.fixture(scope="module")
def clients(wire: Wire, folder: Path) -> dict[str, Any]:
    """The clients of a key for the dataset group `ours`, by their services."""
    settings = Settings(data_dir=folder)
    with opened(settings) as adapters:
        scopes = [Scope.CONTROL_PLANE, Scope.EVENTS, Scope.RUNTIME]
        key, secret = adapters.access_keys.create(scopes, "", clock.now(), dataset_group="ours")
    return {
        name: boto3.client(
            name,
            endpoint_url=wire.url,
            aws_access_key_id=key.name,
            aws_secret_access_key=secret,
            region_name=REGION,
            config=Config(
                retries={"total_max_attempts": 1}, proxies={}, parameter_validation=False
            ),
        )
        for name in SERVICES
    }


def error_of(call: Any, **asked: Any) -> dict[str, str]:
    with pytest.raises(ClientError) as error:
        call(**asked)
    said: dict[str, str] = error.value.response["Error"]
    return said


def refused(call: Any, **asked: Any) -> str:
    return error_of(call, **asked)["Code"]


EVENT = {"eventType": "view", "sentAt": 1_779_019_200, "itemId": "x", "eventId": "e1"}
FOREIGN: dict[str, Any] = {
    "datasetGroupArn": arn("dataset-group", "theirs"),
    "solutionArn": arn("solution", "theirs"),
    "solutionVersionArn": arn("solution", "theirs/theirs-1"),
    "campaignArn": arn("campaign", "theirs"),
    "eventTrackerArn": arn("event-tracker", "theirs"),
    "filterArn": arn("filter", "theirs"),
    "datasetArn": arn("dataset", "theirs/ITEMS"),
    "recommenderArn": arn("recommender", "theirs"),
    "metricAttributionArn": arn("metric-attribution", "theirs"),
    "datasetImportJobArn": arn("dataset-import-job", "theirs"),
    "datasetExportJobArn": arn("dataset-export-job", "theirs"),
    "dataDeletionJobArn": arn("data-deletion-job", "theirs"),
    "batchInferenceJobArn": arn("batch-inference-job", "theirs"),
    "batchSegmentJobArn": arn("batch-segment-job", "theirs"),
    "schemaArn": arn("schema", "pawsonalize-items"),
    "resourceArn": arn("dataset-group", "theirs"),
    "trackingId": "theirs",
    "roleArn": "arn:aws:iam::123456789012:role/anybody",
    "recipeArn": "arn:aws:personalize:::recipe/aws-popularity-count",
    "path": "s3://bucket/file",
    "datasetType": "Items",
}
PUBLIC = {"ListRecipes", "DescribeRecipe", "DescribeAlgorithm", "DescribeFeatureTransformation"}


def example(shape: Any) -> Any:
    """Something of the shape, with names of another dataset group's resources in it."""
    if shape.type_name == "structure":
        wanted = set(shape.required_members) | (FOREIGN.keys() & shape.members.keys())
        return {
            name: FOREIGN.get(name) or example(member)
            for name, member in shape.members.items()
            if name in wanted
        }
    if shape.type_name == "list":
        return [example(shape.member)]
    if shape.type_name == "map":
        return {"a": "b"}
    simple = {"integer": 1, "long": 1, "float": 1.0, "boolean": True, "timestamp": 1_779_019_200}
    return simple.get(shape.type_name, next(iter(shape.metadata.get("enum", [])), "abc123"))


@pytest.mark.parametrize("operation", sorted(operations()))
def test_no_operation_reaches_another_dataset_group(
    clients: dict[str, Any], operation: str
) -> None:
    if operation in PUBLIC:
        return
    client = clients[operations()[operation].service]
    model = client.meta.service_model.operation_model(operation)
    asked = example(model.input_shape) if model.input_shape else {}
    method = next(
        name for name, one in client.meta.method_to_api_mapping.items() if one == operation
    )
    call = getattr(client, method)
    nowhere = json.loads(json.dumps(asked).replace("theirs", "nowhere"))
    said = [error_of(call, **given) for given in (asked, nowhere)]
    assert said[0]["Code"] == "AccessDeniedException"
    assert said[0] == said[1], "it told that there is such a thing"


def test_it_reaches_what_is_in_its_own(clients: dict[str, Any]) -> None:
    events, control = clients["personalize-events"], clients["personalize"]
    events.put_events(trackingId="ours", sessionId="s", userId="ann", eventList=[EVENT])
    found = control.describe_campaign(campaignArn=arn("campaign", "ours"))["campaign"]
    assert found["name"] == "ours"
    listed = control.list_solutions(datasetGroupArn=arn("dataset-group", "ours"))["solutions"]
    assert [one["name"] for one in listed] == ["ours"]
    assert control.list_recipes()["recipes"]


def test_one_foreign_name_among_its_own_is_enough_to_be_refused(clients: dict[str, Any]) -> None:
    code = refused(
        clients["personalize-runtime"].get_recommendations,
        campaignArn=arn("campaign", "ours"),
        userId="ann",
        promotions=[
            {"name": "p", "percentPromotedItems": 10, "filterArn": arn("filter", "theirs")}
        ],
    )
    assert code == "AccessDeniedException"


def test_a_list_of_everything_is_refused(clients: dict[str, Any]) -> None:
    assert refused(clients["personalize"].list_solutions) == "AccessDeniedException"


def test_put_events_above_the_limit_is_throttled_whole(
    wire: Wire, clients: dict[str, Any], folder: Path
) -> None:
    with opened(Settings(data_dir=folder)) as adapters:
        DatasetGroups(adapters.registry).create("small", clock.now(), {"events_per_day": 3})
        tracker = EventTracker(name="small", dataset_group="small", tracking_id="small")
        adapters.registry.create(tracker, clock.now())
        key, secret = adapters.access_keys.create(
            [Scope.EVENTS], "", clock.now(), dataset_group="small"
        )
    events = boto3.client(
        "personalize-events",
        endpoint_url=wire.url,
        aws_access_key_id=key.name,
        aws_secret_access_key=secret,
        region_name=REGION,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )

    def put(*ids: str) -> None:
        sent = [{**EVENT, "eventId": one} for one in ids]
        events.put_events(trackingId="small", sessionId="s", userId="ann", eventList=sent)

    put("1", "2")
    with pytest.raises(ClientError, match="3 events a day") as error:
        put("3", "4")
    assert error.value.response["Error"]["Code"] == "ThrottlingException"
    put("3")
    with opened(Settings(data_dir=folder)) as adapters:
        log = adapters.log.of("small")
        assert [is_logged(log, one) for one in "1234"] == [True, True, True, False]
        DatasetGroups(adapters.registry).change("small", {"events_per_day": None}, clock.now())
