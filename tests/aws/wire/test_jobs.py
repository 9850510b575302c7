"""Batch jobs, exports and deletions by boto3: what they write, and what they refuse."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.aws.wire.made import NOT_LEARNT, ROLE, imported, trained
from tests.aws.wire.server import GROUP, Wire, served
from tests.aws.wire.waiting import settled
from tests.service_data import CATS, DOGS, make_service


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that stands for s3://bucket."""
    folder = tmp_path_factory.mktemp("s3") / "bucket"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory, bucket: Path) -> Iterator[Wire]:
    """A service where cat people saw cats and dog people saw dogs."""
    folder = tmp_path_factory.mktemp("data")
    make_service(folder, train=False)
    with served(folder, s3_root=str(bucket.parent)) as running:
        yield running


@pytest.fixture(scope="module")
def segmentation(wire: Wire) -> str:
    """A version of a recipe that makes segments."""
    return trained(wire, "segments", "aws-item-affinity", solutionConfig=NOT_LEARNT)


@pytest.fixture(scope="module")
def personal(wire: Wire) -> str:
    """A version of a recipe that needs a user."""
    return trained(wire, "personal", "aws-user-personalization", solutionConfig=NOT_LEARNT)


@pytest.fixture(scope="module")
def similar(wire: Wire) -> str:
    """A version of a recipe that needs an item."""
    return trained(wire, "similar", "aws-similar-items")


def places(name: str) -> dict[str, Any]:
    return {
        "jobInput": {"s3DataSource": {"path": f"s3://bucket/in/{name}.json"}},
        "jobOutput": {"s3DataDestination": {"path": f"s3://bucket/out/{name}/"}},
        "roleArn": ROLE,
    }


def write(bucket: Path, name: str, *lines: Any) -> None:
    path = bucket / "in" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text("\n".join(texts) + "\n")


def written(bucket: Path, name: str) -> list[dict[str, Any]]:
    text = (bucket / "out" / name / f"{name}.json.out").read_text()
    return [json.loads(line) for line in text.splitlines()]


def inferred(wire: Wire, name: str, solution_version: str, **more: Any) -> dict[str, Any]:
    arn = wire.personalize.create_batch_inference_job(
        jobName=name, solutionVersionArn=solution_version, **places(name), **more
    )["batchInferenceJobArn"]
    return settled(wire.personalize.describe_batch_inference_job, batchInferenceJobArn=arn)


def test_users_of_a_file_are_answered_in_its_order_and_a_bad_line_costs_itself(
    wire: Wire, bucket: Path, personal: str
) -> None:
    write(bucket, "users", {"userId": "seed 0"}, "no JSON", {"itemId": "x"}, {"userId": "seed 1"})
    job = inferred(wire, "users", personal, numResults=3)
    assert job["status"] == "ACTIVE", job
    assert job["numResults"] == 3
    cats, broken, without_user, dogs = written(bucket, "users")
    assert cats["input"] == {"userId": "seed 0"}
    assert cats["error"] is None
    assert set(cats["output"]["recommendedItems"]) <= set(CATS)
    assert cats["output"]["scores"] == sorted(cats["output"]["scores"], reverse=True)
    assert set(dogs["output"]["recommendedItems"]) <= set(DOGS)
    assert "JSON" in broken["error"]
    assert "userId" in without_user["error"]
    listed = wire.personalize.list_batch_inference_jobs(solutionVersionArn=personal)
    assert [one["jobName"] for one in listed["batchInferenceJobs"]] == ["users"]


