"""`pawsonalize import`: files of interactions, items and users into the log and the catalogue."""

from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from pawsonalize.app.cli.opening import dataset_group_of, opened, opened_or_made
from pawsonalize.app.cli.options import (
    DataDir,
    DatasetGroupName,
    Encoding,
    Json,
    Separator,
    read_pairs,
)
from pawsonalize.app.cli.terminal import check_new, print_result, progress
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.schemas import DatasetType, Schema

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.core.forms.csv_files import ImportReport, RowError
    from pawsonalize.events.imports import Importer

Csv = Annotated[Path | None, typer.Option(help="A CSV file; the header in any case.")]
Schemas = Annotated[
    list[Path] | None, typer.Option("--schema", help="Avro JSON; may be given per dataset.")
]
Errors = Annotated[
    Path | None, typer.Option(help="Write rejected rows to this new file, as JSON Lines.")
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--columns",
        help="Which column is what: user=COLUMN,item=COLUMN,time=COLUMN, also type and value.",
        show_default="by their names",
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        help="Whose log it is: movielens, movielens-100k, movielens-1m, ga4 or segment.",
        show_default="as it looks",
    ),
]


def import_(
    *,
    items: Csv = None,
    interactions: Csv = None,
    users: Csv = None,
    schema: Schemas = None,
    columns: Columns = None,
    preset: Preset = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would come in.")
    ] = False,
    errors: Errors = None,
    encoding: Encoding = None,
    separator: Separator = None,
    dataset_group: DatasetGroupName = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Import items, users and interactions; importing the same file again changes nothing.

    Columns with other names are named by --columns, or guessed, and the report says the guesses.
    Another dataset group than the default one needs datasets first: their schemas are read by.
    Exit code 1 if every row of a file was rejected.

    Example: pawsonalize import --items items.csv --interactions interactions.csv
    """
    from pawsonalize.core.forms.csv_files import read_text_form
    from pawsonalize.events.foreign_logs import LogOptions
    from pawsonalize.events.imports import run_import_job
    from pawsonalize.resources.defaults import DATASET_GROUP

    files = {
        DatasetType.ITEMS: items,
        DatasetType.USERS: users,
        DatasetType.INTERACTIONS: interactions,
    }
    given = {dataset: path for dataset, path in files.items() if path is not None}
    if not given:
        raise InvalidInput("nothing to import: give --items, --interactions or --users a file")
    check_new(errors)
    schemas = _schemas(schema or [])
    pairs = [pair for text in columns or () for pair in text.split(",")]
    options = {
        "form": read_text_form(encoding, separator),
        "log": LogOptions(read_pairs(pairs, "--columns"), preset),
    }
    # A dry run makes no data folder, and needs none for the default dataset group.
    looks = dry_run and dataset_group is None
    open_data = opened if dry_run else opened_or_made
    with nullcontext() if looks else open_data(data_dir) as adapters:
        group = dataset_group_of(adapters, dataset_group) if adapters else DATASET_GROUP
        names = {kind: adapters.datasets.of(group, kind) for kind in given} if adapters else {}
        if adapters and group != DATASET_GROUP:
            schemas = {k: adapters.datasets.schema(one) for k, one in names.items()} | schemas
        importer = _importer(None if dry_run else adapters, group)
        reports = []
        for kind, path in given.items():
            work = partial(_import, importer, kind, path, schemas.get(kind), options, errors)
            if adapters and not dry_run:
                job = (adapters.registry, adapters.leases, names[kind].name, str(path))
                reports.append(run_import_job(*job, work, clock.now))
            else:
                reports.append(work())
    print_result(reports, json, _print_all)
    if any(report.is_refused for report in reports):
        raise typer.Exit(1)


def _importer(adapters: "Adapters | None", group: str) -> "Importer":
    from pawsonalize.animals.inventory import AnimalNames
    from pawsonalize.events.imports import Importer

    shared: dict[str, Any] = {"received_at": clock.now(), "dataset_group": group}
    if adapters is None:
        return Importer(None, None, **shared)
    resolve = AnimalNames(adapters.animals, adapters.catalogue).resolve
    return Importer(adapters.log, adapters.catalogue, resolve=resolve, **shared)


def _import(
    importer: "Importer",
    dataset: DatasetType,
    path: Path,
    schema: Schema | None,
    options: Mapping[str, object],
    errors: Path | None,
) -> "ImportReport":
    # Appended, as each file of the command adds its own.
    rejected = nullcontext() if errors is None else errors.open("ab")
    with rejected as file, progress(f"{dataset}: {path.name}") as bar:

        def write(error: "RowError") -> None:
            if file is not None:
                file.write(msgspec.json.encode(error) + b"\n")

        return importer.import_file(
            dataset, path, schema, **options, on_error=write, on_progress=bar
        )


def _schemas(paths: list[Path]) -> dict[DatasetType, Schema]:
    from pawsonalize.events.datasets import read_schema

    schemas = {}
    for path in paths:
        try:
            parsed = read_schema(path.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"cannot read the schema {path}: {error}") from error
        schemas[parsed.dataset] = parsed
    return schemas


def _print_all(reports: "list[ImportReport]") -> None:
    from pawsonalize.events.foreign_logs import ROLES

    roles = {ours: role for role, ours in ROLES.items()}
    for report in reports:
        print(f"{report.dataset}: {_counts(report)}")
        if report.note:
            print(f"  {report.note}")
        for ours, name in report.columns.items():
            print(f"  {name} was taken for the {roles[ours]}")
        for event, count in report.left_out.items():
            print(f"  left out: {count:,} {event}")
        for error in report.first_errors:
            column = f", {error.column}" if error.column else ""
            value = f": {error.value!r}" if error.value else ""
            print(f"  line {error.line}{column}: {error.reason}{value}")
        if (more := report.rejected - len(report.first_errors)) > 0:
            print(f"  and {more:,} more: --errors FILE writes all of them to a file")


def _counts(report: "ImportReport") -> str:
    counts = f"{report.accepted:,} accepted, {report.duplicates:,} duplicates"
    if report.users is not None:
        counts = f"{report.accepted:,} rows would come in, {report.users:,} users,"
        counts += f" {report.items:,} items"
        counts += f", from {report.first} to {report.last}" if report.first else ""
    return f"{counts}, {report.rejected:,} rejected"
