"""`pawsonalize solutions`, recipes with their settings, and `batch-jobs`, which ask by files."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli import options
from pawsonalize.cli.opening import dataset_group_of, opened, opened_at
from pawsonalize.cli.resources import GROUPS, print_fields, print_rows
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.kinds.jobs import BatchInferenceJob, BatchSegmentJob
from pawsonalize.kinds.solutions import EventParameters, Solution, TrainingSelection
from pawsonalize.recipes import USER_PERSONALIZATION
from pawsonalize.settings import load_settings

if TYPE_CHECKING:
    from pawsonalize.kinds.registry import Registry


app = GROUPS[Solution]
batch_jobs = options.command_group("Batch jobs: questions asked by files.")

Name = Annotated[str, typer.Argument(help="The solution.")]
JobName = Annotated[str, typer.Argument(help="The batch job.")]
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

_JOB_COLUMNS = ("name", "kind", "status", "solution_version", "answered", "rejected")


@app.command("create")
def create(
    *,
    name: Name,
    recipe: Annotated[str, typer.Argument(help="The recipe.")] = USER_PERSONALIZATION,
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
    data_dir: options.DataDir = None,
    json: options.Json = False,
) -> None:
    """Create a solution: a recipe with its settings, on the data of a dataset group.

    Example: pawsonalize solutions create cats user-personalization --dataset-group shelter-b
    """
    with opened_at(data_dir) as (settings, adapters):
        solution = Solution(
            name=name,
            dataset_group=dataset_group_of(adapters, settings, dataset_group),
            recipe=recipe,
            settings=options.read_pairs(setting),
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
    data_dir: options.DataDir = None,
    json: options.Json = False,
) -> None:
    """Have every full training of a solution tuned from now on, retrainings included.

    Example: pawsonalize solutions tune recommender --trials 20 --seconds 600
    """
    tuning = options.read_tuning(trials or None, seconds)
    tuned = partial(msgspec.structs.replace, tuning=tuning)
    with opened(data_dir) as adapters:
        print_fields(adapters.solutions.change(name, tuned, clock.now()), json)


@app.command("update")
def update(
    name: Name,
    setting: options.Setting = None,
    auto_training_days: AutoTrainingDays = None,
    retrain: Retrain = None,
    data_dir: options.DataDir = None,
    json: options.Json = False,
) -> None:
    """Change how a solution is trained from now on; what is not named stays.

    Example: pawsonalize solutions update cats --no-retrain
    """
    given = {"retrain": retrain, "auto_training_days": auto_training_days}
    changes = {field: value for field, value in given.items() if value is not None}
    pairs = options.read_pairs(setting)

    def changed(solution: Solution) -> Solution:
        settings = {**solution.settings, **pairs}
        return msgspec.structs.replace(solution, settings=settings, **changes)

    with opened(data_dir) as adapters:
        print_fields(adapters.solutions.change(name, changed, clock.now()), json)


def _event(given: str) -> EventParameters:
    event_type, _, weight = given.partition("=")
    try:
        return EventParameters(event_type, float(weight) if weight else None)
    except ValueError:
        raise InvalidInput(f"--event takes type or type=weight, not {given}") from None


@batch_jobs.command("create")
def create_job(
    *,
    name: JobName,
    solution_version: Annotated[str, typer.Argument(help="The solution version to ask.")],
    source: Annotated[str, typer.Argument(help="JSON Lines: a file:// or s3:// location.")],
    target: Annotated[str, typer.Argument(help="Where answers go: file:// or s3://.")],
    segments: Annotated[
        bool, typer.Option(help="Find the users who like the items of each line best.")
    ] = False,
    results: Annotated[
        int | None, typer.Option(help="How many answers a line gets.", show_default="25")
    ] = None,
    filter_name: Annotated[
        str | None, typer.Option("--filter", help="A filter, by its name.", show_default="none")
    ] = None,
    wait: Annotated[
        bool, typer.Option(help="Do it now, to its end; else a running server does it.")
    ] = True,
    data_dir: options.DataDir = None,
    json: options.Json = False,
) -> None:
    """Ask a solution version about every line of files, and write `{file}.out` for each.

    Exit code 1 if the job failed.

    Example: pawsonalize batch-jobs create mailing recommender-1 file:///d/in.jsonl file:///d/out/
    """
    from pawsonalize.app.upkeep import background_jobs

    settings = load_settings({"data_dir": data_dir})
    kind = BatchSegmentJob if segments else BatchInferenceJob
    order = kind(
        name=name,
        solution_version=solution_version,
        source=source,
        target=target,
        results=results,
        filter=filter_name,
    )
    with opened(settings) as adapters:
        jobs = background_jobs(settings, adapters)
        job = jobs.create(order)
        if wait:
            job = jobs.finish(job)
    print_fields(job, json)
    if job.failure_reason is not None:
        raise typer.Exit(1)


@batch_jobs.command("ls")
def list_jobs(data_dir: options.DataDir = None, json: options.Json = False) -> None:
    """List the batch jobs, of inference first, newest first.

    Example: pawsonalize batch-jobs ls
    """
    with opened(data_dir) as adapters:
        every = adapters.registry.all
        print_rows([*every(BatchInferenceJob), *every(BatchSegmentJob)], _JOB_COLUMNS, json)


@batch_jobs.command("show")
def show_job(name: JobName, data_dir: options.DataDir = None, json: options.Json = False) -> None:
    """Show a batch job.

    Example: pawsonalize batch-jobs show mailing
    """
    with opened(data_dir) as adapters:
        print_fields(_find_job(adapters.registry, name), json)


@batch_jobs.command("delete")
def delete_job(name: JobName, data_dir: options.DataDir = None) -> None:
    """Forget a batch job that is done; its files stay.

    Example: pawsonalize batch-jobs delete mailing
    """
    from pawsonalize.app.upkeep import background_jobs

    with opened_at(data_dir) as (settings, adapters):
        job = _find_job(adapters.registry, name)
        background_jobs(settings, adapters).delete(type(job), name)


def _find_job(registry: "Registry", name: str) -> BatchInferenceJob | BatchSegmentJob:
    return registry.find(BatchSegmentJob, name) or registry.get(BatchInferenceJob, name)
