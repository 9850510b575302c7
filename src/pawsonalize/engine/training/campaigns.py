"""Campaigns that follow the newest version of their solution."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import msgspec
import structlog

from pawsonalize.domain.errors import Conflict, NotFound, PawsonalizeError
from pawsonalize.engine.training.versions import SolutionVersions
from pawsonalize.kinds.campaign_updates import Campaigns
from pawsonalize.kinds.campaigns import Campaign
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.solutions import SolutionVersion

Refusal = Callable[[SolutionVersion, SolutionVersion | None, int], str | None]
"""Return the reason why a version may not replace the live one at a moment, or None."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Following:
    """Updates campaigns to versions that became ACTIVE, each once.

    A version that cannot be served, was refused or was rolled back is not tried again: the campaign
    waits for a newer one. Only the retraining serves its own versions.
    """

    registry: Registry
    campaigns: Campaigns
    versions: SolutionVersions
    refusal: Refusal | None = None

    def is_behind(self) -> bool:
        """Whether there is a version that a campaign that follows has not been updated to."""
        return any(True for _ in self._behind())

    def look_after(self, now: int) -> None:
        """Update every campaign that follows to the newest version, once.

        A campaign that cannot be updated now is tried again at the next look, and does not hold up
        the others.
        """
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
        if newest.name == live or reason is not None:
            followed = msgspec.structs.replace(campaign, followed=newest.name)
            self.registry.update(followed, now)
        else:
            self.campaigns.update(
                campaign.name,
                newest.name,
                now,
                expected_revision=campaign.revision,
                followed=newest.name,
            )
        log.info(
            "followed" if reason is None else "not followed",
            campaign=campaign.name,
            solution_version=newest.name,
            reason=reason,
        )
