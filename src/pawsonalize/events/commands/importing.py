"""`pawsonalize import`: CSV files in Amazon Personalize's form into the log and the catalogue."""

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize.app.cli.opening import dataset_group_of, opened_or_made
from pawsonalize.app.cli.options import DataDir, DatasetGroupName, Encoding, Json, Separator
from pawsonalize.app.cli.terminal import check_new, print_result, progress
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.schemas import DatasetType, Schema

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.core.forms.csv_files import ImportReport, RowError, TextForm
    from pawsonalize.events.imports import Importer

Csv = Annotated[Path | None, typer.Option(help="A CSV file; the header in any case.")]
Schemas = Annotated[
    list[Path] | None, typer.Option("--schema", help="Avro JSON; may be given per dataset.")
]
Errors = Annotated[
    Path | None, typer.Option(help="Write rejected rows to this new file, as JSON Lines.")
]


def import_(
    *,
    items: Csv = None,
    interactions: Csv = None,
    users: Csv = None,
    schema: Schemas = None,
    errors: Errors = None,
    encoding: Encoding = None,
    separator: Separator = None,
    dataset_group: DatasetGroupName = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Import items, users and interactions; importing the same file again changes nothing.

    Another dataset group than the default one needs datasets first: their schemas are read by.
    Exit code 1 if every row of a file was rejected.

    Example: pawsonalize import --items items.csv --interactions interactions.csv
    """
    from pawsonalize.core.forms.csv_files import read_text_form
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
    form = read_text_form(encoding, separator)
    with opened_or_made(data_dir) as adapters:
        group = dataset_group_of(adapters, dataset_group)
        datasets = {kind: adapters.datasets.of(group, kind) for kind in given}
        if group != DATASET_GROUP:
            schemas = {k: adapters.datasets.schema(one) for k, one in datasets.items()} | schemas
        importer = _importer(adapters, group)
        reports = [
            run_import_job(
                adapters.registry,
                adapters.leases,
                datasets[kind].name,
                str(path),
                partial(_import, importer, kind, path, schemas.get(kind), form, errors),
                clock.now,
            )
            for kind, path in given.items()
        ]
    print_result(reports, json, _print_all)
    if any(report.is_refused for report in reports):
        raise typer.Exit(1)


def _importer(adapters: "Adapters", group: str) -> "Importer":
    from pawsonalize.animals.inventory import AnimalNames
    from pawsonalize.events.imports import Importer

    return Importer(
        adapters.log,
        adapters.catalogue,
        received_at=clock.now(),
        dataset_group=group,
        resolve=AnimalNames(adapters.animals, adapters.catalogue).resolve,
    )


def _import(
    importer: "Importer",
    dataset: DatasetType,
    path: Path,
    schema: Schema | None,
    form: "TextForm",
    errors: Path | None,
) -> "ImportReport":
    # Appended, as each file of the command adds its own.
    rejected = nullcontext() if errors is None else errors.open("ab")
    with rejected as file, progress(f"{dataset}: {path.name}") as bar:

        def write(error: "RowError") -> None:
            if file is not None:
                file.write(msgspec.json.encode(error) + b"\n")

        return importer.import_file(
            dataset, path, schema, form=form, on_error=write, on_progress=bar
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
    for report in reports:
        print(
            f"{report.dataset}: {report.accepted:,} accepted, {report.duplicates:,} duplicates,"
            f" {report.rejected:,} rejected"
        )
        for error in report.first_errors:
            column = f", {error.column}" if error.column else ""
            print(f"  line {error.line}{column}: {error.reason}")
        if (more := report.rejected - len(report.first_errors)) > 0:
            print(f"  and {more:,} more: --errors FILE writes all of them to a file")
