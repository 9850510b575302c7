"""`pawsonalize dataset-groups`, and what belongs to one: datasets, event trackers, filters."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pawsonalize import clock
from pawsonalize.cli.opening import dataset_group_of, opened, opened_or_made
from pawsonalize.cli.options import DataDir, DatasetGroupName, Json, command_group
from pawsonalize.cli.resources import add_ls, add_show, print_fields
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.settings import load_settings

if TYPE_CHECKING:
    from pawsonalize.engine.resources.datasets import Dataset, DatasetGroup, EventTracker, Filter


def _group() -> type["DatasetGroup"]:
    from pawsonalize.engine.resources.datasets import DatasetGroup

    return DatasetGroup


def _dataset() -> type["Dataset"]:
    from pawsonalize.engine.resources.datasets import Dataset

    return Dataset


def _tracker() -> type["EventTracker"]:
    from pawsonalize.engine.resources.datasets import EventTracker

    return EventTracker


def _filter() -> type["Filter"]:
    from pawsonalize.engine.resources.datasets import Filter

    return Filter


groups = command_group("Dataset groups: datasets and solutions that belong together.")
add_ls(groups, "dataset group", _group, ("name", "status", "created_at"), by_dataset_group=False)
add_show(groups, "dataset group", _group, "shelter-b")

app = command_group("Datasets: interactions, items and users.")
add_ls(app, "dataset", _dataset, ("name", "dataset_group", "dataset_type", "schema", "status"))
add_show(app, "dataset", _dataset, "shelter-b-items")

trackers = command_group("Event trackers: ids to send events with.")
add_ls(trackers, "event tracker", _tracker, ("name", "dataset_group", "tracking_id", "status"))
add_show(trackers, "event tracker", _tracker, "shelter-b")

filters = command_group("Filters: which items an answer may hold.")
add_ls(filters, "filter", _filter, ("name", "dataset_group", "status", "expression"))
add_show(filters, "filter", _filter, "dogs-only")

Group = Annotated[str, typer.Argument(help="The dataset group.")]
Tracker = Annotated[str, typer.Argument(help="The event tracker.")]
FilterName = Annotated[str, typer.Argument(help="The filter.")]


@groups.command("create")
def create_group(name: Group, data_dir: DataDir = None, json: Json = False) -> None:
    """Create a dataset group; running servers know it at once.

    Example: pawsonalize dataset-groups create shelter-b
    """
    with opened_or_made(load_settings({"data_dir": data_dir})) as adapters:
        print_fields(adapters.registry.create(_group()(name=name), clock.now()), json)


@groups.command("delete")
def delete_group(name: Group, data_dir: DataDir = None) -> None:
    """Delete a dataset group with what is left of its data; what is in it goes first.

    Example: pawsonalize dataset-groups delete shelter-b
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        adapters.datasets.delete_group(name)


@app.command("create")
def create(
    dataset_type: Annotated[str, typer.Argument(help="Interactions, Items or Users.")],
    dataset_group: DatasetGroupName = None,
    schema: Annotated[
        str | None,
        typer.Option(
            help="A file of Avro JSON, or the name of a schema that is there.",
            show_default="the columns of the default dataset group",
        ),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Create a dataset; its name is its dataset group's and its type.

    Example: pawsonalize datasets create Items --dataset-group shelter-b --schema items.avsc
    """
    from pawsonalize.engine.resources.schemas import dataset_type_named

    settings = load_settings({"data_dir": data_dir})
    kind = dataset_type_named(dataset_type)
    with opened(settings) as adapters:
        group = dataset_group_of(adapters, settings, dataset_group)
        dataset = adapters.datasets.describe(group, kind, _schema(schema), clock.now())
        print_fields(dataset, json)


@app.command("delete")
def delete(
    name: Annotated[str, typer.Argument(help="The dataset.")], data_dir: DataDir = None
) -> None:
    """Delete a dataset with its data, unless something is imported into it.

    Example: pawsonalize datasets delete shelter-b-items
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        adapters.datasets.delete(name)


def _schema(given: str | None) -> str | None:
    """What the file holds, or the name as it is."""
    if given is None or not Path(given).is_file():
        return given
    try:
        return Path(given).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{given} cannot be read: {error}", field="schema") from error


@trackers.command("create")
def create_tracker(
    name: Tracker,
    dataset_group: DatasetGroupName = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Create the event tracker of a dataset group, which has one, and print its tracking id.

    Example: pawsonalize event-trackers create shelter-b --dataset-group shelter-b
    """
    settings = load_settings({"data_dir": data_dir})
    with opened(settings) as adapters:
        group = dataset_group_of(adapters, settings, dataset_group)
        print_fields(adapters.datasets.create_tracker(name, group, clock.now()), json)


@trackers.command("delete")
def delete_tracker(name: Tracker, data_dir: DataDir = None) -> None:
    """Delete an event tracker: its tracking id takes no more events, those there are stay.

    Example: pawsonalize event-trackers delete shelter-b
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        adapters.registry.delete(_tracker(), name)


@filters.command("create")
def create_filter(
    name: FilterName,
    expression: Annotated[str, typer.Argument(help="What passes: see docs/reference/filters.md.")],
    dataset_group: DatasetGroupName = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Create a filter; running servers know it at once.

    Example: pawsonalize filters create dogs-only 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("2")'
    """
    settings = load_settings({"data_dir": data_dir})
    with opened(settings) as adapters:
        group = dataset_group_of(adapters, settings, dataset_group)
        created = adapters.filters.create(name, expression, clock.now(), dataset_group=group)
        print_fields(created, json)


@filters.command("delete")
def delete_filter(name: FilterName, data_dir: DataDir = None) -> None:
    """Delete a filter; who names it from now on is told that there is none.

    Example: pawsonalize filters delete dogs-only
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        adapters.registry.delete(_filter(), name)
