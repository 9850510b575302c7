"""Counts what each dataset group has stored."""

import time
from collections.abc import Callable, Mapping

import msgspec

from pawsonalize.domain.times import DAY
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.solutions import SolutionVersion
from pawsonalize.storage.events.group_usage import CountMark, GroupSize, GroupSizes

_MODELS_SECONDS = 600.0  # to list all models takes long in a bucket


class GroupSizing(msgspec.Struct):
    """Counts new events at each look, and all of them once a day, since some were deleted."""

    sizes: GroupSizes
    registry: Registry
    head: Callable[[], int]
    artefacts: Callable[[], Mapping[str, int]]
    _models: dict[str, int] = msgspec.field(default_factory=dict)
    _models_until: float = 0.0

    def count(self, now: int) -> None:
        """Bring what was counted up to date."""
        mark, head, known = self.sizes.mark(), self.head(), self.sizes.all()
        groups = {one.name for one in self.registry.all(DatasetGroup)}
        is_anew = mark.anew_at // DAY != now // DAY
        new = self.sizes.events_between(0 if is_anew else mark.through, head)
        models = self._model_bytes()
        changed = []
        for group in sorted(groups):
            before = known.get(group, GroupSize(group, 0, 0))
            events = new.get(group, 0) + (0 if is_anew else before.events)
            size = GroupSize(group, events, models.get(group, 0))
            if size != before:
                changed.append(size)
        gone = known.keys() - groups
        reached = CountMark(head, now if is_anew else mark.anew_at)
        if changed or gone or reached != mark:  # of several processes, the first one writes
            self.sizes.put(changed, gone, reached, expected=mark)

    def _model_bytes(self) -> dict[str, int]:
        if time.monotonic() < self._models_until:
            return self._models
        found: dict[str, int] = {}
        sizes = self.artefacts()
        for version in self.registry.all(SolutionVersion):
            group = self.registry.group_of(version)
            if version.artefact is not None and group is not None:
                found[group] = found.get(group, 0) + sizes.get(version.artefact, 0)
        self._models, self._models_until = found, time.monotonic() + _MODELS_SECONDS
        return found
