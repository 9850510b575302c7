"""`pawsonalize solutions` and `solution-versions`: what is trained, and what it became."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.opening import dataset_group_of, opened
from pawsonalize.cli.options import (
    DataDir,
    DatasetGroupName,
    Json,
    Setting,
    command_group,
    read_pairs,
    read_tuning,
)
from pawsonalize.cli.resources import add_ls, add_show, print_fields, print_rows
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.recipes.names import USER_PERSONALIZATION
from pawsonalize.settings import load_settings

if TYPE_CHECKING:
    from pawsonalize.kinds.solutions import EventParameters, Solution


def _kind() -> type["Solution"]:
    from pawsonalize.kinds.solutions import Solution

    return Solution


app = command_group("Solutions: a recipe with its settings.")
add_ls(app, "solution", _kind, ("name", "status", "recipe", "dataset_group", "retrain"))
add_show(app, "solution", _kind, "recommender")
versions = command_group("Solution versions: trained models.")

Name = Annotated[str, typer.Argument(help="The solution.")]
Version = Annotated[str, typer.Argument(help="The solution version.")]
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
    from pawsonalize.kinds.solutions import Solution, TrainingSelection

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

        def tuned(solution: "Solution") -> "Solution":
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

        def changed(solution: "Solution") -> "Solution":
            settings = {**solution.settings, **pairs}
            return msgspec.structs.replace(solution, settings=settings, **changes)

        print_fields(adapters.solutions.change(name, changed, clock.now()), json)


@app.command("delete")
def delete(name: Name, data_dir: DataDir = None) -> None:
    """Delete a solution that no campaign serves, with its versions and their models.

    Example: pawsonalize solutions delete cats
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        adapters.versions.delete_solution(name, clock.now())


def _event(given: str) -> "EventParameters":
    """`type` or `type=weight`; InvalidInput for a weight that is no number."""
    from pawsonalize.kinds.solutions import EventParameters

    event_type, _, weight = given.partition("=")
    try:
        return EventParameters(event_type, float(weight) if weight else None)
    except ValueError:
        raise InvalidInput(f"--event takes type or type=weight, not {given}") from None


@versions.command("ls")
def ls_versions(
    solution: Annotated[
        str | None, typer.Option(help="Only versions of this solution.", show_default="all")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List the solution versions, newest first.

    Example: pawsonalize solution-versions ls --solution recommender
    """
    from pawsonalize.kinds.solutions import SolutionVersion

    with opened(load_settings({"data_dir": data_dir})) as adapters:
        found = list(adapters.registry.all(SolutionVersion, parent=solution))
    if json:
        print(msgspec.json.encode(found).decode())
        return
    print_rows(found, ("name", "status", "recipe", "mode", "events", "created_at"))


@versions.command("show")
def show_version(name: Version, data_dir: DataDir = None, json: Json = False) -> None:
    """Show a solution version; of one in training, how far it is.

    Example: pawsonalize solution-versions show recommender-20260517T093000000Z-1f2e3d
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        print_fields(adapters.trainings.look(name, clock.now()), json)


@versions.command("stop")
def stop_version(name: Version, data_dir: DataDir = None, json: Json = False) -> None:
    """Stop a training on this machine; nothing of it is kept.

    Example: pawsonalize solution-versions stop recommender-20260517T093000000Z-1f2e3d
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        print_fields(adapters.trainings.stop(name, clock.now()), json)
