"""`pawsonalize keys`: who may call the Personalize API, and what."""

from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.opening import opened, opened_or_made
from pawsonalize.cli.options import DataDir, Json, command_group
from pawsonalize.cli.resources import print_table
from pawsonalize.settings import load_settings

app = command_group("Access keys: who may call the Personalize API.")


class For(StrEnum):
    """What `--scope` may say: the scopes of `access_keys`, which takes long to import."""

    EVENTS = "events"
    RUNTIME = "runtime"
    CONTROL_PLANE = "control-plane"


@app.command("create")
def create(
    scopes: Annotated[
        list[For] | None,
        typer.Option("--scope", help="What it is for; may be repeated.", show_default="all"),
    ] = None,
    note: Annotated[str, typer.Option("--note", help="Who it is for.")] = "",
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Create an access key and show its secret, this once.

    Example: pawsonalize keys create --scope events --scope runtime --note "the adoption site"
    """
    from pawsonalize.engine.resources.access_keys import Scope

    settings = load_settings({"data_dir": data_dir})
    with opened_or_made(settings) as adapters:
        keys = adapters.access_keys(settings)
        key, secret = keys.create(list(map(Scope, scopes or Scope)), note, clock.now())
    if json:
        shown = {"accessKeyId": key.name, "secretAccessKey": secret, "scopes": key.scopes}
        print(msgspec.json.encode(shown).decode())
        return
    print(f"AWS_ACCESS_KEY_ID={key.name}")
    print(f"AWS_SECRET_ACCESS_KEY={secret}")
    print(f"AWS_REGION={settings.aws_region}")


@app.command("ls")
def ls(data_dir: DataDir = None, json: Json = False) -> None:
    """List the access keys, newest first; nothing shows their secrets.

    Example: pawsonalize keys ls
    """
    settings = load_settings({"data_dir": data_dir})
    with opened(settings) as adapters:
        keys = list(adapters.access_keys(settings).all())
    if json:
        print(msgspec.json.encode(keys).decode())
        return
    print_table(keys, ("name", "scopes", "note", "created_at"))


@app.command("rm")
def rm(
    key: Annotated[str, typer.Argument(help="The access key's id.")], data_dir: DataDir = None
) -> None:
    """Take an access key back; running servers refuse it within a second.

    Example: pawsonalize keys rm PAWSXXXXXXXXXXXXXXXX
    """
    settings = load_settings({"data_dir": data_dir})
    with opened(settings) as adapters:
        adapters.access_keys(settings).delete(key)
