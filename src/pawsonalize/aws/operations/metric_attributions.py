"""Metric attributions."""

from collections.abc import Mapping
from typing import Any

from pawsonalize.aws.operations.pages import part_of
from pawsonalize.aws.protocol.errors import INVALID_INPUT, AwsError
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.kinds.group_resources import AttributedMetric, MetricAttribution


def create_metric_attribution(services: AwsServices, members: Members) -> Answer:
    """Adds up events by source or recommending solution; reports as CSV every hour, if asked to."""
    group = services.resource(DatasetGroup, members["datasetGroupArn"])
    attribution = MetricAttribution(
        name=members["name"],
        dataset_group=group.name,
        metrics=_metrics(members["metrics"]),
        **_output(members["metricsOutputConfig"]),
    )
    created = services.attributions.create(attribution, services.now())
    return {"metricAttributionArn": services.arns.of(created)}


def list_metric_attribution_metrics(services: AwsServices, members: Members) -> Answer:
    """Lists the metrics of a metric attribution, or of all."""
    if "metricAttributionArn" in members:
        found = [services.resource(MetricAttribution, members["metricAttributionArn"])]
    else:
        found = list(services.registry.all(MetricAttribution))
    metrics = [metric for attribution in found for metric in attribution.metrics]
    shown, token = part_of(metrics, members)
    return {
        "metrics": [
            {"metricName": one.name, "eventType": one.event_type, "expression": one.expression}
            for one in shown
        ],
        "nextToken": token,
    }


def update_metric_attribution(services: AwsServices, members: Members) -> Answer:
    """Adds and removes metrics, or reports elsewhere, from the next report on."""
    if "metricAttributionArn" not in members:
        raise AwsError(INVALID_INPUT, "metricAttributionArn is missing: send it")
    name = services.arns.name(members["metricAttributionArn"], MetricAttribution)
    changes = _output(members["metricsOutputConfig"]) if "metricsOutputConfig" in members else {}
    updated = services.attributions.update(
        name,
        services.now(),
        add=_metrics(members.get("addMetrics", ())),
        remove=members.get("removeMetrics", ()),
        **changes,
    )
    return {"metricAttributionArn": services.arns.of(updated)}


def _metrics(given: Any) -> tuple[AttributedMetric, ...]:
    return tuple(
        AttributedMetric(one["metricName"], one["eventType"], one["expression"]) for one in given
    )


def _output(config: Mapping[str, Any]) -> dict[str, Any]:
    target = config.get("s3DataDestination", {}).get("path")
    return {"target": target, "asked": {"metricsOutputConfig": config}}


OPERATIONS = {
    "CreateMetricAttribution": create_metric_attribution,
    "ListMetricAttributionMetrics": list_metric_attribution_metrics,
    "UpdateMetricAttribution": update_metric_attribution,
}
