"""`pawsonalize dataset-groups usage`: what a dataset group uses, of what it may."""

from typing import Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import Command, DataDir, Json
from pawsonalize.cli.resources import print_rows
from pawsonalize.settings import load_settings


def usage(
    name: Annotated[str, typer.Argument(help="The dataset group.")],
    days: Annotated[int, typer.Option(min=1, max=400, help="How many days.")] = 30,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Show what a dataset group used on each of the last days, and has stored.

    Example: pawsonalize dataset-groups usage shelter-b --days 7
    """
    from pawsonalize.wings.tenants.reports import TenantReports

    settings, now = load_settings({"data_dir": data_dir}), clock.now()
    with opened(settings) as adapters:
        reports = TenantReports(adapters)
        report, used = reports.report(name, now), reports.usage(name, days, now)
    if json:
        print(msgspec.json.encode({"report": report, "days": used}).decode())
        return
    print(f"bytes of models      {report.model_bytes:,}")
    for limit in report.limits:
        part = "" if limit.used is None else f"{limit.used:,} of "
        print(f"{limit.name:<20} {part}{'any' if limit.most is None else f'{limit.most:,}'}")
    print_rows(used, used[0].__struct_fields__ if used else ())


COMMANDS = (Command("dataset-groups usage", usage),)
