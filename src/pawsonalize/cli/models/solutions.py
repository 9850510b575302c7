"""`pawsonalize solutions create`, `tune` and `update`: recipes with their settings."""

from typing import Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.opening import dataset_group_of, opened
from pawsonalize.cli.options import (
    DataDir,
    DatasetGroupName,
    Json,
    Setting,
    read_pairs,
    read_tuning,
)
from pawsonalize.cli.resources import GROUPS, print_fields
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.kinds.solutions import EventParameters, Solution, TrainingSelection
from pawsonalize.recipes.names import USER_PERSONALIZATION
from pawsonalize.settings import load_settings

app = GROUPS[Solution]

Name = Annotated[str, typer.Argument(help="The solution.")]
Retrain = Annotated[
    bool | None,
    typer.Option(
        help="Whether the daily retraining trains it for its campaigns.",
        show_default="it does, at its own pace where it has one",
    ),
]
AutoTrainingDays = Annotated[
    int | None,
    typer.Option(help="Train it by itself every so many days.", show_default="not by itself"),
]


@app.command("create")
def create(
    *,
    name: Name,
    recipe: Annotated[str, typer.Argument(help="The recipe.")] = USER_PERSONALIZATION,
    dataset_group: DatasetGroupName = None,
    setting: Setting = None,
    event: Annotated[
        list[str] | None,
        typer.Option(
            help="Train on events of this type, of those named alone; type or type=weight."
        ),
    ] = None,
    auto_training_days: AutoTrainingDays = None,
    retrain: Retrain = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Create a solution: a recipe with its settings, on the data of a dataset group.

    Example: pawsonalize solutions create cats user-personalization --dataset-group shelter-b
    """
    settings = load_settings({"data_dir": data_dir})
    with opened(settings) as adapters:
        solution = Solution(
            name=name,
            dataset_group=dataset_group_of(adapters, settings, dataset_group),
            recipe=recipe,
            settings=read_pairs(setting),
            selection=TrainingSelection(tuple(map(_event, event or ()))),
            auto_training_days=auto_training_days,
            retrain=retrain,
        )
        print_fields(adapters.solutions.create(solution, clock.now()), json)


@app.command("tune")
def tune(
    name: Name,
    trials: Annotated[
        int, typer.Option(help="How many settings each full training tries; 0: none.")
    ],
    seconds: Annotated[
        float | None,
        typer.Option(help="Begin no trial after so long.", show_default="as long as it takes"),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Have every full training of a solution tuned from now on, retrainings included.

    Example: pawsonalize solutions tune recommender --trials 20 --seconds 600
    """
    tuning = read_tuning(trials or None, seconds)
    with opened(load_settings({"data_dir": data_dir})) as adapters:

        def tuned(solution: Solution) -> Solution:
            return msgspec.structs.replace(solution, tuning=tuning)

        changed = adapters.solutions.change(name, tuned, clock.now())
        print_fields(changed, json)


@app.command("update")
def update(
    name: Name,
    setting: Setting = None,
    auto_training_days: AutoTrainingDays = None,
    retrain: Retrain = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Change how a solution is trained from now on; what is not named stays.

    Example: pawsonalize solutions update cats --no-retrain
    """
    given = {"retrain": retrain, "auto_training_days": auto_training_days}
    changes = {field: value for field, value in given.items() if value is not None}
    pairs = read_pairs(setting)
    with opened(load_settings({"data_dir": data_dir})) as adapters:

        def changed(solution: Solution) -> Solution:
            settings = {**solution.settings, **pairs}
            return msgspec.structs.replace(solution, settings=settings, **changes)

        print_fields(adapters.solutions.change(name, changed, clock.now()), json)


def _event(given: str) -> EventParameters:
    """`type` or `type=weight`; InvalidInput for a weight that is no number."""
    event_type, _, weight = given.partition("=")
    try:
        return EventParameters(event_type, float(weight) if weight else None)
    except ValueError:
        raise InvalidInput(f"--event takes type or type=weight, not {given}") from None
