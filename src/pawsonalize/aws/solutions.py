"""Solutions and their versions, and solutionConfig as settings of ours."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import asdict

from pawsonalize.aws.arn import public_arn, public_name
from pawsonalize.aws.recipes import (
    AWS_RECIPES,
    SEGMENTATION,
    WITHOUT_EFFECT,
    hyperparameters,
    percentiles,
    recipe_arn,
    recipe_of,
)
from pawsonalize.aws.resources import by_name, described, given_tags, operations_of
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.aws.strict import check_interactions, check_version_two
from pawsonalize.core.errors import Conflict, InvalidInput
from pawsonalize.core.schemas import REQUIRED_FIELDS, DatasetType
from pawsonalize.core.times import HOUR
from pawsonalize.models.recipes import PERSONALIZED_RANKING, USER_PERSONALIZATION
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.models.recipes.settings import Range, tunable
from pawsonalize.resources.catalogue import KINDS
from pawsonalize.resources.datasets import DatasetGroup, dataset_type_named
from pawsonalize.resources.kind import Status, Values
from pawsonalize.resources.solutions import (
    MAX_TRIALS,
    EventParameters,
    Objective,
    Solution,
    SolutionUpdate,
    SolutionVersion,
    TrainingMode,
    TrainingSelection,
    Tuning,
)
from pawsonalize.train.solutions import MOST_DAYS

_AUTO, _SCHEDULE, _AUTO_ML = "performAutoTraining", "autoTrainingConfig", "performAutoML"
_KEPT = ("recipeArn", "eventType", "solutionConfig", _AUTO_ML)
_SHARES: Mapping[str, float] = {"OFF": 0.0, "LOW": 0.25, "MEDIUM": 0.5, "HIGH": 0.9}
_FAVOURING = (USER_PERSONALIZATION, PERSONALIZED_RANKING)
_TRAINING, _INCREMENTAL = "trainingDataConfig", "performIncrementalUpdate"
_TRANSFORMATION = "featureTransformationParameters"
_AUTO_ML_RECIPE = "aws-user-personalization-v2"
_DEFAULT_TRIALS = "20"
_OF_SEGMENTS = "segment_"
_WEEKLY = "rate(7 days)"


def create_solution(services: AwsServices, members: Members) -> Answer:
    """Creates a solution, by hyperparameters of ours; tuned or trained by itself only if asked."""
    _refuse(members, _INCREMENTAL)
    group = services.resource(DatasetGroup, members["datasetGroupArn"])
    config = members.get("solutionConfig", {})
    wanted, given = _recipe_wanted(members, config), config.get(_TRAINING, {})
    recipe = recipe_of(wanted).recipe
    check_version_two(services, wanted, members)
    without = columns_left_out(services, group.name, given)
    settings, within = _settings(config)
    solution = Solution(
        name=members["name"],
        dataset_group=group.name,
        recipe=recipe,
        settings=settings,
        selection=msgspec.structs.replace(_selection(members, config), without=without, **within),
        objective=_objective(services, group.name, recipe, config),
        tuning=_tuning(members),
        # AWS trains unless told otherwise; here a schedule, if nothing more, must say so.
        auto_training_days=_auto_training(members.get(_AUTO, _SCHEDULE in config), config),
        retrain=_retrain(members),
        tags=given_tags(members),
        extras={name: members[name] for name in _KEPT if name in members} | {"recipeArn": wanted},
    )
    return {"solutionArn": services.arns.of(services.solutions.create(solution, services.now()))}


def update_solution(services: AwsServices, members: Members) -> Answer:
    """Changes which events later versions train on, and whether any are trained by themselves."""
    _refuse(members, _INCREMENTAL)
    name = services.arns.name(members["solutionArn"], Solution)
    now, changes = services.now(), members.get("solutionUpdateConfig", {})

    def updated(solution: Solution) -> Solution:
        config = {**solution.extras.get("solutionConfig", {}), **changes}
        wanted = members.get(_AUTO, solution.auto_training_days is not None)
        return msgspec.structs.replace(
            solution,
            selection=msgspec.structs.replace(
                solution.selection, events=_selection({}, config).events
            )
            if "eventsConfig" in changes
            else solution.selection,
            auto_training_days=_auto_training(wanted, config),
            retrain=_retrain(members) if _AUTO in members else solution.retrain,
            extras={**solution.extras, "solutionConfig": config} if changes else solution.extras,
            latest_update=SolutionUpdate(now, {_AUTO: wanted, "solutionUpdateConfig": changes}),
        )

    solution = services.solutions.change(name, updated, now)
    return {"solutionArn": services.arns.of(solution)}


def _solution_shown(_services: AwsServices, solution: Solution) -> Answer:
    return {
        "recipeArn": recipe_arn(solution.recipe, solution.extras),
        "performHPO": solution.tuning is not None,
        _AUTO_ML: solution.extras.get(_AUTO_ML, False),
        _AUTO: solution.auto_training_days is not None,
        _INCREMENTAL: False,
    }


def _solution_details(services: AwsServices, solution: Solution) -> Answer:
    versions = services.registry.page(SolutionVersion, 1, parent=solution.name)
    newest = [described(services, one) | _version_shown(services, one) for one in versions]
    answer: Answer = {"latestSolutionVersion": next(iter(newest), None)}
    if (update := solution.latest_update) is not None:
        answer["latestSolutionUpdate"] = {
            **update.extras,
            _INCREMENTAL: False,
            "status": Status.ACTIVE,
            "creationDateTime": update.requested_at,
            "lastUpdatedDateTime": update.requested_at,
        }
    return answer


def _retrain(members: Members) -> bool | None:
    """Return False if performAutoTraining is."""
    # Then the daily retraining leaves it out, too.
    return False if members.get(_AUTO) is False else None


def _refuse(members: Members, *names: str) -> None:
    for name in names:
        if members.get(name):
            raise InvalidInput(f"this service does not do {name} yet: leave it out")


def stop_solution_version_creation(services: AwsServices, members: Members) -> None:
    """Ends a training, or the waiting for it, and leaves nothing of it."""
    version = services.resource(SolutionVersion, members["solutionVersionArn"])
    if version.status.is_settled:
        raise Conflict(f"solution version {version.name} is {version.status}")
    services.trainings.stop(version.name, services.now())


def get_solution_metrics(services: AwsServices, members: Members) -> Answer:
    """Answers how well a version does on held-out users, by AWS's split and metrics."""
    version = services.resource(SolutionVersion, members["solutionVersionArn"])
    if version.status is not Status.ACTIVE:
        raise Conflict(f"solution version {version.name} is {version.status}: no metrics")
    if not (metrics := metrics_of(version)):
        why = version.unmeasured or "it was trained before versions were measured: train it again"
        raise InvalidInput(f"solution version {version.name} has no metrics: {why}")
    return {"solutionVersionArn": services.arns.of(version), "metrics": metrics}


