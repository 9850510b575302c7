"""`pawsonalize doctor`: what is there, what goes wrong, and what to do about it."""

from typing import TYPE_CHECKING

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.options import DataDir, Json
from pawsonalize.cli.terminal import wide_console
from pawsonalize.settings import load_settings

if TYPE_CHECKING:
    from pawsonalize.app.doctor import Diagnosis

_FILE_WIDTH = 200


def doctor(data_dir: DataDir = None, json: Json = False) -> None:
    """Look at everything and say what needs attention; exit code 1 if something does.

    Example: pawsonalize doctor --data-dir pawsonalize-data
    """
    from pawsonalize.app.doctor import Verdict, examine

    findings = list(examine(load_settings({"data_dir": data_dir}), clock.now()))
    if json:
        print(msgspec.json.encode(findings).decode())
    else:
        _print(findings)
    if any(finding.verdict is Verdict.ATTENTION for finding in findings):
        raise typer.Exit(1)


def _print(findings: list["Diagnosis"]) -> None:
    from rich.table import Table
    from rich.text import Text

    from pawsonalize.app.doctor import Verdict

    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        needs_attention = finding.verdict is Verdict.ATTENTION
        sign = Text("!", style="red") if needs_attention else Text("✓", style="green")
        text = finding.message + (f"\n→ {finding.next_move}" if finding.next_move else "")
        table.add_row(sign, Text(finding.check), Text(text))
    wide_console(_FILE_WIDTH).print(table)
