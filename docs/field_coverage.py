"""Fields of Amazon Personalize's requests: which act here, which are stored only or refused.

A field acts if the function that answers its operation reads it: each of its names is among the
texts in that function, in what it calls in `aws/`, and in the description of its kind. `REFUSED`
and `STORED` name those that do not act, `ELSEWHERE` those that another operation reads. A field
that is neither is "not read", and a test refuses that.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from types import CodeType, FunctionType
from typing import Any

from pawsonalize.aws.arn import arn_member
from pawsonalize.aws.dispatch import HANDLERS
from pawsonalize.aws.protocol import AwsOperation, operations
from pawsonalize.resources.kind import Kind, Wire

_CONFIG = "CreateSolution.solutionConfig"
STORED = {
    "*.roleArn": "there are no roles: the service reads and writes by its own rights",
    "*.kmsKeyArn": "there are no keys of KMS: encrypt the disk",
    "ListRecipes.recipeProvider": "SERVICE is the only one",
    "CreateDataset.name": "a dataset group has one dataset of a type, which is its name",
    f"{_CONFIG}.hpoConfig.hpoResourceConfig.maxParallelTrainingJobs": "trials run one by one",
    f"{_CONFIG}.autoMLConfig.metricName": "tuning goes by NDCG@10",
}
REFUSED = {
    "CreateSolution.performIncrementalUpdate": "for aws-semantic-similarity, which is not here",
    "UpdateSolution.performIncrementalUpdate": "for aws-semantic-similarity, which is not here",
    f"{_CONFIG}.hpoConfig.hpoObjective.*": "not supported, as at AWS",
    f"{_CONFIG}.hpoConfig.*.categoricalHyperParameterRanges.*": "only numbers are tuned",
    "CreateBatchInferenceJob.themeGenerationConfig.*": "there is no language model",
    "UpdateRecommender.recommenderConfig.trainingDataConfig.*": "set when it is created",
    "CreateDatasetImportJob.publishAttributionMetricsToS3": "attributions report by themselves",
}
ELSEWHERE = {
    "*.enableMetadataWithRecommendations": "GetRecommendations and GetPersonalizedRanking read it",
    "Put*s.*s.*": "records are read by the name of their id",
}
DIFFERENT = (
    "Recipes have AWS's names and [models of our own](../explanation/recipes.md). All names of the"
    " type USER_PERSONALIZATION are one model, and both affinity recipes segment by it. There"
    " is no `aws-semantic-similarity`.",
    "Metrics of affinity recipes are `hit`, `recall` and `coverage` as AWS describes them, of an"
    " item's best hundredth of the test users. These are a tenth of the users with the newest tenth"
    " of their events, as for other recipes; AWS holds out a fifth of every user's. AWS's"
    " documentation names the metrics, but does not show how its answer spells them.",
    "One interaction is enough to train. AWS needs 1,000, of 25 users with two or more.",
    "Resources without a training are ACTIVE at once, and deletions are done when they are"
    " answered. AWS takes minutes for both.",
    "A solution trains by itself only with `performAutoTraining` or a `schedulingExpression`.",
    "`minProvisionedTPS` warns of a slow model. Nothing is scaled, and no campaign is throttled at"
    " its rate.",
    "An `optimizationObjective` weighs answers, not the training. Each score is multiplied by 1 ± a"
    " share by the rank of the item's value: LOW 0.25, MEDIUM 0.5, HIGH 0.9. There is no metric of"
    " rewards.",
    "`trainingDataConfig` leaves columns out. Animal groups are still known by their ids, which"
    " hold species, breed, size and age.",
    "`performAutoML` trains `aws-user-personalization-v2`, or the first of `recipeList`, tuned.",
    "These hyperparameters of AWS's are checked, and a header `x-pawsonalize-warning` says that"
    " they do nothing: {ignored}. `popularity_discount_factor` and `trend_discovery_frequency` are"
    " ours by other names. Any other name is a [setting of a recipe](recipes.md) or refused.",
    "The percentiles of `featureTransformationParameters` leave events of users and of items out of"
    " trainings, for every recipe. AWS's defaults, such as 0.99, are not: without them nothing is"
    " left out. Both are counted before either is left out, and equal counts stay together.",
    "Events may have properties that the schema lacks. Domains do not require their event types.",
    "There are no IAM policies: [keys](../how-to/use-keys.md) have scopes. On one machine alone"
    " nothing need be signed.",
)

STATES = ("acts", "stored only", "refused")


def fields() -> dict[str, dict[str, str]]:
    """Return each field's state, by operation and path."""
    return {name: _states(operation) for name, operation in operations().items()}


def _states(operation: AwsOperation) -> dict[str, str]:
    texts = texts_of(HANDLERS[operation.name])
    return {path: _state(operation.name, path, texts) for path in paths_of(operation.given)}


def _state(operation: str, path: str, texts: set[str]) -> str:
    full = f"{operation}.{path}"
    for table, state in ((REFUSED, "refused"), (STORED, "stored only"), (ELSEWHERE, "acts")):
        if any(fnmatchcase(full, pattern) for pattern in table):
            return state
    return "acts" if texts.issuperset(path.split(".")) else "not read"


def paths_of(shape: Any, path: str = "", within: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the paths of a shape's leaves; a map is a leaf, and a list is what is in it."""
    if shape is None or shape.name in within:
        return
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            yield from paths_of(member, f"{path}.{name}" if path else name, (*within, shape.name))
    elif shape.type_name == "list":
        yield from paths_of(shape.member, path, within)
    else:
        yield path


def texts_of(handler: Callable[..., Any]) -> set[str]:
    """Return every text in a function, in what it calls in `aws/`, and in its kind."""
    texts: set[str] = set()
    seen: set[int] = set()
    todo: list[Any] = [handler]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, str):
            texts.update(one.split("."))
        elif isinstance(one, tuple | list | set | frozenset):
            todo += one
        elif isinstance(one, Mapping):
            todo += [*one.keys(), *one.values()]
        elif isinstance(one, Kind):
            kinds = [*one.references.values(), *([one.parent] if one.parent else [])]
            todo += [one.wire, *(arn_member(kind) for kind in kinds)]
        elif isinstance(one, Wire):
            todo += [one.members, one.stored]
        elif isinstance(one, CodeType):
            todo += one.co_consts
        elif isinstance(one, FunctionType) and one.__module__.startswith("pawsonalize.aws."):
            todo += [one.__code__, *(cell.cell_contents for cell in one.__closure__ or ())]
            # A function in a function has its own names.
            codes = [one.__code__, *filter(inspect.iscode, one.__code__.co_consts)]
            names = {name for code in codes for name in code.co_names}
            todo += [one.__globals__[name] for name in names & one.__globals__.keys()]
    return texts