def metrics_of(version: SolutionVersion) -> Mapping[str, float]:
    """Return the metrics that AWS answers for the type of the version's recipe."""
    if version.remote is not None:  # then they are AWS's own
        return version.metrics
    recipe = AWS_RECIPES.get(public_name(recipe_arn(version.recipe, version.extras), "recipe"))
    of_segments = recipe is not None and recipe.kind == SEGMENTATION
    return {
        name.removeprefix(_OF_SEGMENTS): value
        for name, value in version.metrics.items()
        if name.startswith(_OF_SEGMENTS) is of_segments
    }


def _version_shown(services: AwsServices, version: SolutionVersion) -> Answer:
    return {
        "solutionVersionArn": services.arns.of(version),
        "trainingMode": version.mode,
        "trainingType": "AUTOMATIC" if version.automatic else "MANUAL",
    }


def _version_details(services: AwsServices, version: SolutionVersion) -> Answer:
    solution, tuned = services.registry.get(Solution, version.solution), None
    if version.tuned is not None and version.tuning is not None:
        # Those that were surely better, and where none was the given ones, with which it trained.
        kind = recipe_named(version.recipe).settings
        used = asdict(
            msgspec.convert({**version.settings, **version.tuned.settings}, kind, strict=False)
        )
        chosen = {name: str(used[name]) for name in version.tuning.ranges or tunable(kind)}
        tuned = {"algorithmHyperParameters": chosen}
    trained = None
    if version.status is Status.ACTIVE:  # without the time for which it waited for others
        trained = (version.updated_at - (version.started_at or version.created_at)) / HOUR
    return {
        "trainingHours": trained,
        "datasetGroupArn": services.arns.named(DatasetGroup, solution.dataset_group),
        "recipeArn": recipe_arn(version.recipe, version.extras),
        "performHPO": version.tuning is not None,
        "tunedHPOParams": tuned,
        _AUTO_ML: solution.extras.get(_AUTO_ML, False),
        _INCREMENTAL: False,
    }


