"""Jobs on buckets of S3, which is reached as boto3 reaches it."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tests.aws.wire import made
from tests.aws.wire.server import Wire, served
from tests.aws.wire.waiting import settled

ROLE = "arn:aws:iam::123456789012:role/reader"


@pytest.fixture
def wire(
    aws: None, aws_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Wire]:
    """A service with a dataset group, and an S3 that is named as boto3 knows it."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", aws_url)
    s3 = boto3.client("s3")
    place = {"LocationConstraint": "eu-west-1"}
    if not s3.list_buckets(Prefix="jobs-of-the-wire")["Buckets"]:
        s3.create_bucket(Bucket="jobs-of-the-wire", CreateBucketConfiguration=place)
    s3.put_object(
        Bucket="jobs-of-the-wire", Key="in/items.csv", Body=b"ITEM_ID,COLOUR\ntea,green\n"
    )
    with served(tmp_path) as running:
        made.shop(running)
        yield running


def imported(wire: Wire, name: str, location: str) -> dict[str, str]:
    personalize = wire.personalize
    (dataset,) = [one for one in personalize.list_datasets()["datasets"] if one["name"] == "Items"]
    job = personalize.create_dataset_import_job(
        jobName=name,
        datasetArn=dataset["datasetArn"],
        dataSource={"dataLocation": location},
        roleArn=ROLE,
    )["datasetImportJobArn"]
    return settled(personalize.describe_dataset_import_job, datasetImportJobArn=job)


def exported(wire: Wire, name: str, location: str) -> dict[str, str]:
    personalize = wire.personalize
    (dataset,) = [one for one in personalize.list_datasets()["datasets"] if one["name"] == "Items"]
    job = personalize.create_dataset_export_job(
        jobName=name,
        datasetArn=dataset["datasetArn"],
        ingestionMode="ALL",
        jobOutput={"s3DataDestination": {"path": location}},
        roleArn=ROLE,
    )["datasetExportJobArn"]
    return settled(personalize.describe_dataset_export_job, datasetExportJobArn=job)


def test_a_bucket_that_is_not_there_fails_the_job_and_not_the_call(wire: Wire) -> None:
    reason = "NoSuchBucket: The specified bucket does not exist: s3://nobody"
    for number, path in enumerate(("", "in/", "in/items.csv")):
        job = imported(wire, f"missing-{number}", f"s3://nobody/{path}")
        assert job["status"] == "CREATE FAILED", path
        assert job["failureReason"].startswith(reason), path
    job = exported(wire, "missing", "s3://nobody/out/")
    assert job["status"] == "CREATE FAILED"
    assert job["failureReason"].startswith(reason)


def test_an_address_without_tls_is_used_if_the_environment_names_it(wire: Wire) -> None:
    assert imported(wire, "plain", "s3://jobs-of-the-wire/in/")["status"] == "ACTIVE"
    assert exported(wire, "plain", "s3://jobs-of-the-wire/out/")["status"] == "ACTIVE"
    written = boto3.client("s3").get_object(
        Bucket="jobs-of-the-wire", Key="out/plain/shop-items.csv"
    )
    assert written["Body"].read().split() == [b"ITEM_ID,COLOUR", b"tea,green"]


def test_a_location_names_no_endpoint(wire: Wire) -> None:
    refused = pytest.raises(wire.personalize.exceptions.InvalidInputException, match="AWS_ENDPOINT")
    with refused:
        imported(wire, "endpoint", "s3://jobs-of-the-wire/in/?endpoint=http://127.0.0.1")
    with refused:
        exported(wire, "endpoint", "s3://jobs-of-the-wire/out/?endpoint=http://127.0.0.1")