def test_items_of_a_file_are_answered_with_what_is_like_them_through_a_filter(
    wire: Wire, bucket: Path, similar: str
) -> None:
    chosen = wire.personalize.create_filter(
        name="breed",
        datasetGroupArn=GROUP,
        filterExpression="INCLUDE ItemID WHERE Items.ANIMAL_BREED IN ($BREED)",
    )["filterArn"]
    write(bucket, "items", {"itemId": CATS[0], "filterValues": {"BREED": '"Manx"'}})
    assert inferred(wire, "items", similar, filterArn=chosen)["filterArn"] == chosen
    (answer,) = written(bucket, "items")
    assert set(answer["output"]["recommendedItems"]) <= {item for item in CATS if "Manx" in item}
    assert "scores" not in answer["output"]


def test_the_best_users_of_an_item_and_of_an_attribute_are_those_who_saw_it(
    wire: Wire, bucket: Path, segmentation: str
) -> None:
    attributes = {"itemAttributes": 'ITEMS.ANIMAL_TYPE = "2"'}
    write(bucket, "segments", {"itemId": CATS[0]}, attributes, {"itemId": "nothing"})
    arn = wire.personalize.create_batch_segment_job(
        jobName="segments", solutionVersionArn=segmentation, numResults=10, **places("segments")
    )["batchSegmentJobArn"]
    job = settled(wire.personalize.describe_batch_segment_job, batchSegmentJobArn=arn)
    assert job["status"] == "ACTIVE", job
    of_cat, of_dogs, of_nothing = written(bucket, "segments")
    cat_people = {f"seed {user}" for user in range(0, 20, 2)}
    dog_people = {f"seed {user}" for user in range(1, 20, 2)}
    assert set(of_cat["output"]["recommendedUsers"]) == cat_people
    assert set(of_dogs["output"]["recommendedUsers"]) == dog_people
    assert "nothing" in of_nothing["error"]
    listed = wire.personalize.list_batch_segment_jobs()["batchSegmentJobs"]
    assert [one["jobName"] for one in listed] == ["segments"]


def test_what_a_batch_cannot_do_is_refused(wire: Wire, bucket: Path, similar: str) -> None:
    write(bucket, "refused", {"itemId": CATS[0]})
    asked = {"jobName": "refused", "solutionVersionArn": similar, **places("refused")}
    errors = wire.personalize.exceptions
    with pytest.raises(errors.InvalidInputException, match="themes"):
        wire.personalize.create_batch_inference_job(
            **asked, batchInferenceJobMode="THEME_GENERATION"
        )
    with pytest.raises(errors.InvalidInputException, match="USER_SEGMENTATION"):
        wire.personalize.create_batch_segment_job(**asked)
    with pytest.raises(errors.InvalidInputException, match="numResults"):
        wire.personalize.create_batch_inference_job(**asked, numResults=501)
    nowhere = {"s3DataSource": {"path": "s3://bucket/nowhere.json"}}
    with pytest.raises(errors.InvalidInputException, match="nowhere"):
        wire.personalize.create_batch_inference_job(**{**asked, "jobInput": nowhere})
    elsewhere = {"s3DataDestination": {"path": "file:///elsewhere/"}}
    with pytest.raises(errors.InvalidInputException, match="export_roots"):
        wire.personalize.create_batch_inference_job(**{**asked, "jobOutput": elsewhere})
    with pytest.raises(errors.ResourceNotFoundException):
        wire.personalize.create_batch_inference_job(
            **{**asked, "solutionVersionArn": f"{similar}x"}
        )


def test_a_job_of_which_no_line_is_good_has_failed(wire: Wire, bucket: Path, similar: str) -> None:
    write(bucket, "bad", "nothing")
    job = inferred(wire, "bad", similar)
    assert job["status"] == "CREATE FAILED"
    assert "JSON" in job["failureReason"]
    assert "JSON" in written(bucket, "bad")[0]["error"]


