"""`pawsonalize users`: erasing them."""

from typing import Annotated

import typer

from pawsonalize.app.jobs import background_jobs, erasing
from pawsonalize.cli.dataset_group import dataset_group_of
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import DataDir, DatasetGroupName, Json
from pawsonalize.cli.resource_table import print_fields
from pawsonalize.domain.ids import parse_id
from pawsonalize.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Users, who may be erased.")


@app.callback()
def users() -> None:
    """Users, who may be erased."""


@app.command("erase")
def erase(
    user_id: Annotated[str, typer.Argument(help="The user.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dataset_group: DatasetGroupName = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Erase a user's events, sessions, attributes and answers, from the archive as well.

    A user whom several dataset groups know is erased from one of them. The models that serve know
    the user until they are trained again.

    Example: pawsonalize users erase ann --yes
    """
    user_id = parse_id(user_id, "userId")
    if not yes:
        typer.confirm(f"Erase {user_id} for good?", abort=True)
    settings = load_settings({"data_dir": data_dir})
    with opened(settings) as adapters:
        jobs = background_jobs(settings, adapters)
        group = dataset_group_of(adapters, settings, dataset_group)
        job = erasing(settings, adapters).erase_user(user_id, dataset_group=group)
        done = jobs.finish(job)
        print_fields(done, json)
    if done.failure_reason:
        raise typer.Exit(1)
