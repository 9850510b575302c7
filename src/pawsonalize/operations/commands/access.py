"""`pawsonalize keys` and `audit`: who may call, and who changed what."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize.app.cli.opening import add_command, opened, opened_or_made
from pawsonalize.app.cli.options import DataDir, Json, command_group
from pawsonalize.app.cli.terminal import say
from pawsonalize.app.settings import Settings, load_settings
from pawsonalize.core import clock
from pawsonalize.core.times import DAY, iso
from pawsonalize.resources.commands import rows_of

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.core.database.journal import AuditEntry
    from pawsonalize.resources.access_keys import AccessKey


app = command_group("Access keys: who may call, and what.")

KeyId = Annotated[str, typer.Argument(help="The access key's id.")]
_TABLE = ["name", "scopes", "dataset_group", "note", "origins"]
_TABLE += ["created_at", "last_used_at", "expires_at"]


class For(StrEnum):
    """Values of `--scope`: the scopes of `access_keys`, which takes long to import."""

    BROWSER = "browser"
    EVENTS = "events"
    RUNTIME = "runtime"
    SITE = "site"
    DESK = "desk"
    CONTROL_PLANE = "control-plane"
    MONITOR = "monitor"
    OPERATOR = "operator"


Scopes = Annotated[
    list[For] | None,
    typer.Option(
        "--scope", help="What it is for; may be repeated.", show_default=For.OPERATOR.value
    ),
]
Origins = Annotated[
    list[str] | None,
    typer.Option(
        "--origin", help="Whose pages may use it, such as https://shelter.example; may be repeated."
    ),
]


@app.command("create")
def create(
    scopes: Scopes = None,
    note: Annotated[str, typer.Option(help="Who it is for.")] = "",
    dataset_group: Annotated[
        str | None, typer.Option(help="The only dataset group that it reaches.", show_default="all")
    ] = None,
    origins: Origins = None,
    rate: Annotated[
        str,
        typer.Option(
            help="Rate at which it may be used, such as 50/second.", show_default="by the settings"
        ),
    ] = "",
    expires_in_days: Annotated[
        float | None, typer.Option(min=0, help="When it ends.", show_default="never")
    ] = None,
    *,
    if_none: Annotated[
        bool, typer.Option("--if-none", help="Only if there is no key yet.")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Create an access key and show its secret, this once.

    Example: pawsonalize keys create --scope site --note "the adoption site's server"
    """
    from pawsonalize.core.scopes import Scope
    from pawsonalize.operations.limits import check_rate
    from pawsonalize.resources.access_keys import ADOPTION_SITE

    check_rate(rate, "--rate")
    settings, now = load_settings({"data_dir": data_dir}), clock.real_now()
    with opened_or_made(settings) as adapters:
        keys = adapters.access_keys
        if if_none and any(key.note != ADOPTION_SITE for key in keys.all()):
            say("there are keys already: none was created", "dim")
            return
        key, secret = keys.create(
            list(map(Scope, scopes or [For.OPERATOR])),
            note,
            now,
            dataset_group=dataset_group,
            origins=origins or (),
            rate=rate,
            expires_at=None if expires_in_days is None else now + round(expires_in_days * DAY),
        )
    _show_secret(key, secret, settings, json)
    if Scope.BROWSER in key.scopes and not key.origins:
        say(
            "it names no origin, so only pages of this service's own address may use it: for those"
            " of another site make a key with --origin, such as --origin https://shelter.example",
            "yellow",
        )


@app.command("rotate")
def rotate(
    key: KeyId,
    overlap_days: Annotated[
        float, typer.Option(min=0, help="For how long the old key still works.")
    ] = 7.0,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Create a key like this one and show its secret; the old one ends when the overlap is over.

    Example: pawsonalize keys rotate PAWSXXXXXXXXXXXXXXXX --overlap-days 2
    """
    with opened(data_dir) as adapters:
        new, secret = adapters.access_keys.rotate(key, overlap_days, clock.real_now())
    _show_secret(new, secret, adapters.settings, json)


@add_command(app, "ls", rows_of(_TABLE))
def ls(adapters: "Adapters") -> list["AccessKey"]:
    """List the access keys, newest first, with when they were last used; never their secrets.

    Example: pawsonalize keys ls
    """
    return list(adapters.access_keys.all())


@add_command(app, "delete")
def delete(adapters: "Adapters", key: KeyId) -> dict[str, str]:
    """Take an access key back; running servers refuse it within a second.

    Example: pawsonalize keys delete PAWSXXXXXXXXXXXXXXXX
    """
    adapters.access_keys.delete(key)
    return {"deleted": key}


def _show_secret(key: "AccessKey", secret: str, settings: Settings, json: bool) -> None:
    token = f"{key.name}.{secret}"
    if json:
        shown = {"token": token, "accessKeyId": key.name, "secretAccessKey": secret}
        print(msgspec.json.encode({**shown, "scopes": key.scopes}).decode())
        return
    print(f"PAWSONALIZE_KEY={token}")
    print(f"AWS_ACCESS_KEY_ID={key.name}")
    print(f"AWS_SECRET_ACCESS_KEY={secret}")
    print(f"AWS_REGION={settings.aws_region}")


audit_app = command_group("The audit log: who changed what.")


def _print_actions(actions: list["AuditEntry"]) -> None:
    for one in actions:
        print(f"{iso(one.at)}  {one.who}  {one.what}  {one.target or '-'}  {one.outcome}")


@add_command(audit_app, "ls", _print_actions)
def list_actions(
    adapters: "Adapters", limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50
) -> list["AuditEntry"]:
    """List what was changed, newest first: when, by whom, to what.

    Example: pawsonalize audit ls --limit 20
    """
    return [one for _, one in adapters.audit.newest(limit)]
