"""Dataset export jobs: CSV in the form that imports read, so that it can be read in again."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

import msgspec

from pawsonalize.animals.tables.catalogue import Item
from pawsonalize.core.event import NOTHING, Event
from pawsonalize.core.forms.csv_files import no_formula
from pawsonalize.core.schemas import DatasetType, Schema
from pawsonalize.core.times import SECOND
from pawsonalize.events.csv_rows import ANIMAL
from pawsonalize.events.datasets import Datasets
from pawsonalize.events.job_files import Outputs
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.resources.datasets import Dataset, as_items, data_group
from pawsonalize.resources.filters import number_text
from pawsonalize.resources.jobs import DatasetExportJob, IngestionMode

Row = Mapping[str, str | float | None]


class Exports(msgspec.Struct, frozen=True):
    """Writes datasets as CSV, in batches, whatever their size."""

    datasets: Datasets
    outputs: Outputs

    def check(self, job: DatasetExportJob) -> None:
        """InvalidInput for a place where nothing may be written."""
        self.outputs.at(job.target)

    def perform(self, job: DatasetExportJob) -> dict[str, Any]:
        """Write the dataset to `{target}/{job}/{dataset}.csv`; returns how many rows it has."""
        dataset = self.datasets.registry.get(Dataset, job.dataset)
        schema = self.datasets.schema(dataset)
        output = self.outputs.at(job.target)
        with output.file(f"{job.name}/{dataset.name}.csv") as file:
            return {"rows": _write(file, schema, _rows(self.datasets, dataset, job.mode))}


def _rows(datasets: Datasets, dataset: Dataset, mode: IngestionMode) -> Iterator[Row]:
    group = data_group(dataset.dataset_group, dataset.dataset_type)
    catalogue = datasets.catalogue.of(group)
    imported = None if mode is IngestionMode.ALL else mode is IngestionMode.BULK
    match dataset.dataset_type:
        case DatasetType.INTERACTIONS | DatasetType.ACTION_INTERACTIONS:
            return (_interaction(event) for event in _events(datasets.log, group, imported))
        case DatasetType.ITEMS | DatasetType.ACTIONS:
            return (_item(item) for item in catalogue.items(imported))
        case DatasetType.USERS:
            users = catalogue.users(imported)
            return ({"USER_ID": user.user_id, **user.attributes} for user in users)


def _events(log: EventLog, group: str, imported: bool | None) -> Iterator[Event]:
    for logged in log.read_all(0, log.head()):
        wanted = imported is None or logged.event.is_imported is imported
        # "None of these" has no item, and no other importer could take it.
        if logged.event.dataset_group == group and wanted and logged.event.item_id != NOTHING:
            yield logged.event


def _interaction(event: Event) -> Row:
    """An event's columns."""
    # An anonymous visitor is named by the session, as at AWS.
    properties = msgspec.json.decode(event.properties) if event.properties else {}
    return {
        **{name.upper(): _plain(value) for name, value in properties.items()},
        **({ANIMAL: event.animal_id} if event.animal_id else {}),
        "USER_ID": event.user_id or event.session_id,
        "ITEM_ID": event.item_id,
        "TIMESTAMP": event.sent_at // SECOND,  # whole seconds, as at AWS
        "EVENT_TYPE": event.event_type,
        "EVENT_VALUE": event.event_value,
        "RECOMMENDATION_ID": event.recommendation_id,
        "IMPRESSION": "|".join(event.impression) or None,
    }


def _item(item: Item) -> Row:
    created = None if item.created_at is None else item.created_at // SECOND
    return {**item.attributes, "ITEM_ID": item.item_id, "CREATION_TIMESTAMP": created}


def _write(file: IO[bytes], schema: Schema, rows: Iterable[Row]) -> int:
    """The columns of the schema, in its order; a row's other columns are left out."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(field.name for field in schema.fields)
    names = [field.name for field in as_items(schema).fields]
    written = 0
    for row in rows:
        writer.writerow([_text(row.get(name)) for name in names])
        written += 1
    # To close the text would close the file, which others go on with.
    text.detach()
    return written


def _text(value: str | float | None) -> str:
    if value is None or isinstance(value, str):
        return no_formula(value or "")
    return number_text(float(value))


def _plain(value: Any) -> str | float | None:
    """A property as a column holds it: text and numbers as they are, the rest as JSON."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        return msgspec.json.encode(value).decode()
    return value
