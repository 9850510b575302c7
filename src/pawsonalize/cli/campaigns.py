"""`pawsonalize campaigns`: what is served, and how to change it or go back."""

from typing import Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import DataDir, Json
from pawsonalize.cli.resource_table import print_fields, print_table
from pawsonalize.engine.resources.campaigns import Campaign
from pawsonalize.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Campaigns: the solution versions being served.")

Name = Annotated[str, typer.Argument(help="The campaign.")]


@app.command("ls")
def ls(data_dir: DataDir = None, json: Json = False) -> None:
    """List the campaigns, newest first.

    Example: pawsonalize campaigns ls
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        campaigns = list(adapters.registry.all(Campaign))
    if json:
        print(msgspec.json.encode(campaigns).decode())
        return
    print_table(campaigns, ("name", "status", "solution", "solution_version", "previous_version"))


@app.command("show")
def show(name: Name, data_dir: DataDir = None, json: Json = False) -> None:
    """Show a campaign, and what became of its latest update.

    Example: pawsonalize campaigns show recommender
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        print_fields(adapters.campaigns.get(name), json)


@app.command("update")
def update(
    name: Name,
    solution_version: Annotated[str, typer.Argument(help="The solution version to serve.")],
    revision: Annotated[
        int | None,
        typer.Option(help="Only if the campaign is still at this revision.", show_default="any"),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Ask for another solution version; the first server that serves it says so in the campaign.

    Example: pawsonalize campaigns update recommender recommender-20260517T093000000Z-1f2e3d
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        updated = adapters.campaigns.update(
            name, solution_version, clock.now(), expected_revision=revision
        )
    print_fields(updated, json)


@app.command("rollback")
def rollback(name: Name, data_dir: DataDir = None, json: Json = False) -> None:
    """Serve the version before again; running servers hold it ready and follow within a second.

    Example: pawsonalize campaigns rollback recommender
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        print_fields(adapters.campaigns.rollback(name, clock.now()), json)
