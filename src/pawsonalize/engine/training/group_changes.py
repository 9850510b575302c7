"""Dataset groups with their limits: created and changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.training.retraining.schedule import read_schedule
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.kinds.defaults import DATASET_GROUP
from pawsonalize.kinds.group_limits import NO_LIMITS, changed_limits
from pawsonalize.kinds.registry import Registry


@dataclass(frozen=True, slots=True)
class DatasetGroups:
    """The dataset groups of a registry."""

    registry: Registry

    def create(
        self, name: str, now: int, limits: Mapping[str, Any] | None = None, **fields: Any
    ) -> DatasetGroup:
        """Create a dataset group; InvalidInput names a limit that cannot be."""
        found = changed_limits(NO_LIMITS, limits or {}, _check_schedule)
        return self.registry.create(DatasetGroup(name=name, limits=found, **fields), now)

    def change(self, name: str, limits: Mapping[str, Any], now: int) -> DatasetGroup:
        """Change limits of a dataset group; running servers keep to them within a second.

        None takes a limit away. InvalidInput names one that cannot be, NotFound without the group.
        """
        if name == DATASET_GROUP and limits.get("retrain_schedule") is not None:
            raise InvalidInput(
                f"dataset group {DATASET_GROUP} is retrained by the setting retrain_schedule:"
                " change that",
                field="limits.retrainSchedule",
            )

        def changed(group: DatasetGroup) -> DatasetGroup:
            found = changed_limits(group.limits, limits, _check_schedule)
            return msgspec.structs.replace(group, limits=found)

        return self.registry.change(DatasetGroup, name, changed, now)


def _check_schedule(text: str) -> None:
    if read_schedule(text, "UTC") is None:
        raise InvalidInput(
            "a schedule is cron's five fields, rate(…) or never; null: with all others",
            field="limits.retrainSchedule",
        )
