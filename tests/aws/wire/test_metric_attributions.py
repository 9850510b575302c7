"""Metric attributions by boto3: events are added up by their source, and reported once."""

import csv
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.aws.wire.server import GROUP, Wire, served

NOW = datetime.now(UTC).replace(microsecond=0)
ROLE = "arn:aws:iam::123456789012:role/writer"
COUNTED = {"eventType": "view", "metricName": "views", "expression": "SAMPLECOUNT()"}
SUMMED = {
    "eventType": "apply",
    "metricName": "value",
    "expression": "SUM(Interactions.EVENT_VALUE)",
}


@pytest.fixture(scope="module")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s3")


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory, buckets: Path) -> Iterator[Wire]:
    """A service that reports as soon as there is something to report."""
    folder = tmp_path_factory.mktemp("data")
    with served(folder, s3_root=str(buckets), attribution_seconds=0.05) as running:
        yield running


def create(wire: Wire, name: str, *metrics: dict[str, str], path: str = "s3://bucket/m") -> str:
    output = {"s3DataDestination": {"path": path}, "roleArn": ROLE}
    arn: str = wire.personalize.create_metric_attribution(
        name=name, datasetGroupArn=GROUP, metrics=list(metrics), metricsOutputConfig=output
    )["metricAttributionArn"]
    return arn


def rows(buckets: Path, least: int) -> list[dict[str, str]]:
    """The rows of all reports, as soon as there are so many."""
    deadline = time.monotonic() + 120
    while True:
        found = []
        for report in sorted((buckets / "bucket" / "m" / "all").glob("*.csv")):
            with report.open(newline="") as file:
                found += list(csv.DictReader(file))
        if len(found) >= least or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def test_events_are_added_up_by_source_and_reported_once(wire: Wire, buckets: Path) -> None:
    arn = create(wire, "all", COUNTED, SUMMED)
    mail: dict[str, Any] = {"metricAttribution": {"eventAttributionSource": "=mail(1)"}}
    event = {"itemId": "2-Pug-1-1", "sentAt": NOW, "eventType": "view"}
    applied = event | {"eventType": "apply", "eventValue": 2.5} | mail
    events = [event | mail, event | mail, event, applied, applied]
    wire.events.put_events(trackingId="pawsonalize", sessionId="s", userId="u", eventList=events)
    found = {(row["METRIC_NAME"], row["VALUE"]): row for row in rows(buckets, 2)}
    assert set(found) == {("views", "2"), ("value", "5")}
    summed = found["value", "5"]
    assert summed["EVENT_TYPE"] == "apply"
    assert summed["MATH_FUNCTION"] == "SUM"
    assert summed["EVENT_ATTRIBUTION_SOURCE"] == "'=mail(1)", "no formula"
    wire.events.put_events(trackingId="pawsonalize", sessionId="s", eventList=[event | mail])
    assert [row["VALUE"] for row in rows(buckets, 3) if row["METRIC_NAME"] == "views"] == ["2", "1"]

    listed = wire.personalize.list_metric_attribution_metrics(metricAttributionArn=arn)["metrics"]
    assert listed == [COUNTED, SUMMED]
    wire.personalize.update_metric_attribution(metricAttributionArn=arn, removeMetrics=["value"])
    page = wire.personalize.list_metric_attribution_metrics(metricAttributionArn=arn, maxResults=1)
    assert page["metrics"] == [COUNTED]
    described = wire.personalize.describe_metric_attribution(metricAttributionArn=arn)
    assert described["metricAttribution"]["status"] == "ACTIVE"
    found_ones = wire.personalize.list_metric_attributions(datasetGroupArn=GROUP)
    assert [one["name"] for one in found_ones["metricAttributions"]] == ["all"]

    errors = wire.personalize.exceptions
    with pytest.raises(errors.InvalidInputException, match="no metric value"):
        wire.personalize.update_metric_attribution(
            metricAttributionArn=arn, removeMetrics=["value"]
        )
    with pytest.raises(errors.LimitExceededException):
        create(wire, "second", COUNTED)
    wire.personalize.delete_metric_attribution(metricAttributionArn=arn)
    with pytest.raises(errors.ResourceNotFoundException):
        wire.personalize.describe_metric_attribution(metricAttributionArn=arn)


@pytest.mark.parametrize(
    ("metrics", "path"),
    [
        ([COUNTED | {"expression": "AVG(Interactions.EVENT_VALUE)"}], "s3://bucket/m"),
        ([COUNTED, COUNTED], "s3://bucket/m"),
        ([COUNTED], "file:///elsewhere"),
    ],
    ids=["expression", "twice", "place"],
)
def test_what_cannot_be_measured_is_refused(
    wire: Wire, metrics: list[dict[str, str]], path: str
) -> None:
    with pytest.raises(wire.personalize.exceptions.InvalidInputException):
        create(wire, "refused", *metrics, path=path)
