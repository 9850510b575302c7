"""`pawsonalize`: every command, and what an error looks like."""

import sys
from contextlib import suppress

from pawsonalize.cli import (
    animals,
    archive,
    audit,
    campaigns,
    consume,
    datasets,
    dead_letters,
    demo,
    doctor,
    erasures,
    evaluate,
    events,
    importing,
    jobs,
    keys,
    notifications,
    outcomes,
    processes,
    runs,
    serve,
    servers,
    solutions,
    train,
    vacuum,
)
from pawsonalize.cli.options import command_group
from pawsonalize.cli.terminal import say
from pawsonalize.domain.errors import InvalidInput, NotFound, PawsonalizeError
from pawsonalize.settings import Settings, read_settings
from pawsonalize.storage.private_files import make_files_private

app = command_group(
    "A self-hosted, real-time recommender for adoptable pets.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich takes longer to import than all else that help needs
    epilog="Exit codes: 0 done, 1 failed, 2 wrong input (the message names the next move).",
)
app.command()(demo.demo)
app.command()(serve.serve)
app.command()(consume.consume)
app.command("import")(importing.import_)
app.command()(train.train)
app.command(hidden=True)(processes.train_version)
app.command(hidden=True)(processes.refresh)
app.command(hidden=True)(processes.follow_latest)
app.command()(runs.retrain)
app.command(hidden=True)(processes.work)
app.command()(evaluate.evaluate)
app.command()(outcomes.outcomes)
app.command()(doctor.doctor)
app.command()(vacuum.vacuum)
app.command()(servers.servers)
app.add_typer(events.app, name="events")
app.add_typer(animals.app, name="animals")
app.add_typer(runs.app, name="runs")
app.add_typer(datasets.groups, name="dataset-groups")
app.add_typer(datasets.app, name="datasets")
app.add_typer(datasets.trackers, name="event-trackers")
app.add_typer(solutions.app, name="solutions")
app.add_typer(solutions.versions, name="solution-versions")
app.add_typer(campaigns.app, name="campaigns")
app.add_typer(jobs.batch_jobs, name="batch-jobs")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(erasures.app, name="erasures")
app.add_typer(datasets.filters, name="filters")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")
app.add_typer(archive.app, name="archive")
app.add_typer(notifications.app, name="notifications")


def main(*, warn: bool = True) -> None:
    """Run the command line; `warn` of settings that have no effect."""
    _prepare(warn=warn)
    try:
        app()
    except PawsonalizeError as error:
        say(f"error: {error}", "red")
        sys.exit(2 if isinstance(error, InvalidInput | NotFound) else 1)


def _prepare(*, warn: bool) -> None:
    """What comes before every command: its files are private, and settings without effect named."""
    settings = Settings()
    with suppress(PawsonalizeError):  # the command itself says what is wrong with them
        settings, written = read_settings()
        for warning in written.warnings if warn else ():
            say(f"warning: {warning}", "yellow")
    make_files_private(settings.data_access)


if __name__ == "__main__":
    main()
