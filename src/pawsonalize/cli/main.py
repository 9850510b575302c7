"""`pawsonalize`: every command, and what an error looks like."""

import sys
from contextlib import suppress

import typer
from rich.console import Console

from pawsonalize.cli import (
    animals,
    archive,
    batch_jobs,
    campaigns,
    dataset_groups,
    datasets,
    demo,
    doctor,
    evaluate,
    event_trackers,
    filters,
    fold,
    follow_latest,
    importing,
    keys,
    notifications,
    outcomes,
    retrain,
    runs,
    serve,
    solution_versions,
    solutions,
    train,
    train_version,
    users,
    work,
)
from pawsonalize.domain.errors import InvalidInput, NotFound, PawsonalizeError
from pawsonalize.settings import read_settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A self-hosted, real-time recommender for adoptable pets.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong input (the message names the next move).",
)
app.command()(demo.demo)
app.command()(serve.serve)
app.command("import")(importing.import_)
app.command()(train.train)
app.command(hidden=True)(train_version.train_version)
app.command(hidden=True)(fold.fold)
app.command(hidden=True)(follow_latest.follow_latest)
app.command()(retrain.retrain)
app.command(hidden=True)(work.work)
app.command()(evaluate.evaluate)
app.command()(outcomes.outcomes)
app.command()(doctor.doctor)
app.add_typer(animals.app, name="animals")
app.add_typer(runs.app, name="runs")
app.add_typer(dataset_groups.app, name="dataset-groups")
app.add_typer(datasets.app, name="datasets")
app.add_typer(event_trackers.app, name="event-trackers")
app.add_typer(solutions.app, name="solutions")
app.add_typer(solution_versions.app, name="solution-versions")
app.add_typer(campaigns.app, name="campaigns")
app.add_typer(batch_jobs.app, name="batch-jobs")
app.add_typer(users.app, name="users")
app.add_typer(filters.app, name="filters")
app.add_typer(keys.app, name="keys")
app.add_typer(archive.app, name="archive")
app.add_typer(notifications.app, name="notifications")


def main(*, warn: bool = True) -> None:
    """Run the command line; `warn` of settings that have no effect."""
    if warn:
        _warn()
    try:
        app()
    except PawsonalizeError as error:
        # One line, however long: a path that is broken in two cannot be copied.
        stderr = Console(stderr=True, soft_wrap=True)
        stderr.print(f"error: {error.message}", style="red", markup=False)
        sys.exit(2 if isinstance(error, InvalidInput | NotFound) else 1)


def _warn() -> None:
    with suppress(PawsonalizeError):  # the command itself says what is wrong with them
        for warning in read_settings()[1].warnings:
            stderr = Console(stderr=True, soft_wrap=True)
            stderr.print(f"warning: {warning}", style="yellow", markup=False)


if __name__ == "__main__":
    main()
