"""`pawsonalize erasures`: visitors who are to be forgotten, and the state of that."""

from typing import TYPE_CHECKING, Annotated

import typer

from pawsonalize.app.cli.opening import add_command, dataset_group_of, opened
from pawsonalize.app.cli.options import DataDir, DatasetGroupName, Json, command_group
from pawsonalize.app.cli.terminal import print_result
from pawsonalize.core.errors import InvalidInput, NotFound
from pawsonalize.core.limits import parse_id
from pawsonalize.core.times import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pawsonalize.app.adapters import Adapters
    from pawsonalize.events.erasure.tables import Erasure

app = command_group("Erasures: visitors who are to be forgotten.")


@app.command("create")
def create(
    user: Annotated[str | None, typer.Option(help="A user, with all sessions.")] = None,
    session: Annotated[str | None, typer.Option(help="A visitor who has but a session.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dataset_group: DatasetGroupName = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Erase a visitor from tables, archive and kept rows of models, now; what fails is tried again.

    Whom several dataset groups know is erased from one of them. Exit code 1 if it is not done yet:
    a running server goes on with it.

    Example: pawsonalize erasures create --user ann --yes
    """
    if (user is None) is (session is None):
        raise InvalidInput("say whom: --user or --session")
    name = parse_id(user or session, "userId" if user else "sessionId")
    if not yes:
        typer.confirm(f"Erase {name} for good?", abort=True)
    with opened(data_dir) as adapters:
        group = dataset_group_of(adapters, dataset_group)
        work = adapters.erasing
        noted = (work.erase_user if user else work.erase_session)(name, group)
        done = work.attempt(noted.erasure_id) or noted
    print_result(done, json, _print)
    if done.done_at is None:
        raise typer.Exit(1)


def _print_list(found: "Sequence[Erasure]") -> None:
    for one in found:
        print(f"{one.erasure_id}  {one.status}  {iso(one.noted_at)}  {one.deleted:,} rows")


@add_command(app, "ls", _print_list)
def ls(
    adapters: "Adapters", limit: Annotated[int, typer.Option(help="At most so many.")] = 20
) -> "Sequence[Erasure]":
    """List the newest erasures.

    Example: pawsonalize erasures ls
    """
    return adapters.erasures.newest(limit)


def _print(one: "Erasure") -> None:
    print(f"{one.erasure_id}: {one.status}, {one.deleted:,} rows deleted")
    for trouble in one.troubles:
        print(f"  {trouble.place}: {trouble.reason}")
    for file in one.files:
        print(f"  may hold the visitor, for you to delete: {file}")


@add_command(app, "show", _print)
def show(
    adapters: "Adapters", erasure_id: Annotated[str, typer.Argument(help="The erasure.")]
) -> "Erasure":
    """Show an erasure: what is not done and why, and files for you to delete.

    Example: pawsonalize erasures show erasure-20261124T150000000Z-1f2e3d
    """
    found = adapters.erasures.get(erasure_id)
    if found is None:
        raise NotFound(f"there is no erasure {erasure_id}: see `pawsonalize erasures ls`")
    return found
