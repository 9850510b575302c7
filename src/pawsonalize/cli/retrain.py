"""`pawsonalize retrain`: train, judge and promote now, as the schedule does every day."""

from typing import Annotated

import typer

from pawsonalize import clock
from pawsonalize.cli.dataset_group import dataset_group_of
from pawsonalize.cli.following import finish, follow, started
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import At, DataDir, Json
from pawsonalize.domain.times import parse_moment
from pawsonalize.engine.training.retrained import Part
from pawsonalize.engine.training.retraining.record import Trigger
from pawsonalize.settings import load_settings


def retrain(
    at: At = None,
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
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Train new solution versions now, and serve those that prove themselves.

    Every solution that a campaign serves gets one, in every dataset group, unless it has
    `retrain: false`. One that fails does not stop another.

    Needs no running server; running ones follow. Ctrl-C ends the watching, not the run. Exit
    code 0 whatever the gate decides or if there is nothing to do; 1 if the run failed, was
    cancelled or timed out, or if another one runs.

    Example: pawsonalize retrain --dataset-group shelter-b
    """
    settings = load_settings({"data_dir": data_dir})
    now = clock.now()
    as_of = None if at is None else parse_moment(at, "--at")
    with opened(settings) as adapters:
        group = dataset_group and dataset_group_of(adapters, settings, dataset_group)
        part = Part(group, solution)
        record = adapters.runs(settings).begin(Trigger.COMMAND, now, as_of, part)
        if wait:
            record = follow(settings, adapters, record.run_id)
        else:
            started(settings, adapters)
    finish(record, json)
