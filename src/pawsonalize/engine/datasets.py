"""Datasets: which schema they have, what is put into them, and how they go with their data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pawsonalize.domain.errors import NotFound
from pawsonalize.domain.schemas import DatasetType, Schema
from pawsonalize.engine.ingest import Rejection
from pawsonalize.engine.records import Record, put_items, put_users
from pawsonalize.engine.resources.datasets import (
    Dataset,
    DatasetGroup,
    DatasetImportJob,
    DatasetSchema,
    EventTracker,
)
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.storage.base import Catalogue, EventLog


@dataclass(frozen=True, slots=True)
class Datasets:
    """The datasets of every dataset group."""

    registry: Registry
    log: EventLog
    catalogue: Catalogue

    def of(self, dataset_group: str, dataset_type: DatasetType) -> Dataset:
        """The group's dataset of the type; NotFound if it has none."""
        for dataset in self.registry.all(Dataset, parent=dataset_group):
            if dataset.dataset_type is dataset_type:
                return dataset
        raise NotFound(f"dataset group {dataset_group} has no {dataset_type} dataset: create one")

    def schema(self, dataset: Dataset) -> Schema:
        """The dataset's schema."""
        described = self.registry.get(DatasetSchema, dataset.schema)
        return Schema.parse(described.avro, described.dataset_type)

    def tracker(self, tracking_id: str) -> EventTracker:
        """The event tracker of that tracking id; NotFound if there is none."""
        for tracker in self.registry.all(EventTracker):
            if tracker.tracking_id == tracking_id:
                return tracker
        raise NotFound(f"there is no event tracker with the tracking id {tracking_id}: create one")

    def put_items(self, dataset: Dataset, records: Sequence[Record]) -> tuple[Rejection, ...]:
        """Put items into the dataset; what is wrong with one costs that one alone."""
        return put_items(self.catalogue.of(dataset.dataset_group), self.schema(dataset), records)

    def put_users(self, dataset: Dataset, records: Sequence[Record]) -> tuple[Rejection, ...]:
        """Put users into the dataset; what is wrong with one costs that one alone."""
        return put_users(self.catalogue.of(dataset.dataset_group), self.schema(dataset), records)

    def delete(self, name: str) -> None:
        """Delete a dataset with its data; Conflict while something is imported into it.

        Interrupted, it is there still, with less or none of its data: delete it again.
        """
        dataset = self.registry.get(Dataset, name)
        self.registry.check_unneeded(dataset)
        self._erasing(dataset.dataset_group)[dataset.dataset_type]()
        for job in list(self.registry.all(DatasetImportJob, parent=name)):
            self.registry.delete(DatasetImportJob, job.name)
        self.registry.delete(Dataset, name)

    def delete_group(self, name: str) -> None:
        """Delete a dataset group with what is left of its data; Conflict names what goes first."""
        self.registry.check_unneeded(self.registry.get(DatasetGroup, name))
        for erase in self._erasing(name).values():
            erase()
        self.registry.delete(DatasetGroup, name)

    def _erasing(self, group: str) -> dict[DatasetType, Callable[[], int]]:
        catalogue = self.catalogue.of(group)
        return {
            DatasetType.INTERACTIONS: self.log.of(group).erase,
            DatasetType.ITEMS: catalogue.erase_items,
            DatasetType.USERS: catalogue.erase_users,
        }
