"""Campaigns, recommenders, and how much popularity and freshness move similar items."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Protocol

import msgspec
from msgspec import Meta

from pawsonalize.core.errors import InvalidInput
from pawsonalize.models.recipes import SIMILAR_ITEMS
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.kind import (
    Block,
    Commands,
    Field,
    Kind,
    Native,
    Param,
    Quota,
    Resource,
    Status,
    Values,
    Wire,
)
from pawsonalize.resources.solutions import Solution, SolutionVersion, TrainingSelection

Share = Annotated[float, Meta(ge=0, le=1)]
Days = Annotated[int, Meta(ge=0)]
Rate = Annotated[int, Meta(ge=1)]


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
    exploration_weight: Share | None = None
    exploration_item_age_cut_off: Days | None = None
    min_provisioned_tps: Rate | None = None
    popularity_influence: Share | None = None
    freshness_influence: Share | None = None
    sustained_tps: float | None = None
    follows_latest: bool = False
    followed: str | None = None

    @property
    def target_version(self) -> str | None:
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

    @property
    def freshness_influence(self) -> float | None:
        """At 1 the newer of two similar items comes first."""


def check_influence(recipe: str, wanted: Influence) -> None:
    """InvalidInput if an influence is set for a recipe that has none."""
    if recipe != SIMILAR_ITEMS and is_wanted(wanted):
        raise InvalidInput(
            f"an influence of popularity or freshness is for {SIMILAR_ITEMS}, and"
            f" {recipe} has none: leave it out",
            field="popularityInfluence",
        )


def is_wanted(wanted: Influence) -> bool:
    """True if an influence is set."""
    return wanted.popularity_influence is not None or wanted.freshness_influence is not None


class Recommender(Resource, frozen=True, kw_only=True):
    """Solution, version and campaign in one, named `served_by`; an INACTIVE one answers nothing."""

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


_SETTINGS = (
    *("exploration_weight", "exploration_item_age_cut_off", "min_provisioned_tps"),
    *("popularity_influence", "freshness_influence", "follows_latest"),
)
_SERVICES, _TRAINED = "the service's", "as it was trained"
_PARAMS = (
    Param("exploration_weight", "The share of places that explore.", unset=_SERVICES),
    Param("exploration_item_age_cut_off", "Days that an item counts as new.", unset=_SERVICES),
    Param("min_provisioned_tps", "Warn below it.", unset=_SERVICES),
    Param("popularity_influence", "Of similar-items.", unset=_TRAINED),
    Param("freshness_influence", "Of similar-items.", unset=_TRAINED),
    Param(
        "follows_latest",
        "Go on to each newer version by itself.",
        flag="--follows-latest/--no-follows-latest",
        unset="no",
    ),
)


def _create_campaign(parts: Any, values: Values, now: int) -> Any:
    """Create a campaign of a version or, if none is named, of the solution's newest."""
    # A solution without any version is served from its first one on. Raises what `Campaigns.create`
    # does, InvalidInput if neither is named, and NotFound for an unknown version.
    fields = dict(values)
    solution, version = fields.pop("solution", None), fields.pop("solution_version", None)
    if version is not None:
        served = parts.versions.get(version)
        solution = solution or served.solution
    elif solution is not None:
        newest = parts.versions.newest(solution)
        version = None if newest is None else newest.name
    else:
        raise InvalidInput("name the solution to serve, or one of its versions", field="solution")
    # The version that it begins with needs not be followed.
    campaign = Campaign(**fields, solution=solution, followed=version)
    return parts.campaigns.create(campaign, version, now)


def _change_campaign(parts: Any, name: str, changes: Values, now: int) -> Any:
    fields = dict(changes)
    version, revision = fields.pop("solution_version", None), fields.pop("revision", None)
    return parts.campaigns.update(name, version, now, expected_revision=revision, **fields)


