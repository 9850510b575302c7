"""Recommenders: trained when they are created, served as soon as they are trained."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import msgspec

from pawsonalize.core import clock
from pawsonalize.core.errors import AlreadyExists, Conflict, NotFound, PawsonalizeError
from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import DAY
from pawsonalize.core.work.problems import Problems
from pawsonalize.resources.campaigns import Campaign, Recommender
from pawsonalize.resources.kind import Status, moved
from pawsonalize.resources.registry import Campaigns, Registry
from pawsonalize.resources.solutions import Solution, SolutionVersion
from pawsonalize.train.trainings import TrainingQueue
from pawsonalize.train.versions import SolutionVersions

Refusal = Callable[[SolutionVersion, SolutionVersion | None, int], str | None]
"""Return the reason why a version may not replace the live one at a moment, or None."""

log = get_logger()

_JUDGING = "follow latest: asking the gate"


class Following(msgspec.Struct, frozen=True):
    """Updates campaigns to versions that became ACTIVE, each once."""

    registry: Registry
    campaigns: Campaigns
    versions: SolutionVersions
    refusal: Refusal | None = None

    def is_behind(self) -> bool:
        """True if there is a version that a campaign that follows has not been updated to."""
        return next(self._behind(), None) is not None

    def look_after(self, now: int) -> None:
        """Update every campaign that follows to the newest version; failures are tried again."""
        for campaign, newest in list(self._behind()):
            try:
                with suppress(Conflict, NotFound):  # another server was faster, or it is gone
                    self._follow(campaign, newest, now)
            except PawsonalizeError as error:
                log.error("cannot follow", campaign=campaign.name, reason=error.message)

    def _behind(self) -> Iterator[tuple[Campaign, SolutionVersion]]:
        for campaign in list(self.registry.all(Campaign)):
            if campaign.follows_latest:
                newest = self.versions.newest_to_follow(campaign.solution, campaign.followed)
                if newest is not None:
                    yield campaign, newest

    def _follow(self, campaign: Campaign, newest: SolutionVersion, now: int) -> None:
        live = campaign.target_version
        reason = None
        if self.refusal is not None and newest.name != live:
            reason = self.refusal(newest, None if live is None else self.versions.get(live), now)
        # A refused version counts as followed, so that it is not tried with every look.
        if newest.name == live or reason is not None:
            self.registry.update(msgspec.structs.replace(campaign, followed=newest.name), now)
        else:
            # If somebody changes the campaign meanwhile, that stands: this is a Conflict then.
            before, name = campaign.revision, newest.name
            self.campaigns.update(campaign.name, name, now, expected_revision=before, followed=name)
        event = "followed" if reason is None else "not followed"
        log.info(event, campaign=campaign.name, solution_version=newest.name, reason=reason)


_SERVING = ("exploration_weight", "exploration_item_age_cut_off", "min_provisioned_tps")


class Recommenders(msgspec.Struct, frozen=True):
    """The recommenders of a registry. Any server goes on with a creation where another one died."""

    registry: Registry
    versions: SolutionVersions
    campaigns: Campaigns
    queue: TrainingQueue

    def create(self, recommender: Recommender, now: int) -> Recommender:
        """Store a recommender and begin its training; CREATE PENDING. Errors as of its solution."""
        if self.registry.find(Recommender, recommender.name) is not None:
            raise AlreadyExists(f"there is a recommender named {recommender.name} already")
        solution = Solution(
            name=recommender.served_by,
            dataset_group=recommender.dataset_group,
            recipe=recommender.recipe,
            settings=recommender.settings,
            selection=recommender.selection,
        )
        self.registry.create(solution, now)
        created = self.registry.create(recommender, now)
        self.look_after(now)
        return created

    def update(self, name: str, now: int, **changes: object) -> Recommender:
        """Change how it serves; Conflict unless it is ACTIVE. `extras` is replaced."""
        recommender = self._in_state(name, Status.ACTIVE)
        newer = msgspec.structs.replace(recommender, **changes)
        version = self.campaigns.get(newer.served_by).solution_version
        assert version is not None, "it is ACTIVE"
        self.campaigns.update(newer.served_by, version, now, **_serving(newer))
        return self.registry.update(newer, now)

    def stop(self, name: str, now: int) -> Recommender:
        """Answer nothing from now on, and keep what was trained; Conflict unless it is ACTIVE."""
        active = self._in_state(name, Status.ACTIVE)
        return self.registry.update(moved(active, Status.INACTIVE), now)

    def start(self, name: str, now: int) -> Recommender:
        """Answer again; Conflict unless it is INACTIVE."""
        inactive = self._in_state(name, Status.INACTIVE)
        return self.registry.update(moved(inactive, Status.ACTIVE), now)

    def delete(self, name: str, now: int) -> None:
        """Delete it with its campaign, solution and versions; Conflict while it trains."""
        recommender = self.registry.get(Recommender, name)
        if not recommender.status.is_settled:
            raise Conflict(f"recommender {name} is {recommender.status}: wait, then delete it")
        # Interrupted after this, what is left can be deleted by itself.
        self.registry.delete(Recommender, name)
        if self.registry.find(Campaign, recommender.served_by) is not None:
            self.registry.delete(Campaign, recommender.served_by)
        if self.registry.find(Solution, recommender.served_by) is not None:
            self.versions.delete_solution(recommender.served_by, now)

    def look_after(self, now: int) -> None:
        """Take the next step of every creation whose step before is done."""
        for recommender in list(self.registry.all(Recommender)):
            if not recommender.status.is_settled:
                with suppress(Conflict):  # another server was faster
                    self._advance(recommender, now)

    def version(self, recommender: Recommender) -> SolutionVersion | None:
        """The version that it serves, or is to serve."""
        found = self.registry.page(SolutionVersion, 1, parent=recommender.served_by)
        return found[0] if found else None

    def _advance(self, recommender: Recommender, now: int) -> None:
        try:
            version, name = self.version(recommender), recommender.served_by
            if version is None:
                # The same name on every server, so that those that look at once create one version.
                self.versions.create(name, as_of=now, now=now, name=f"{name}-1", measured=True)
                self.queue.start_waiting(now)
                self.registry.update(moved(recommender, Status.CREATE_IN_PROGRESS), now)
            elif version.status is Status.ACTIVE:
                self._serve(recommender, version, now)
            elif version.status.is_settled:
                self._failed(recommender, version.failure_reason or version.status, now)
        # Another server was faster, so nothing has failed.
        except Conflict:
            raise
        except PawsonalizeError as error:
            self._failed(recommender, error.message, now)

    def _serve(self, recommender: Recommender, version: SolutionVersion, now: int) -> None:
        name = recommender.served_by
        if recommender.status is Status.CREATE_PENDING:  # the server that began the training died
            recommender = self.registry.update(moved(recommender, Status.CREATE_IN_PROGRESS), now)
        campaign = self.campaigns.find(name)
        if campaign is None:
            campaign = Campaign(name=name, solution=name, **_serving(recommender))
            self.campaigns.create(campaign, version.name, now)
        elif campaign.solution_version is not None:
            self.registry.update(moved(recommender, Status.ACTIVE), now)
        elif campaign.latest_update and campaign.latest_update.status is Status.CREATE_FAILED:
            self._failed(recommender, campaign.latest_update.failure_reason or "", now)

    def _failed(self, recommender: Recommender, reason: str, now: int) -> None:
        self.registry.update(moved(recommender, Status.CREATE_FAILED, failure_reason=reason), now)

    def _in_state(self, name: str, status: Status) -> Recommender:
        recommender = self.registry.get(Recommender, name)
        if recommender.status is not status:
            raise Conflict(f"recommender {name} is {recommender.status}, and must be {status}")
        return recommender


def _serving(recommender: Recommender) -> dict[str, Any]:
    """The settings of its campaign; whether answers have metadata is up to the door."""
    serving = {name: getattr(recommender, name) for name in _SERVING}
    return serving | {"extras": dict(recommender.extras)}


def report_judging_end(problems: Problems, code: int) -> None:
    """Report that the process which asks the gate failed, until one succeeds."""
    if code:
        message = (
            f"the process that asks the gate ended with exit code {code}: campaigns that follow"
            " their solution stay as they are, and it is tried again; the log of the server has"
            " the reason"
        )
        problems.report(_JUDGING, message, clock.now(), within=DAY)
    else:
        problems.clear(_JUDGING, clock.now())
