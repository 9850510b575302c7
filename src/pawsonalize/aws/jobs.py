"""Jobs of files, metric attributions, and other schemas of datasets."""

from typing import Any

import msgspec

from pawsonalize.aws.campaigns import exploration_of, influence_of
from pawsonalize.aws.recipes import SEGMENTATION, recipe_arn, recipe_of
from pawsonalize.aws.resources import by_name, operations_of, part_of
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.aws.strict import check_deploys, check_domain, check_schema
from pawsonalize.core.errors import InvalidInput
from pawsonalize.resources.catalogue import KINDS
from pawsonalize.resources.datasets import (
    AttributedMetric,
    Dataset,
    DatasetGroup,
    DatasetImportJob,
    DatasetSchema,
    MetricAttribution,
)
from pawsonalize.resources.jobs import BatchInferenceJob, BatchSegmentJob
from pawsonalize.resources.kind import Status, Values
from pawsonalize.resources.solutions import SolutionVersion

_MODE = "BATCH_INFERENCE"


def update_dataset(services: AwsServices, members: Members) -> Answer:
    """Gives a dataset another schema of its type, which the next import reads by."""
    dataset = services.resource(Dataset, members["datasetArn"])
    schema = services.resource(DatasetSchema, members["schemaArn"])
    check_domain(services, schema, dataset.dataset_group)
    now, arn = services.now(), members["schemaArn"]
    moments = {"creationDateTime": now, "lastUpdatedDateTime": now}
    update = {"schemaArn": arn, "status": Status.ACTIVE, **moments}
    extras = {**dataset.extras, "latestDatasetUpdate": update}
    changed = msgspec.structs.replace(dataset, schema=schema.name, extras=extras)
    return {"datasetArn": services.arns.of(services.datasets.update(changed, now))}


def _schema_fields(services: AwsServices, members: Members) -> Values:
    check_schema(services, members["schema"], members.get("domain"))
    return {}


def _dataset_fields(services: AwsServices, members: Members) -> Values:
    group = services.arns.name(members["datasetGroupArn"], DatasetGroup)
    check_domain(services, services.resource(DatasetSchema, members["schemaArn"]), group)
    return {}


def _import_fields(_services: AwsServices, members: Members) -> Values:
    if members.get("publishAttributionMetricsToS3"):
        raise InvalidInput("this service does not publish attribution metrics yet")
    return {}


def _inference_fields(services: AwsServices, members: Members) -> Values:
    check_deploys(services, services.resource(SolutionVersion, members["solutionVersionArn"]))
    if members.get("batchInferenceJobMode", _MODE) != _MODE or "themeGenerationConfig" in members:
        raise InvalidInput(
            "this service writes no themes, as it has no language model: leave"
            " themeGenerationConfig out and set batchInferenceJobMode to BATCH_INFERENCE"
        )
    config = members.get("batchInferenceJobConfig", {})
    return exploration_of(config) | influence_of(config)


def _segment_fields(services: AwsServices, members: Members) -> Values:
    version = services.resource(SolutionVersion, members["solutionVersionArn"])
    recipe = recipe_of(recipe_arn(version.recipe, version.extras))
    if recipe.kind != SEGMENTATION:
        raise InvalidInput(
            f"segments are made of a {SEGMENTATION} recipe, and {version.name} is of"
            f" {recipe.name}: train one of aws-item-affinity or aws-item-attribute-affinity"
        )
    return {}


def _attribution_fields(_services: AwsServices, members: Members) -> Values:
    return {"metrics": _metrics(members["metrics"]), **_output(members["metricsOutputConfig"])}


def list_metric_attribution_metrics(services: AwsServices, members: Members) -> Answer:
    """Lists the metrics of a metric attribution, or of all."""
    if "metricAttributionArn" in members:
        found = [services.resource(MetricAttribution, members["metricAttributionArn"])]
    else:
        found = list(services.registry.all(MetricAttribution))
    shown, token = part_of([metric for one in found for metric in one.metrics], members)
    metrics = [
        {"metricName": one.name, "eventType": one.event_type, "expression": one.expression}
        for one in shown
    ]
    return {"metrics": metrics, "nextToken": token}


def update_metric_attribution(services: AwsServices, members: Members) -> Answer:
    """Adds and removes metrics, or reports elsewhere, from the next report on."""
    if "metricAttributionArn" not in members:
        raise InvalidInput("metricAttributionArn is missing: send it")
    updated = services.attributions.update(
        services.arns.name(members["metricAttributionArn"], MetricAttribution),
        services.now(),
        add=_metrics(members.get("addMetrics", ())),
        remove=members.get("removeMetrics", ()),
        **(_output(members["metricsOutputConfig"]) if "metricsOutputConfig" in members else {}),
    )
    return {"metricAttributionArn": services.arns.of(updated)}


def _metrics(given: Any) -> tuple[AttributedMetric, ...]:
    return tuple(
        AttributedMetric(one["metricName"], one["eventType"], one["expression"]) for one in given
    )


def _output(config: Members) -> dict[str, object]:
    target = config.get("s3DataDestination", {}).get("path")
    return {"target": target, "extras": {"metricsOutputConfig": config}}


OPERATIONS = (
    operations_of(KINDS[DatasetSchema], fields=_schema_fields)
    | operations_of(KINDS[Dataset], fields=_dataset_fields)
    | operations_of(KINDS[DatasetImportJob], fields=_import_fields)
    | operations_of(KINDS[BatchInferenceJob], fields=_inference_fields)
    | operations_of(KINDS[BatchSegmentJob], fields=_segment_fields)
    | operations_of(KINDS[MetricAttribution], fields=_attribution_fields)
    | by_name(update_dataset, list_metric_attribution_metrics, update_metric_attribution)
)
