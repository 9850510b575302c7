"""Campaigns, recommenders, and how much popularity and freshness move similar items."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Protocol

import msgspec
from msgspec import Meta

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.kinds.resource import Resource
from pawsonalize.kinds.solutions import TrainingSelection
from pawsonalize.kinds.status import Status
from pawsonalize.recipes.contract import InfluencedModel, Model
from pawsonalize.recipes.names import SIMILAR_ITEMS


class CampaignUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """The newest update of a campaign, and its result.

    `warning` says what to look into although the version serves.
    """

    solution_version: str
    status: Status = Status.CREATE_PENDING
    failure_reason: str | None = None
    requested_at: int
    warning: str | None = None
    settled_at: int | None = None


class Campaign(Resource, frozen=True, kw_only=True):
    """A solution version being served.

    `previous_version` is where a rollback goes. If `exploration_weight`,
    `exploration_item_age_cut_off` or `min_provisioned_tps` is None, the service's setting counts;
    if `popularity_influence` or `freshness_influence` is, the setting of the version's training.
    `sustained_tps` is how many contexts a second were scored when the version went live. With
    `follows_latest` the campaign goes on to each newer ACTIVE version of its solution; `followed`
    is the newest that was looked at for that, so that a rollback from it lasts.
    """

    kind: ClassVar[str] = "campaign"
    owner: ClassVar[str | None] = "solution"

    solution: str
    solution_version: str | None = None
    previous_version: str | None = None
    latest_update: CampaignUpdate | None = None
    exploration_weight: Annotated[float, Meta(ge=0, le=1)] | None = None
    exploration_item_age_cut_off: Annotated[int, Meta(ge=0)] | None = None
    min_provisioned_tps: Annotated[int, Meta(ge=1)] | None = None
    popularity_influence: Annotated[float, Meta(ge=0, le=1)] | None = None
    freshness_influence: Annotated[float, Meta(ge=0, le=1)] | None = None
    sustained_tps: float | None = None
    follows_latest: bool = False
    followed: str | None = None

    @property
    def heading_for(self) -> str | None:
        """The version it serves, or is about to."""
        return self.pending.solution_version if self.pending else self.solution_version

    @property
    def serving_status(self) -> Status:
        """Its status; before the first version serves, that of the first update."""
        if self.solution_version is not None:
            return self.status
        return Status.CREATE_PENDING if self.latest_update is None else self.latest_update.status

    @property
    def pending(self) -> CampaignUpdate | None:
        """The update that waits to be served, if one does."""
        update = self.latest_update
        return update if update and not update.status.is_settled else None

    @property
    def versions(self) -> frozenset[str]:
        """Every version that it may soon have to serve."""
        pending = self.pending.solution_version if self.pending else None
        named = {self.solution_version, self.previous_version, pending}
        return frozenset(name for name in named if name is not None)


class Influence(Protocol):
    """Holds both influences, 0 to 1; None leaves it to the settings of the training."""

    @property
    def popularity_influence(self) -> float | None:
        """At 1 the more popular of two similar items comes first."""
        ...

    @property
    def freshness_influence(self) -> float | None:
        """At 1 the newer of two similar items comes first."""
        ...


def check_influence(recipe: str, wanted: Influence) -> None:
    """InvalidInput if an influence is set for a recipe that has none."""
    if recipe != SIMILAR_ITEMS and _is_wanted(wanted):
        raise InvalidInput(
            f"an influence of popularity or freshness is for {SIMILAR_ITEMS}, and"
            f" {recipe} has none: leave it out",
            field="popularityInfluence",
        )


def influenced(model: Model, wanted: Influence) -> Model:
    """The model with these influences; a model without influences stays as it is."""
    if not _is_wanted(wanted) or not isinstance(model, InfluencedModel):
        return model
    return model.influenced(wanted.popularity_influence, wanted.freshness_influence)


def _is_wanted(wanted: Influence) -> bool:
    return wanted.popularity_influence is not None or wanted.freshness_influence is not None


class Recommender(Resource, frozen=True, kw_only=True):
    """A solution, its trained version and its campaign, in one.

    Solution and campaign have the name `served_by`. An INACTIVE recommender keeps both and answers
    nothing.
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
