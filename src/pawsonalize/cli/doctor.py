"""`pawsonalize doctor`: what is there, what goes wrong, and what to do about it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.options import DataDir, Json
from pawsonalize.cli.terminal import print_listing, say
from pawsonalize.domain.errors import NotFound, StorageUnavailable
from pawsonalize.settings import load_settings

if TYPE_CHECKING:
    from pawsonalize.app.checks import Diagnosis


def doctor(
    mend_rights: Annotated[
        bool,
        typer.Option(
            "--mend-rights", help="First take our files from those who may not read them."
        ),
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Look at everything and say what needs attention; exit code 1 if something does.

    It changes nothing, unless you say --mend-rights: then each change is listed.

    Example: pawsonalize doctor --data-dir pawsonalize-data
    """
    from pawsonalize.app.checks import needing_attention
    from pawsonalize.app.doctor import examine_all

    settings = load_settings({"data_dir": data_dir})
    if mend_rights:
        _mend_rights(settings.data_dir.absolute(), settings.data_access)
    findings = list(examine_all(settings, clock.now()))
    if json:
        print(msgspec.json.encode(findings).decode())
    else:
        _print(findings)
    if needing_attention(findings):
        raise typer.Exit(1)


def _mend_rights(folder: Path, access: str) -> None:
    from pawsonalize.storage.data_folder import is_data_folder, set_mode, wrong_rights

    if not is_data_folder(folder):
        raise NotFound(f"there is no data folder {folder}: name the right one with --data-dir")
    for path, mode, right in wrong_rights(folder, access):
        try:
            set_mode(path, right)
        except FileNotFoundError:  # a server lives, and took it away
            continue
        except OSError as error:
            raise StorageUnavailable(
                f"the mode of {path} cannot be changed ({error.strerror}): run this as its owner"
            ) from error
        say(f"{mode:o} → {right:o}  {path}")


def _print(findings: list["Diagnosis"]) -> None:
    from rich.text import Text

    from pawsonalize.app.checks import Verdict

    rows = []
    for finding in findings:
        needs_attention = finding.verdict is Verdict.ATTENTION
        sign = Text("!", style="red") if needs_attention else Text("✓", style="green")
        text = finding.message + (f"\n→ {finding.next_move}" if finding.next_move else "")
        rows.append((sign, finding.check, text))
    print_listing(("", "", ""), rows, 200)
