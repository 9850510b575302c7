"""Options that several commands share, and the groups that commands stand in."""

from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from typer.core import TyperGroup

from pawsonalize.app.cli.terminal import say
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import Visitor
from pawsonalize.core.limits import parse_id
from pawsonalize.core.plugin import absence
from pawsonalize.resources.solutions import MAX_TRIALS, Tuning

DataDir = Annotated[
    Path | None, typer.Option(help="Where everything lives.", show_default="./pawsonalize-data")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
At = Annotated[
    str | None, typer.Option(help="As of this moment: ISO 8601 or epoch.", show_default="now")
]
DatasetGroupName = Annotated[
    str | None,
    typer.Option(help="The dataset group, by its name or ARN.", show_default="pawsonalize"),
]
Host = Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")]
Port = Annotated[int | None, typer.Option(help="Port to listen on; 0: any.", show_default="8080")]
Workers = Annotated[int | None, typer.Option(help="Server processes.", show_default="1")]
User = Annotated[str | None, typer.Option(help="The user who asks.")]
Session = Annotated[str | None, typer.Option(help="The session that asks.")]
RecipeName = Annotated[
    str | None, typer.Option(help="The recipe.", show_default="user-personalization")
]
Encoding = Annotated[
    str | None, typer.Option(help="Such as utf-8, cp1252, utf-16.", show_default="as it looks")
]
Separator = Annotated[
    str | None,
    typer.Option(help="comma, semicolon, tab or a character.", show_default="as it looks"),
]
Setting = Annotated[
    list[str] | None,
    typer.Option("--set", help="A setting of the recipe, name=value; may be repeated."),
]
Seed = Annotated[int, typer.Option(help="Same data, same seed, same result.")]
Tune = Annotated[
    int | None,
    typer.Option(help="Try so many settings first and keep the best.", show_default="no tuning"),
]
TuneSeconds = Annotated[
    float | None,
    typer.Option(help="Begin no trial after so long.", show_default="as long as it takes"),
]


def read_tuning(trials: int | None, seconds: float | None) -> Tuning | None:
    """Return the tuning of `--tune` and `--tune-seconds`; InvalidInput where they are wrong."""
    if trials is None:
        if seconds is not None:
            raise InvalidInput("--tune-seconds goes with --tune: say how many trials")
        return None
    try:
        return msgspec.convert({"trials": trials, "seconds": seconds}, Tuning)
    except msgspec.ValidationError as error:
        raise InvalidInput(
            f"--tune takes 1 to {MAX_TRIALS} trials, --tune-seconds more than 0: {error}"
        ) from error


def visitor_of(user: str | None, session: str | None) -> Visitor:
    """Return the visitor of `--user` and `--session`; either may be missing."""
    return Visitor(
        None if user is None else parse_id(user, "--user"),
        None if session is None else parse_id(session, "--session"),
    )


def read_pairs(given: list[str] | None, option: str = "--set") -> dict[str, str]:
    """Return the values of a repeated option; InvalidInput for one that is not name=value."""
    pairs = [text.partition("=") for text in given or []]
    for name, equals, _value in pairs:
        if not name or not equals:
            raise InvalidInput(f"{option} takes name=value, not {name}")
    return {name: value for name, _, value in pairs}


running_command: ContextVar[tuple[str, tuple[str, ...]] | None] = ContextVar(
    "running_command", default=None
)
"""The words of the command that runs, and what was given to it; None where no command does."""


_OLD_VERBS = {"rm": "delete", "add": "create"}


def say_new(old: str, new: str) -> None:
    """Say on stderr how a command is written now, whose old spelling was used."""
    say(f"`{old}` is now `{new}`; the next release takes the old spelling away", "yellow")


class CommandGroup(TyperGroup):
    """Commands under one name; their help is plain text, and quick to import."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return all options; flags are false by default: for None, Typer imports Pydantic."""
        params: list[Any] = super().get_params(ctx)
        for one in params:
            if getattr(one, "is_flag", False) and one.default is None:
                one.default = False
        return params

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command, and remember which one it is."""
        if ctx.parent is None and (reason := absence(f"command {args[0]}")):
            raise InvalidInput(f"there is no command {args[0]}: {reason}")
        verb = _OLD_VERBS.get(args[0], "")
        if args[0] not in self.commands and verb in self.commands:
            path = " ".join(ctx.command_path.split()[1:])
            say_new(f"{path} {args[0]}", f"{path} {verb}")
            args = [verb, *args[1:]]
        name, command, rest = super().resolve_command(ctx, args)
        if not isinstance(command, TyperGroup):
            words = " ".join([*ctx.command_path.split()[1:], name or ""])
            running_command.set((words, tuple(rest)))
        return name, command, rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the first sentence of each command's help, however long, panel by panel."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.commands[name]
            if not command.hidden:
                about = (command.help or "").partition("\n\n")[0].replace("\n", " ")
                panel = getattr(command, "rich_help_panel", None) or "Commands"
                panels.setdefault(panel, []).append((name, about))
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl(rows)


class Command(msgspec.Struct, frozen=True):
    """A command, or a group of commands, that a plugin adds."""

    name: str
    """Its words, such as `backup`, or `animals import` for one in the group `animals`."""
    run: typer.Typer | Callable[..., object]
    panel: str = ""
    """The headline under which the help of `pawsonalize` lists it."""
    after: str = ""
    """The command there that it follows; empty: all."""


def command_group(about: str, **settings: Any) -> typer.Typer:
    """A group of commands that prints its help where no command is named."""
    return typer.Typer(cls=CommandGroup, no_args_is_help=True, help=about, **settings)
