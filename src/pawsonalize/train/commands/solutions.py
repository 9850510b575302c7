"""`pawsonalize solutions`, recipes with their settings, and `batch-jobs`, which ask by files."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize.app.cli import options
from pawsonalize.app.cli.opening import add_command, dataset_group_of
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput
from pawsonalize.models.recipes import USER_PERSONALIZATION
from pawsonalize.resources.commands import GROUPS, print_fields, rows_of
from pawsonalize.resources.jobs import BatchInferenceJob, BatchSegmentJob
from pawsonalize.resources.solutions import EventParameters, Solution, TrainingSelection

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.resources.registry import Registry


app = GROUPS[Solution]
batch_jobs = options.command_group("Batch jobs: questions asked by files.")

Name = Annotated[str, typer.Argument(help="The solution.")]
JobName = Annotated[str, typer.Argument(help="The batch job.")]
Retrain = Annotated[
    bool | None,
    typer.Option(
        help="The daily retraining trains it for its campaigns.",
        show_default="it does, at its own pace where it has one",
    ),
]
AutoTrainingDays = Annotated[
    int | None,
    typer.Option(help="Train it by itself every so many days.", show_default="not by itself"),
]

_JOB_COLUMNS = ("name", "kind", "status", "solution_version", "answered", "rejected")


@add_command(app, "create", print_fields)
def create(
    adapters: "Adapters",
    *,
    name: Name,
    old_recipe: Annotated[str | None, typer.Argument(hidden=True)] = None,
    recipe: Annotated[str, typer.Option(help="The recipe.")] = USER_PERSONALIZATION,
    dataset_group: options.DatasetGroupName = None,
    setting: options.Setting = None,
    event: Annotated[
        list[str] | None,
        typer.Option(
            help="Train on events of this type, of those named alone; type or type=weight."
        ),
    ] = None,
    auto_training_days: AutoTrainingDays = None,
    retrain: Retrain = None,
) -> Solution:
    """Create a solution: a recipe with its settings, on the data of a dataset group.

    Example: pawsonalize solutions create cats --recipe similar-items --dataset-group shelter-b
    """
    if old_recipe is not None:
        options.say_new("solutions create NAME RECIPE", "solutions create NAME --recipe RECIPE")
    solution = Solution(
        name=name,
        dataset_group=dataset_group_of(adapters, dataset_group),
        recipe=old_recipe or recipe,
        settings=options.read_pairs(setting),
        selection=TrainingSelection(tuple(map(_event, event or ()))),
        auto_training_days=auto_training_days,
        retrain=retrain,
    )
    return adapters.solutions.create(solution, clock.now())


@add_command(app, "tune", print_fields)
def tune(
    adapters: "Adapters",
    name: Name,
    trials: Annotated[
        int, typer.Option(help="Number of settings that each full training tries; 0: none.")
    ],
    seconds: Annotated[
        float | None,
        typer.Option(help="Begin no trial after so long.", show_default="as long as it takes"),
    ] = None,
) -> Solution:
    """Have every full training of a solution tuned from now on, retrainings included.

    Example: pawsonalize solutions tune recommender --trials 20 --seconds 600
    """
    tuning = options.read_tuning(trials or None, seconds)
    tuned = partial(msgspec.structs.replace, tuning=tuning)
    return adapters.solutions.change(name, tuned, clock.now())


@add_command(app, "update", print_fields)
def update(
    adapters: "Adapters",
    name: Name,
    setting: options.Setting = None,
    auto_training_days: AutoTrainingDays = None,
    retrain: Retrain = None,
) -> Solution:
    """Change how a solution is trained from now on; what is not named stays.

    Example: pawsonalize solutions update cats --no-retrain
    """
    given = {"retrain": retrain, "auto_training_days": auto_training_days}
    changes = {field: value for field, value in given.items() if value is not None}
    pairs = options.read_pairs(setting)

    def changed(solution: Solution) -> Solution:
        settings = {**solution.settings, **pairs}
        return msgspec.structs.replace(solution, settings=settings, **changes)

    return adapters.solutions.change(name, changed, clock.now())


def _event(given: str) -> EventParameters:
    event_type, _, weight = given.partition("=")
    try:
        return EventParameters(event_type, float(weight) if weight else None)
    except ValueError:
        raise InvalidInput(f"--event takes type or type=weight, not {given}") from None


@add_command(batch_jobs, "create", print_fields, failed=lambda job: job.failure_reason is not None)
def create_job(
    adapters: "Adapters",
    *,
    name: JobName,
    solution_version: Annotated[str, typer.Argument(help="The solution version to ask.")],
    source: Annotated[str, typer.Argument(help="JSON Lines: a file:// or s3:// location.")],
    target: Annotated[str, typer.Argument(help="Where answers go: file:// or s3://.")],
    segments: Annotated[
        bool, typer.Option(help="Find the users who like the items of each line best.")
    ] = False,
    results: Annotated[
        int | None, typer.Option(help="Number of answers that a line gets.", show_default="25")
    ] = None,
    filter_name: Annotated[
        str | None, typer.Option("--filter", help="A filter, by its name.", show_default="none")
    ] = None,
    wait: Annotated[
        bool, typer.Option(help="Do it now, to its end; else a running server does it.")
    ] = True,
) -> BatchInferenceJob | BatchSegmentJob:
    """Ask a solution version about every line of files, and write `{file}.out` for each.

    Exit code 1 if the job failed.

    Example: pawsonalize batch-jobs create mailing recommender-1 file:///d/in.jsonl file:///d/out/
    """
    kind = BatchSegmentJob if segments else BatchInferenceJob
    order = kind(
        name=name,
        solution_version=solution_version,
        source=source,
        target=target,
        results=results,
        filter=filter_name,
    )
    jobs = adapters.jobs
    job = jobs.create(order)
    return jobs.finish(job) if wait else job


@add_command(batch_jobs, "ls", rows_of(_JOB_COLUMNS))
def list_jobs(adapters: "Adapters") -> list[BatchInferenceJob | BatchSegmentJob]:
    """List the batch jobs, of inference first, newest first.

    Example: pawsonalize batch-jobs ls
    """
    every = adapters.registry.all
    return [*every(BatchInferenceJob), *every(BatchSegmentJob)]


@add_command(batch_jobs, "show", print_fields)
def show_job(adapters: "Adapters", name: JobName) -> BatchInferenceJob | BatchSegmentJob:
    """Show a batch job.

    Example: pawsonalize batch-jobs show mailing
    """
    return _find_job(adapters.registry, name)


@add_command(batch_jobs, "delete")
def delete_job(adapters: "Adapters", name: JobName) -> dict[str, str]:
    """Forget a batch job that is done; its files stay.

    Example: pawsonalize batch-jobs delete mailing
    """
    job = _find_job(adapters.registry, name)
    adapters.jobs.delete(type(job), name)
    return {"deleted": name}


def _find_job(registry: "Registry", name: str) -> BatchInferenceJob | BatchSegmentJob:
    return registry.find(BatchSegmentJob, name) or registry.get(BatchInferenceJob, name)
