"""A campaign of a solution: of the version that is named, the newest, or the first to come."""

from typing import Any

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.resources.campaign_updates import Campaigns
from pawsonalize.engine.resources.campaigns import Campaign
from pawsonalize.engine.training.versions import SolutionVersions


def create_campaign(
    campaigns: Campaigns,
    versions: SolutionVersions,
    now: int,
    *,
    name: str,
    solution: str | None,
    version: str | None,
    **settings: Any,
) -> Campaign:
    """Create a campaign of a version or, where none is named, of the solution's newest.

    A solution without any is served from its first version on. Raises what `Campaigns.create`
    does, InvalidInput where neither is named, and NotFound for a version that is not there.
    """
    if version is not None:
        served = versions.get(version)
        solution = solution or served.solution
    elif solution is not None:
        newest = versions.newest(solution)
        version = None if newest is None else newest.name
    else:
        raise InvalidInput("name the solution to serve, or one of its versions", field="solution")
    campaign = Campaign(name=name, solution=solution, followed=version, **settings)
    return campaigns.create(campaign, version, now)
