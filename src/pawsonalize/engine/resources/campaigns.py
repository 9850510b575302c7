"""What is served: campaigns."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from pawsonalize.engine.resources.resource import Resource
from pawsonalize.engine.resources.status import Status


class CampaignUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """The newest wish to serve another version, and what became of it.

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

    `previous_version` is what a rollback returns to. Where `exploration_weight`,
    `exploration_item_age_cut_off` or `min_provisioned_tps` is None, the service's setting counts;
    where `popularity_influence` or `freshness_influence` is, what the version was trained with.
    `sustained_tps` is how many contexts a second were scored when the version went live. With
    `follows_latest` it goes on to each newer version of its solution that is ACTIVE; `followed` is
    the newest that was looked at for that, so that a rollback from it lasts.
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
        """Its status; one that has never served is as its first update is."""
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
        """Every version it may have to serve in a moment."""
        pending = self.pending.solution_version if self.pending else None
        named = {self.solution_version, self.previous_version, pending}
        return frozenset(name for name in named if name is not None)
