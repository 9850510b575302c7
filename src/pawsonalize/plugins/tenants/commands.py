"""`pawsonalize dataset-groups usage`: what a dataset group uses, of what it may."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pawsonalize.app.cli.opening import on_data
from pawsonalize.app.cli.options import Command
from pawsonalize.core import clock
from pawsonalize.resources.commands import print_rows

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters


def _print_usage(found: dict[str, Any]) -> None:
    report, used = found["report"], found["days"]
    print(f"bytes of models      {report.model_bytes:,}")
    for limit in report.limits:
        part = "" if limit.used is None else f"{limit.used:,} of "
        print(f"{limit.name:<20} {part}{'any' if limit.most is None else f'{limit.most:,}'}")
    print_rows(used, used[0].__struct_fields__ if used else ())


@on_data(_print_usage)
def usage(
    adapters: "Adapters",
    name: Annotated[str, typer.Argument(help="The dataset group.")],
    days: Annotated[int, typer.Option(min=1, max=400, help="How many days.")] = 30,
) -> dict[str, object]:
    """Show what a dataset group used on each of the last days, and has stored.

    Example: pawsonalize dataset-groups usage shelter-b --days 7
    """
    from pawsonalize.plugins.tenants.reports import TenantReports

    reports, now = TenantReports(adapters), clock.now()
    return {"report": reports.report(name, now), "days": reports.usage(name, days, now)}


COMMANDS = (Command("dataset-groups usage", usage),)
