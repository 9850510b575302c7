"""Updates and rollbacks of campaigns: asked for by compare-and-set, settled by a server."""

from typing import Any

import msgspec

from pawsonalize.core.errors import Conflict
from pawsonalize.resources.campaigns import Campaign, CampaignUpdate, check_influence
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.resource import Status
from pawsonalize.resources.solutions import Solution, SolutionVersion

CALLED_OFF = "rolled back before it was served"


# The old version serves on until the first server has loaded the new one, serves it and settles the
# update. If it cannot, the update has failed and nothing has changed.
class Campaigns:
    """Updates and rollbacks of campaigns."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def get(self, name: str) -> Campaign:
        """One campaign; NotFound if there is none."""
        return self._registry.get(Campaign, name)

    def find(self, name: str) -> Campaign | None:
        """One campaign, or None."""
        return self._registry.find(Campaign, name)

    def create(self, campaign: Campaign, version: str | None, now: int) -> Campaign:
        """Store a campaign, whose first update is CREATE PENDING; raises as `update`."""
        # Without a version it waits for the first one from a training or a retraining.
        self._check(campaign, version)
        if version is not None:
            update = CampaignUpdate(solution_version=version, requested_at=now)
            campaign = msgspec.structs.replace(campaign, latest_update=update)
        return self._registry.create(campaign, now)

    def update(
        self,
        name: str,
        version: str | None,
        now: int,
        *,
        expected_revision: int | None = None,
        **settings: Any,
    ) -> Campaign:
        """Ask for another version, or other settings; the update is CREATE PENDING.

        Without a version, the served one stays; a campaign that serves none yet keeps the settings
        for its first. Nothing changes if the version is already served or asked for. Conflict if
        the campaign is not at `expected_revision` or the version is not ACTIVE; InvalidInput for
        settings that do not suit the version's recipe.
        """

        def wanted(campaign: Campaign) -> Campaign:
            if expected_revision not in {None, campaign.revision}:
                raise Conflict(
                    f"campaign {name} was updated by somebody else meanwhile: look again"
                )
            target = version or campaign.target_version
            updated = msgspec.structs.replace(campaign, **settings)
            self._check(updated, target)
            latest = campaign.latest_update
            failed = latest is not None and latest.status is Status.CREATE_FAILED
            # The same again begins no new update, unless the last one failed.
            if target == campaign.target_version and not settings and not failed:
                return campaign
            if target is None:
                return updated
            update = CampaignUpdate(solution_version=target, requested_at=now)
            return msgspec.structs.replace(updated, latest_update=update)

        return self._registry.change(Campaign, name, wanted, now)

    def rollback(self, name: str, now: int) -> Campaign:
        """Return to the version before; servers have it loaded and follow at their next look.

        An update that is not settled is cancelled instead. Conflict if there is no version before.
        """
        # One that a remote engine trained is an update there, which takes its time.
        campaign = self.get(name)
        if campaign.pending is not None and campaign.solution_version is not None:
            return self.refuse(campaign, CALLED_OFF, now)
        if campaign.previous_version is None:
            raise Conflict(f"campaign {name} has served no other version to go back to")
        before = self._registry.find(SolutionVersion, campaign.previous_version)
        if before is not None and before.remote is not None:  # it has to go live there first
            return self.update(name, before.name, now, expected_revision=campaign.revision)
        back = CampaignUpdate(solution_version=campaign.previous_version, requested_at=now)
        return self.settle(msgspec.structs.replace(campaign, latest_update=back), now)

    def settle(
        self,
        campaign: Campaign,
        now: int,
        *,
        sustained_tps: float | None = None,
        warning: str | None = None,
    ) -> Campaign:
        """Settle an update: the server that serves the new version calls this."""
        update = campaign.latest_update
        assert update is not None
        done = msgspec.structs.replace(
            update, status=Status.ACTIVE, settled_at=now, warning=warning
        )
        other = update.solution_version != campaign.solution_version
        served = msgspec.structs.replace(
            campaign,
            solution_version=update.solution_version,
            previous_version=campaign.solution_version if other else campaign.previous_version,
            latest_update=done,
            sustained_tps=sustained_tps,
        )
        return self._registry.update(served, now)

    def refuse(self, campaign: Campaign, reason: str, now: int) -> Campaign:
        """Mark the update as failed; the campaign goes on with what it served."""
        assert campaign.latest_update is not None
        failed = msgspec.structs.replace(
            campaign.latest_update,
            status=Status.CREATE_FAILED,
            failure_reason=reason,
            settled_at=now,
        )
        return self._registry.update(msgspec.structs.replace(campaign, latest_update=failed), now)

    def _check(self, campaign: Campaign, version: str | None) -> None:
        """Conflict if the campaign cannot serve the version, InvalidInput if not in this way."""
        if version is None:
            solution = self._registry.find(Solution, campaign.solution)
            if solution is not None:  # else the registry says what is missing
                check_influence(solution.recipe, campaign)
            return
        wanted = self._registry.get(SolutionVersion, version)
        if wanted.status is not Status.ACTIVE:
            raise Conflict(f"solution version {version} cannot be served: it is {wanted.status}")
        if wanted.solution != campaign.solution:
            raise Conflict(
                f"campaign {campaign.name} serves solution {campaign.solution}, and {version} is"
                f" one of {wanted.solution}"
            )
        check_influence(wanted.recipe, campaign)