CAMPAIGN_KIND = Kind(
    resource=Campaign,
    parent=Solution,
    refers={"solution_version": SolutionVersion},
    blocks=(
        Block(
            SolutionVersion,
            lambda one, other: other.name in one.versions,
            lambda version: str(version.solution),
        ),
    ),
    quota=Quota(limit=5, of_parent=False, of_group=True),
    create=_create_campaign,
    change=_change_campaign,
    actions={"rollback": lambda parts, name, now: parts.campaigns.rollback(name, now)},
    native=Native(
        tag="Models",
        list="What is served, and what became of its latest update.",
        create="Serve a solution, with settings of its own.",
        change="Serve another version, or with other settings.",
        delete="Delete a campaign; its versions stay.",
        actions={"rollback": "Serve the version before again."},
        request=(
            *("name", Field("solution", str | None, default=None), "solution_version"),
            *(*_SETTINGS, "tags"),
        ),
        changes=(
            Field("solution_version", str | None, default=None),
            Field("revision", int | None, default=None),
            *_SETTINGS,
        ),
        answer=(
            *("solution", "solution_version", "previous_version", "latest_update"),
            *_SETTINGS,
            "sustained_tps",
            Field("status", str, of="serving_status"),
        ),
        docs={
            "request": "A campaign to create: which solution, or which version of it, is served,"
            " and how.\n\nWith a `solution` alone it serves the newest version, or waits for the"
            " first one. Where a\nsetting is null or left out, the service's counts, or of an"
            " influence what the version was\ntrained with. With `followsLatest` it goes on to each"
            " newer version by itself.",
            "change": "What to change of a campaign; what is left out stays, and null leaves it to"
            " the service.\n\nWith a `revision` only if the campaign is still at that one.",
            "answer": "A solution version being served; a rollback returns to `previousVersion`.",
            "list": "Campaigns, newest first, in pages as well.",
        },
        examples={
            "the newest version": {"name": "cats", "solution": "cats", "explorationWeight": 0.2}
        },
        change_examples={"explore less": {"explorationWeight": 0.05, "minProvisionedTPS": 20}},
    ),
    wire=Wire(deletes="Deletes a campaign at once; its solution version stays."),
    commands=Commands(
        panel="Models",
        about="Campaigns: the solution versions being served.",
        columns=("name", "serving_status", "solution", "solution_version", "previous_version"),
        filter="",
        show=("Show a campaign, and what became of its latest update.", "recommender"),
        create=(
            "Create a campaign; the first server that serves it says so, else the next retraining.",
            "cats cats --exploration-weight 0.2",
        ),
        params=(
            "name",
            Param("solution", "The solution to serve.", is_argument=True),
            Param(
                "solution_version",
                "The solution version.",
                flag="--version",
                unset="the newest, or the first to come",
            ),
            *_PARAMS,
        ),
        update=(
            "Ask for another solution version or other settings; what is not named stays.\n\nThe"
            " first server that serves it says so in the campaign.",
            "recommender recommender-20260517T093000000Z-1f2e3d",
        ),
        changes=(
            Param(
                "solution_version",
                "The solution version to serve.",
                is_argument=True,
                unset="as it is",
            ),
            Param(
                "revision", "Only if the campaign is still at this revision.", type=int, unset="any"
            ),
            *_PARAMS,
        ),
        delete=("Delete a campaign; its solution and versions stay.", "cats"),
        actions={
            "rollback": (
                "Serve the version before again; running servers hold it ready and follow within a"
                " second.",
                "recommender",
            )
        },
    ),
)
RECOMMENDER_KIND = Kind(
    resource=Recommender,
    parent=DatasetGroup,
    blocks=(Block(Campaign, lambda one, other: one.served_by == other.name, lambda _: None),),
    create=lambda parts, values, now: parts.recommenders.create(Recommender(**values), now),
    delete=lambda parts, name, now: parts.recommenders.delete(name, now),
    wire=Wire(
        creates="Trains our recipe for a domain's use case, then serves it; the group must have"
        " the domain.",
        deletes="Deletes a recommender with its solution, its campaign and its model.",
    ),
)
