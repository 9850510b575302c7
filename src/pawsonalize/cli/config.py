"""`pawsonalize config`: every setting, its value and where it is from; whether all can be meant."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from pawsonalize.cli.options import DataDir, Json, command_group
from pawsonalize.cli.terminal import print_listing
from pawsonalize.config import display_value
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.settings import kinds_of_settings, read_settings

app = command_group("Settings: what they are, where they come from, whether they can be used.")


@app.command("show")
def show(
    given: Annotated[
        bool, typer.Option("--given", help="Only those that are set somewhere.")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Show each setting, its value, and where it comes from; secrets and passwords are hidden.

    Example: pawsonalize config show --given
    """
    settings, written = read_settings({"data_dir": data_dir})
    sources = dict(written.sources) | ({} if data_dir is None else {"data_dir": "--data-dir"})
    values = {name: display_value(settings.value(name)) for name in kinds_of_settings()}
    rows = [
        {"setting": name, "value": values[name], "source": sources.get(name, "default")}
        for name in sorted(values)
        if name in sources or not given
    ]
    if json:
        print(msgspec.json.encode(rows).decode())
        return
    if not rows:
        print("nothing is set: all settings have their defaults")
        return
    print_listing(("setting", "value", "from"), ([v or "-" for v in row.values()] for row in rows))


@app.command("check")
def check(
    file: Annotated[
        Path | None,
        typer.Argument(help="A config file.", show_default="the file that would be read"),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Check a config file and the environment: what `serve` would refuse is refused here.

    A name that does not exist is refused with the nearest that does. Exit code 2 if anything cannot
    be used.

    Example: pawsonalize config check
    """
    from pawsonalize.app.configuration import not_in_tables, unusable

    if file is not None and not file.is_file():
        raise InvalidInput(f"there is no file {file}: write one with `pawsonalize init`")
    settings, written = read_settings({"data_dir": data_dir}, file)
    wrong = [*written.warnings, *unusable(settings)] or list(not_in_tables(settings))
    if wrong:
        raise InvalidInput("; ".join(wrong))
    where = "no config file" if written.file is None else str(written.file)
    count = len(written.sources)
    print(f"{where} and the environment can be used: {count} {_settings(count)} given")


def _settings(count: int) -> str:
    return "setting is" if count == 1 else "settings are"