def _version_fields(services: AwsServices, members: Members) -> Values:
    mode = members.get("trainingMode", TrainingMode.FULL)
    if mode not in set(TrainingMode):
        raise InvalidInput(f"trainingMode may be FULL or UPDATE, not {mode}")
    solution, name = services.resource(Solution, members["solutionArn"]), members.get("name")
    check_interactions(services, solution.dataset_group, solution.data_group)
    return {"name": name, "mode": TrainingMode(mode), "extras": {**solution.extras, "name": name}}


def _settings(config: Members) -> tuple[dict[str, object], dict[str, Any]]:
    """Return our settings, and the selection's percentiles."""
    transformation, settings = config.get(_TRANSFORMATION, {}), "algorithmHyperParameters"
    if unknown := hyperparameters(percentiles(transformation)[1]):
        raise InvalidInput(f"{_TRANSFORMATION}: there is no {next(iter(unknown))}")
    # Percentiles are taken from either, as both maps name hyperparameters.
    within, others = percentiles({**transformation, **config.get(settings, {})})
    return hyperparameters(others), within


def columns_left_out(services: AwsServices, group: str, given: Members) -> tuple[str, ...]:
    """Return the columns that a trainingDataConfig keeps from training, such as `Items.GENRE`."""
    found: list[str] = []
    for member in ("excludedDatasetColumns", "includedDatasetColumns"):
        for dataset, names in given.get(member, {}).items():
            kind = dataset_type_named(dataset)
            schema = services.datasets.schema(services.datasets.of(group, kind))
            own, wanted = {one.name for one in schema.fields}, {name.upper() for name in names}
            is_excluded = member.startswith("excluded")
            needed = set(REQUIRED_FIELDS[kind]) if is_excluded else set()
            if wrong := sorted(wanted - own | wanted & needed):
                raise InvalidInput(
                    f"{member}: {wrong[0]} is no column of {dataset} that may be left out or in"
                )
            found += [f"{kind}.{one}" for one in sorted(wanted if is_excluded else own - wanted)]
    return tuple(found)


def _objective(services: AwsServices, group: str, recipe: str, config: Members) -> Objective | None:
    if not (given := config.get("optimizationObjective")):
        return None
    if recipe not in _FAVOURING:
        raise InvalidInput(f"optimizationObjective is not supported by {recipe}")
    name = given.get("itemAttribute", "").upper()
    schema = services.datasets.schema_of((group, DatasetType.ITEMS))
    column = None if schema is None else schema.field(name)
    if column is None or not column.numeric:
        raise InvalidInput(f"itemAttribute: Items has no numeric column {name}")
    return Objective(name, _SHARES[given.get("objectiveSensitivity", "OFF")])