def exported(wire: Wire, bucket: Path, dataset: str, name: str, **more: Any) -> list[list[str]]:
    arn = wire.personalize.create_dataset_export_job(
        jobName=name,
        datasetArn=dataset,
        roleArn=ROLE,
        jobOutput={"s3DataDestination": {"path": "s3://bucket/exports"}},
        **more,
    )["datasetExportJobArn"]
    job = settled(wire.personalize.describe_dataset_export_job, datasetExportJobArn=arn)
    assert job["status"] == "ACTIVE", job
    (path,) = (bucket / "exports" / name).iterdir()
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_an_export_imported_elsewhere_is_exported_the_same(wire: Wire, bucket: Path) -> None:
    dataset = f"{GROUP.replace('dataset-group', 'dataset')}/INTERACTIONS"
    event = {"itemId": CATS[0], "sentAt": datetime.now(UTC), "eventType": "view"}
    user = "=HYPERLINK(1)"
    wire.events.put_events(trackingId="pawsonalize", sessionId="s", userId=user, eventList=[event])
    first = exported(wire, bucket, dataset, "first", ingestionMode="ALL")
    assert f"'{user}" in {row[first[0].index("USER_ID")] for row in first}, "no formula"
    assert len(first) > 20
    moments = [row[first[0].index("TIMESTAMP")] for row in first[1:]]
    assert {len(one) for one in moments} == {10}, "seconds, also of events with milliseconds"
    assert exported(wire, bucket, dataset, "imported", ingestionMode="BULK") == first[:1]
    group = wire.personalize.create_dataset_group(name="copy")["datasetGroupArn"]
    copy = wire.personalize.create_dataset(
        name="copy",
        datasetType="Interactions",
        datasetGroupArn=group,
        schemaArn=f"{GROUP.replace('dataset-group', 'schema')}-interactions",
    )["datasetArn"]
    imported(wire, copy, "copy", "exports/first")
    assert exported(wire, bucket, copy, "again", ingestionMode="BULK") == first
    items = f"{GROUP.replace('dataset-group', 'dataset')}/ITEMS"
    rows = exported(wire, bucket, items, "items", ingestionMode="ALL")
    assert len(rows) == len(CATS) + len(DOGS) + 2
    by_import = exported(wire, bucket, items, "imported-items", ingestionMode="BULK")
    put = exported(wire, bucket, items, "put-items", ingestionMode="PUT")
    assert (by_import, put) == (rows[:1], rows), "the fixture puts them one by one"
    listed = wire.personalize.list_dataset_export_jobs(datasetArn=items)["datasetExportJobs"]
    assert {one["jobName"] for one in listed} == {"items", "imported-items", "put-items"}


def test_users_of_a_file_are_erased(wire: Wire, bucket: Path) -> None:
    dataset = f"{GROUP.replace('dataset-group', 'dataset')}/INTERACTIONS"
    (bucket / "gone.csv").write_text("USER_ID\nseed 4\nseed 5\nnobody\n")
    arn = wire.personalize.create_data_deletion_job(
        jobName="gone",
        datasetGroupArn=GROUP,
        roleArn=ROLE,
        dataSource={"dataLocation": "s3://bucket/gone.csv"},
    )["dataDeletionJobArn"]
    while True:
        job = wire.personalize.describe_data_deletion_job(dataDeletionJobArn=arn)["dataDeletionJob"]
        if job["status"] not in {"PENDING", "IN_PROGRESS"}:
            break
    assert job["status"] == "COMPLETED", job
    assert job["numDeleted"] == 5  # three views of cats and two of dogs
    left = {row[0] for row in exported(wire, bucket, dataset, "left", ingestionMode="ALL")}
    assert "seed 6" in left
    assert not {"seed 4", "seed 5"} & left
    listed = wire.personalize.list_data_deletion_jobs(datasetGroupArn=GROUP)["dataDeletionJobs"]
    assert [one["jobName"] for one in listed] == ["gone"]
    errors = wire.personalize.exceptions
    with pytest.raises(errors.InvalidInputException):
        wire.personalize.create_data_deletion_job(
            jobName="x", datasetGroupArn=GROUP, roleArn=ROLE, dataSource={}
        )
