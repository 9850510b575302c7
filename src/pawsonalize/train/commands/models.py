"""`pawsonalize train`, `retrain` and `runs`: solution versions, trained now or by a retraining."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pawsonalize.app.cli import options
from pawsonalize.app.cli.opening import add_command, dataset_group_of, on_data, opened
from pawsonalize.app.cli.terminal import print_result
from pawsonalize.app.settings import load_settings
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.late import late
from pawsonalize.core.times import parse_moment
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.solutions import SolutionVersion, TrainingMode

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.train.commands import trainings
    from pawsonalize.train.retraining.runs import RunRecord
else:
    trainings = late("pawsonalize.train.commands.trainings")  # a training's half of the engine

app = options.command_group("Workflow runs: retrainings.")

RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run, as `runs ls` names it.")]
Mode = Annotated[
    Literal["FULL", "UPDATE"],
    typer.Option(help="FULL: from nothing. UPDATE: an incremental update of the newest version."),
]


def train(
    *,
    solution: Annotated[
        str | None,
        typer.Option(
            help="The solution to train; --recipe and --set are for one alone.",
            show_default="those of the dataset group; of the default one recommender, and"
            " reranker where re-ranking is enabled",
        ),
    ] = None,
    recipe: options.RecipeName = None,
    setting: options.Setting = None,
    mode: Mode = "FULL",
    tune: options.Tune = None,
    tune_seconds: options.TuneSeconds = None,
    seed: options.Seed = 0,
    at: options.At = None,
    dataset_group: options.DatasetGroupName = None,
    data_dir: options.DataDir = None,
    json: options.Json = False,
) -> None:
    """Train solution versions and serve them; running servers follow within a second.

    Example: pawsonalize train --solution recommender --set popularity_half_life_days=14
    """
    settings, now = load_settings({"data_dir": data_dir}), clock.now()
    tuning = options.read_tuning(tune, tune_seconds)
    as_of = now if at is None else parse_moment(at, "--at")
    with opened(settings) as adapters:
        if adapters.log.head() == 0:
            raise InvalidInput(
                f"there are no events in {settings.data_dir.absolute()}: name the right folder with"
                " --data-dir, or bring some with `pawsonalize import` or by POST /v1/events"
            )
        default = not (recipe or setting)
        names = trainings.chosen_solutions(adapters, dataset_group, solution, default=default)
        trained = []
        for name in names:
            version = adapters.versions.create(
                name,
                as_of=as_of,
                now=now,
                mode=TrainingMode(mode),
                seed=seed,
                recipe=recipe,
                settings=options.read_pairs(setting) or None,
                tuning=tuning,
            )
            trained.append(trainings.train_and_serve(adapters, version))
        served = {campaign.solution for campaign in adapters.registry.all(Campaign)}

    def show(versions: list[SolutionVersion]) -> None:
        for version in versions:
            _print_version(version, version.solution in served)

    print_result(trained, json, show)


def _print_version(version: SolutionVersion, is_served: bool) -> None:
    fate = "goes live" if is_served else "waits for a campaign to serve it"
    print(
        f"{version.name} {fate}: trained on {version.events:,} events of"
        f" {version.users:,} visitors and {version.items:,} items"
    )
    if version.tuned is None:
        return
    line = f"  tuned in {len(version.tuned.trials)} trials: {version.tuned.note}"
    if version.tuned.settings:  # of other visitors than the trials, so that the gain is true
        before, after = version.tuned.given_ndcg_at_10, version.tuned.best_ndcg_at_10
        values = ", ".join(f"{name}={value:.4g}" for name, value in version.tuned.settings.items())
        line += f" (NDCG@10 {before:.4f} -> {after:.4f}): {values}"
    print(line)


def _went_wrong(record: "RunRecord") -> bool:
    return record.outcome in trainings.BAD


def _print_runs(records: list["RunRecord"]) -> None:
    trainings.print_runs(records)


def _print_run(record: "RunRecord") -> None:
    trainings.print_run(record)


@on_data(_print_run, failed=_went_wrong)
def retrain(
    adapters: "Adapters",
    at: options.At = None,
    wait: Annotated[
        bool, typer.Option(help="Show how it goes, to its end; else return at once.")
    ] = True,
    dataset_group: Annotated[
        str | None,
        typer.Option(
            help="Only what asks for it in this dataset group, by its name or ARN.",
            show_default="all",
        ),
    ] = None,
    solution: Annotated[
        str | None,
        typer.Option(help="Only this solution, whether it asks or not.", show_default="all"),
    ] = None,
) -> "RunRecord":
    """Train new solution versions now, and serve those that prove themselves.

    Every solution that a campaign serves gets one, in every dataset group, unless it has
    `retrain: false`. One that fails does not stop another.

    Needs no running server; running ones follow. Ctrl-C ends the watching, not the run. Exit
    code 0 whatever the gate decides or if there is nothing to do; 1 if the run failed, was
    cancelled or timed out, or if another one runs.

    Example: pawsonalize retrain --solution recommender
    """
    from pawsonalize.train.retrained import Part
    from pawsonalize.train.retraining.runs import Trigger

    as_of = None if at is None else parse_moment(at, "--at")
    part = Part(dataset_group and dataset_group_of(adapters, dataset_group), solution)
    record = adapters.runs.begin(Trigger.COMMAND, clock.now(), as_of, part)
    if wait:
        return trainings.follow(adapters, record.run_id)
    trainings.start(adapters)
    return record


@add_command(app, "ls", _print_runs)
def ls(
    adapters: "Adapters",
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="At most so many, newest first.")
    ] = 20,
) -> list["RunRecord"]:
    """List the newest runs and how they ended.

    Example: pawsonalize runs ls
    """
    return adapters.runs.newest(limit)


@add_command(app, "show", _print_run)
def show(adapters: "Adapters", run: RunId) -> "RunRecord":
    """Show what a run found, how it decided and why, and how long each step took.

    Example: pawsonalize runs show retrain-20260518T030000000Z
    """
    return adapters.runs.get(run)


@add_command(app, "watch", _print_run, failed=_went_wrong)
def watch(adapters: "Adapters", run: RunId) -> "RunRecord":
    """Follow a run to its end; one that nobody works on any more is taken up where it stopped.

    Exit codes as of `retrain`.

    Example: pawsonalize runs watch retrain-20260518T030000000Z
    """
    return trainings.follow(adapters, run)


@add_command(
    app, "cancel", lambda record: print(f"{record.run_id} is {record.status}: {record.reason}")
)
def cancel(adapters: "Adapters", run: RunId) -> "RunRecord":
    """Stop a run and its training, and wait until it has stopped; what is served stays.

    Example: pawsonalize runs cancel retrain-20260518T030000000Z
    """
    adapters.runs.cancel(run)
    return trainings.follow(adapters, run)
