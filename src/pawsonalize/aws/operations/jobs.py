"""What this service cannot do in a job, and the settings of a batch inference job."""

from pawsonalize.aws.operations.campaigns import exploration_of, influence_of
from pawsonalize.aws.operations.recipes import recipe_of
from pawsonalize.aws.operations.resources import operations_of
from pawsonalize.aws.protocol.errors import INVALID_INPUT, AwsError
from pawsonalize.aws.recipes import SEGMENTATION, recipe_arn
from pawsonalize.aws.services import AwsServices, Members
from pawsonalize.kinds.catalogue import KINDS
from pawsonalize.kinds.datasets import DatasetImportJob
from pawsonalize.kinds.jobs import BatchInferenceJob, BatchSegmentJob
from pawsonalize.kinds.kind import Values
from pawsonalize.kinds.solutions import SolutionVersion

_MODE = "BATCH_INFERENCE"


def _import_fields(_services: AwsServices, members: Members) -> Values:
    if members.get("publishAttributionMetricsToS3"):
        raise AwsError(INVALID_INPUT, "this service does not publish attribution metrics yet")
    return {}


def _inference_fields(_services: AwsServices, members: Members) -> Values:
    if members.get("batchInferenceJobMode", _MODE) != _MODE or "themeGenerationConfig" in members:
        raise AwsError(
            INVALID_INPUT,
            "this service writes no themes, as it has no language model: leave"
            " themeGenerationConfig out and set batchInferenceJobMode to BATCH_INFERENCE",
        )
    config = members.get("batchInferenceJobConfig", {})
    return exploration_of(config) | influence_of(config)


def _segment_fields(services: AwsServices, members: Members) -> Values:
    version = services.resource(SolutionVersion, members["solutionVersionArn"])
    recipe = recipe_of(recipe_arn(version.recipe, version.asked))
    if recipe.kind != SEGMENTATION:
        raise AwsError(
            INVALID_INPUT,
            f"segments are made of a {SEGMENTATION} recipe, and {version.name} is of"
            f" {recipe.name}: train one of aws-item-affinity or aws-item-attribute-affinity",
        )
    return {}


OPERATIONS = (
    operations_of(KINDS[DatasetImportJob], fields=_import_fields)
    | operations_of(KINDS[BatchInferenceJob], fields=_inference_fields)
    | operations_of(KINDS[BatchSegmentJob], fields=_segment_fields)
)
