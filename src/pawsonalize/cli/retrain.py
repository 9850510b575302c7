"""`pawsonalize retrain`: train, judge and promote now, as the schedule does every day."""

from typing import Annotated

import typer

from pawsonalize import clock
from pawsonalize.cli.following import finish, follow, started
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import At, DataDir, Json
from pawsonalize.domain.times import parse_moment
from pawsonalize.settings import load_settings
from pawsonalize.workflow.record import Trigger


def retrain(
    at: At = None,
    wait: Annotated[
        bool, typer.Option(help="Show how it goes, to its end; else return at once.")
    ] = True,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Train new solution versions now, and serve those that prove themselves.

    Needs no running server; running ones follow. Ctrl-C ends the watching, not the run. Exit
    code 0 whatever the gate decides or if there is nothing to do; 1 if the run failed, was
    cancelled or timed out, or if another one runs.

    Example: pawsonalize retrain
    """
    settings = load_settings({"data_dir": data_dir})
    now = clock.now()
    as_of = None if at is None else parse_moment(at, "--at")
    with opened(settings) as adapters:
        record = adapters.runs(settings).begin(Trigger.COMMAND, now, as_of)
        if wait:
            record = follow(settings, adapters, record.run_id)
        else:
            started(settings, adapters)
    finish(record, json)
