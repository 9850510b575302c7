"""The filtering of each dataset group, over its own events, users and items."""

from pawsonalize.engine.serving.filters.filtering import Filtering
from pawsonalize.engine.serving.metadata import ItemMetadata
from pawsonalize.storage.base import Catalogue, EventLog


class Filterings:
    """Makes each when it is first asked for, and keeps it."""

    def __init__(self, log: EventLog, catalogue: Catalogue) -> None:
        self._log = log
        self._catalogue = catalogue
        self._made: dict[str, Filtering] = {}

    def of(self, dataset_group: str) -> Filtering:
        """That of the dataset group."""
        made = self._made.get(dataset_group)
        if made is None:
            catalogue = self._catalogue.of(dataset_group)
            new = Filtering(self._log.of(dataset_group), catalogue, ItemMetadata(catalogue))
            made = self._made.setdefault(dataset_group, new)
        return made

    def refresh(self, now: int) -> None:
        """Read again what is known of the items, where anybody has ever asked."""
        for filtering in list(self._made.values()):
            filtering.metadata.refresh(now)
