"""`pawsonalize solutions`: what is trained, from which recipe and settings."""

from typing import Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import DataDir, Json, read_tuning
from pawsonalize.cli.resource_table import print_fields, print_table
from pawsonalize.engine.resources.solutions import Solution
from pawsonalize.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Solutions: a recipe with its settings.")


@app.command("ls")
def ls(data_dir: DataDir = None, json: Json = False) -> None:
    """List the solutions, newest first.

    Example: pawsonalize solutions ls
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        solutions = list(adapters.registry.all(Solution))
    if json:
        print(msgspec.json.encode(solutions).decode())
        return
    print_table(solutions, ("name", "status", "recipe", "dataset_group"))


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="The solution.")],
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Show a solution with its settings.

    Example: pawsonalize solutions show recommender
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        print_fields(adapters.registry.get(Solution, name), json)


@app.command("tune")
def tune(
    name: Annotated[str, typer.Argument(help="The solution.")],
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

        changed = adapters.registry.change(Solution, name, tuned, clock.now())
        print_fields(changed, json)


@app.command("update")
def update(
    name: Annotated[str, typer.Argument(help="The solution.")],
    retrain: Annotated[
        bool, typer.Option(help="Whether the daily retraining trains it for its campaigns.")
    ],
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Change whether a solution is retrained every day; a run that names it trains it anyway.

    Example: pawsonalize solutions update cats --no-retrain
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:

        def changed(solution: Solution) -> Solution:
            return msgspec.structs.replace(solution, retrain=retrain)

        print_fields(adapters.registry.change(Solution, name, changed, clock.now()), json)
