"""`pawsonalize dataset-groups`, and what belongs to one: datasets, event trackers, filters."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.opening import dataset_group_of, opened, opened_or_made
from pawsonalize.cli.options import DataDir, DatasetGroupName, Json, command_group
from pawsonalize.cli.resources import add_ls, add_show, print_fields, print_rows
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.settings import load_settings

if TYPE_CHECKING:
    from pawsonalize.kinds.datasets import Dataset, DatasetGroup, EventTracker, Filter


def _group() -> type["DatasetGroup"]:
    from pawsonalize.kinds.datasets import DatasetGroup

    return DatasetGroup


def _dataset() -> type["Dataset"]:
    from pawsonalize.kinds.datasets import Dataset

    return Dataset


def _tracker() -> type["EventTracker"]:
    from pawsonalize.kinds.datasets import EventTracker

    return EventTracker


def _filter() -> type["Filter"]:
    from pawsonalize.kinds.datasets import Filter

    return Filter


groups = command_group("Dataset groups: datasets and solutions that belong together.")
add_ls(
    groups,
    "dataset group",
    _group,
    ("name", "status", "created_at", "limits"),
    by_dataset_group=False,
)
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
Limits = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        help="name=value, or name= for none: requests_per_minute, events_per_minute,"
        " events_per_day, stored_events, trainings_per_day, event_days, retrain_schedule, weight;"
        " may be repeated.",
    ),
]
Tracker = Annotated[str, typer.Argument(help="The event tracker.")]
FilterName = Annotated[str, typer.Argument(help="The filter.")]


@groups.command("create")
def create_group(
    name: Group, limits: Limits = None, data_dir: DataDir = None, json: Json = False
) -> None:
    """Create a dataset group; running servers know it at once.

    Example: pawsonalize dataset-groups create shelter-b --limit events_per_day=100000
    """
    from pawsonalize.engine.training.group_changes import create_group

    wanted = _limits(limits)
    with opened_or_made(load_settings({"data_dir": data_dir})) as adapters:
        print_fields(create_group(adapters.registry, name, wanted, clock.now()), json)


@groups.command("update")
def update_group(
    name: Group, limits: Limits = None, data_dir: DataDir = None, json: Json = False
) -> None:
    """Change limits of a dataset group; running servers keep to them within a second.

    Example: pawsonalize dataset-groups update shelter-b --limit trainings_per_day=4
    """
    from pawsonalize.engine.training.group_changes import change_limits

    wanted = _limits(limits)
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        print_fields(change_limits(adapters.registry, name, wanted, clock.now()), json)


@groups.command("usage")
def usage(
    name: Group,
    days: Annotated[int, typer.Option(min=1, max=400, help="How many days.")] = 30,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Show what a dataset group used on each of the last days, and has stored.

    Example: pawsonalize dataset-groups usage shelter-b --days 7
    """
    from pawsonalize.app.tenants import tenant_reports

    settings, now = load_settings({"data_dir": data_dir}), clock.now()
    with opened(settings) as adapters:
        reports = tenant_reports(settings, adapters)
        report, used = reports.report(name, now), reports.usage(name, days, now)
    if json:
        print(msgspec.json.encode({"report": report, "days": used}).decode())
        return
    print(f"bytes of models      {report.model_bytes:,}")
    for limit in report.limits:
        part = "" if limit.used is None else f"{limit.used:,} of "
        print(f"{limit.name:<20} {part}{'any' if limit.most is None else f'{limit.most:,}'}")
    print_rows(used, used[0].__struct_fields__ if used else ())


def _limits(given: list[str] | None) -> dict[str, str | None]:
    """The limits of `--limit`; one without a value is taken away."""
    pairs = [text.partition("=") for text in given or []]
    for name, equals, _ in pairs:
        if not equals:
            raise InvalidInput(f"--limit takes name=value, or name= for no limit; not {name}")
    return {name.strip(): value.strip() or None for name, _, value in pairs}


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
    from pawsonalize.kinds.schemas import dataset_type_named

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
