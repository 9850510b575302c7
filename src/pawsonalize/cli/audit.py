"""`pawsonalize audit`: who changed what, and the noting of what commands change."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.options import DataDir, Json, command_group, running_command
from pawsonalize.cli.terminal import say
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.domain.times import iso
from pawsonalize.settings import load_settings

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters

app = command_group("The audit log: who changed what.")

# Commands that only look, and those that the service itself runs.
_READ_ONLY = frozenset(
    {"ls", "show", "usage", "feeds", "exposure", "verify", "doctor", "evaluate", "outcomes"}
    | {"recommend", "rerank", "history", "tail", "status", "servers"}
)
_OWN = frozenset({"train-version", "refresh", "follow-latest", "work", "runs watch"})
_OF_FILES = frozenset({"animals import", "animals watch"})  # a path may name a person


@app.command("ls")
def ls(
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List what was changed, newest first: when, by whom, to what.

    Example: pawsonalize audit ls --limit 20
    """
    from pawsonalize.cli.opening import opened

    settings = load_settings({"data_dir": data_dir})
    with opened(settings) as adapters:
        actions = [action for _, action in adapters.audit.newest(limit)]
    if json:
        print(msgspec.json.encode(actions).decode())
        return
    for one in actions:
        print(f"{iso(one.at)}  {one.who}  {one.what}  {one.target or '-'}  {one.outcome}")


@contextmanager
def record_command(adapters: "Adapters") -> Iterator[None]:
    """Note the command that runs, if it changes something, and how it ended."""
    command = _command()
    if command is None:
        yield
        return
    outcome = "failed"
    try:
        yield
        outcome = "done"
    finally:
        from pawsonalize.storage.audit import AuditEntry

        what, target = command
        try:
            adapters.audit.add(AuditEntry(clock.now(), "command line", what, target, outcome))
        except PawsonalizeError as error:  # what was done stays done
            say(f"not in the audit log: {error.message}", "yellow")


def _command() -> tuple[str, str | None] | None:
    """The words of the command and the name of what it changes; None if it changes nothing."""
    running = running_command.get()
    if running is None:
        return None
    words, given = running
    if words in _OWN or words.rpartition(" ")[2] in _READ_ONLY:
        return None
    is_named = given and not given[0].startswith("-") and words not in _OF_FILES
    return words, given[0] if is_named else None