def _recipe_wanted(members: Members, config: Members) -> str:
    """Return the ARN of the recipe."""
    if members.get(_AUTO_ML):
        if "recipeArn" in members:
            raise InvalidInput("recipeArn: leave it out with performAutoML")
        # Of the list the first, as all its recipes are one here.
        listed = config.get("autoMLConfig", {}).get("recipeList")
        return str(listed[0]) if listed else public_arn("recipe", _AUTO_ML_RECIPE)
    _refuse(config, "autoMLConfig")
    if "recipeArn" not in members:
        raise InvalidInput("recipeArn is missing: ListRecipes has those there are")
    return str(members["recipeArn"])


def _auto_training(wanted: bool, config: Members) -> int | None:
    """Return the days between trainings, None without; the schedule is checked in any case."""
    expression = config.get(_SCHEDULE, {}).get("schedulingExpression", _WEEKLY)
    days = int(expression.removeprefix("rate(").partition(" ")[0])  # the form is checked
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInput(f"schedulingExpression may be 1 to {MOST_DAYS} days, not {days}")
    return days if wanted else None


def _tuning(members: Members) -> Tuning | None:
    """Return the tuning of performHPO, None without."""
    config = members.get("solutionConfig", {}).get("hpoConfig", {})
    if not (members.get("performHPO") or members.get(_AUTO_ML)):
        if config:
            raise InvalidInput("hpoConfig is of performHPO: send that too")
        return None
    _refuse(config, "hpoObjective")  # AWS does not support it either
    jobs = config.get("hpoResourceConfig", {}).get("maxNumberOfTrainingJobs", _DEFAULT_TRIALS)
    if not str(jobs).isdecimal() or not 1 <= int(jobs) <= MAX_TRIALS:
        raise InvalidInput(
            f"maxNumberOfTrainingJobs must be a number from 1 to {MAX_TRIALS}, not {jobs!s:.40}"
        )
    # Its trials are AWS's training jobs.
    return Tuning(int(jobs), ranges=_ranges(config.get("algorithmHyperParameterRanges", {})))


def _ranges(given: Members) -> dict[str, Range]:
    if given.get("categoricalHyperParameterRanges"):
        raise InvalidInput("only numbers are tuned: leave categorical ranges out")
    listed = [
        *given.get("integerHyperParameterRanges", ()),
        *given.get("continuousHyperParameterRanges", ()),
    ]
    if not all("name" in one for one in listed):
        raise InvalidInput("each range needs the name of its hyperparameter")
    highest = {one["name"]: str(one.get("maxValue", 0)) for one in listed}
    hyperparameters({name: highest[name] for name in highest.keys() & WITHOUT_EFFECT.keys()})
    return {
        one["name"]: Range(one.get("minValue", 0), one.get("maxValue", 0))
        for one in listed
        if one["name"] not in WITHOUT_EFFECT
    }


def _selection(members: Members, config: Members) -> TrainingSelection:
    listed = config.get("eventsConfig", {}).get("eventParametersList", ())
    if listed and "eventType" in members:
        raise InvalidInput("send eventType or eventParametersList, not both")
    if not all("eventType" in event for event in listed):
        raise InvalidInput("each of eventParametersList needs its eventType")
    if listed:
        events = (
            EventParameters(one["eventType"], one.get("weight"), one.get("eventValueThreshold"))
            for one in listed
        )
        return TrainingSelection(tuple(events))
    text = config.get("eventValueThreshold")
    try:
        threshold = None if text is None else float(text)
    except ValueError:
        raise InvalidInput("eventValueThreshold must be a number") from None
    if "eventType" in members:
        return TrainingSelection((EventParameters(members["eventType"], None, threshold),))
    if threshold is not None:
        raise InvalidInput("eventValueThreshold is of an eventType: send it too")
    return TrainingSelection()


OPERATIONS = (
    operations_of(KINDS[Solution], shown=_solution_shown, details=_solution_details)
    | operations_of(
        KINDS[SolutionVersion],
        shown=_version_shown,
        details=_version_details,
        fields=_version_fields,
    )
    | by_name(
        create_solution, update_solution, stop_solution_version_creation, get_solution_metrics
    )
)
