"""`pawsonalize event-trackers`: who may send events over the Personalize API."""

from typing import Annotated

import typer

from pawsonalize import clock
from pawsonalize.cli.dataset_group import dataset_group_of
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import DataDir, DatasetGroupName, Json
from pawsonalize.cli.resource_commands import add_ls, add_show
from pawsonalize.cli.resource_table import print_fields
from pawsonalize.engine.resources.datasets import EventTracker
from pawsonalize.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Event trackers: ids to send events with.")
add_ls(app, EventTracker, ("name", "dataset_group", "tracking_id", "status"), "event-trackers")
add_show(app, EventTracker, "event-trackers", "shelter-b")

Name = Annotated[str, typer.Argument(help="The event tracker.")]


@app.command("create")
def create(
    name: Name, dataset_group: DatasetGroupName = None, data_dir: DataDir = None, json: Json = False
) -> None:
    """Create the event tracker of a dataset group, which has one, and print its tracking id.

    Example: pawsonalize event-trackers create shelter-b --dataset-group shelter-b
    """
    settings = load_settings({"data_dir": data_dir})
    with opened(settings) as adapters:
        group = dataset_group_of(adapters, settings, dataset_group)
        print_fields(adapters.datasets.create_tracker(name, group, clock.now()), json)


@app.command("delete")
def delete(name: Name, data_dir: DataDir = None) -> None:
    """Delete an event tracker: its tracking id takes no more events, those there are stay.

    Example: pawsonalize event-trackers delete shelter-b
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        adapters.registry.delete(EventTracker, name)
