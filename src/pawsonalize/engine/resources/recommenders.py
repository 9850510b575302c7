"""What trains and serves by itself: recommenders."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pawsonalize.engine.resources.resource import Resource
from pawsonalize.engine.resources.solutions import TrainingSelection
from pawsonalize.engine.resources.status import Status


class Recommender(Resource, frozen=True, kw_only=True):
    """A solution, its trained version and the campaign that serves it, in one.

    Solution and campaign have the name `served_by`. INACTIVE it answers nothing and keeps them.
    """

    kind: ClassVar[str] = "recommender"
    owner: ClassVar[str | None] = "dataset_group"

    status: Status = Status.CREATE_PENDING
    dataset_group: str
    recipe: str
    settings: Mapping[str, Any] = {}
    selection: TrainingSelection = TrainingSelection()
    exploration_weight: float | None = None
    exploration_item_age_cut_off: int | None = None
    min_provisioned_tps: int | None = None

    @property
    def served_by(self) -> str:
        """The name of its solution and of its campaign."""
        return f"{self.name}-recommender"
