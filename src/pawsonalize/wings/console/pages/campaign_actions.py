"""Promoting a solution version and rolling a campaign back, on the console."""

from urllib.parse import quote

from starlette.requests import Request

from pawsonalize.domain.errors import Conflict, InvalidInput
from pawsonalize.kinds.campaigns import Campaign
from pawsonalize.pages.actions import Confirmation, Done, Fields
from pawsonalize.pages.shell import services_of
from pawsonalize.ui.words import moment
from pawsonalize.wings.console.console import Console
from pawsonalize.wings.console.views.models import SolutionReport, VersionReport

PROMOTE = "/console/models/promote"
ROLL_BACK = "/console/models/roll-back"
_NDCG_AT_5 = "normalized_discounted_cumulative_gain_at_5"


def ask_promote(request: Request, fields: Fields) -> Confirmation:
    """What the campaign serves now, what it will serve, and what is known of both."""
    services, console = services_of(request), Console.of(request.app.state.wings)
    campaign = services.registry.get(Campaign, fields.get("campaign", ""))
    solution = console.models.solution(campaign.solution, services.now())
    wanted = _version(solution, fields.get("version", ""))
    live = campaign.solution_version
    if wanted.name == campaign.target_version:
        raise Conflict(f"campaign {campaign.name} serves {wanted.name} already")
    effects = [
        f"Campaign {campaign.name} serves {live} now."
        if live
        else f"Campaign {campaign.name} serves no model now.",
        f"It will serve {wanted.name}, trained as of {moment(wanted.as_of)}.",
        "That happens as soon as a server has loaded it. No request fails meanwhile.",
        _measured(wanted),
        _judged(wanted),
        "The next retraining is compared with it."
        + (" You can roll back within a second." if live else ""),
    ]
    return Confirmation(
        title=f"Promote {wanted.name}",
        effects=tuple(effects),
        button="Promote",
        back=_page(solution.name),
        fields={
            "campaign": campaign.name,
            "version": wanted.name,
            "revision": str(campaign.revision),
        },
    )


def promote(request: Request, fields: Fields) -> Done:
    """Ask for the version; Conflict if the campaign changed since one was asked."""
    services = services_of(request)
    name, version = fields.get("campaign", ""), fields.get("version", "")
    revision = _revision(fields)
    campaign = services.campaigns.update(name, version, services.now(), expected_revision=revision)
    return Done(_page(campaign.solution), f"{name} is about to serve {version}.", name)


def ask_roll_back(request: Request, fields: Fields) -> Confirmation:
    """Where the campaign goes back to."""
    services = services_of(request)
    campaign = services.registry.get(Campaign, fields.get("campaign", ""))
    pending, live = campaign.pending, campaign.solution_version
    if pending is not None and live is not None:
        effects = [
            f"The update of {campaign.name} to {pending.solution_version} is called off.",
            f"It goes on with {live}.",
        ]
    elif campaign.previous_version is None:
        raise Conflict(f"campaign {campaign.name} has served no other version to go back to")
    else:
        effects = [
            f"Campaign {campaign.name} serves {live} now.",
            f"It will serve {campaign.previous_version} again, on every server within a second.",
            f"{live} stays, and can be promoted again.",
            "The next retraining may bring a newer version live, if the gate lets it.",
        ]
    return Confirmation(
        title=f"Roll {campaign.name} back",
        effects=tuple(effects),
        button="Roll back",
        back=_page(campaign.solution),
        fields={"campaign": campaign.name, "revision": str(campaign.revision)},
    )


def roll_back(request: Request, fields: Fields) -> Done:
    """Go back; Conflict if the campaign changed since one was asked."""
    services = services_of(request)
    name = fields.get("campaign", "")
    if services.campaigns.get(name).revision != _revision(fields):
        raise Conflict(f"campaign {name} was updated by somebody else meanwhile: look again")
    campaign = services.campaigns.rollback(name, services.now())
    return Done(_page(campaign.solution), f"{name} serves {campaign.solution_version}.", name)


def _version(solution: SolutionReport, name: str) -> VersionReport:
    found = next((one for one in solution.versions if one.name == name), None)
    if found is None:
        raise InvalidInput(f"{name} is none of the newest versions of solution {solution.name}")
    return found


def _measured(wanted: VersionReport) -> str:
    """The numbers that the gate decided by; without any, that of the user split by its name."""
    if wanted.gate is not None and wanted.gate.ndcg_at5 is not None:
        rival = wanted.gate.live_ndcg_at5
        beside = "" if rival is None else f", that of what was live then {rival:.4f}"
        return f"Its NDCG@5 is {wanted.gate.ndcg_at5:.4f}{beside}, as the gate measured it."
    ours = wanted.metrics.get(_NDCG_AT_5)
    if ours is None:
        return "Nobody measured it."
    return f"Its user-split NDCG@5 is {ours:.4f}, which compares with no other version's."


def _judged(wanted: VersionReport) -> str:
    if wanted.gate is None:
        return "The gate has not judged it: nobody checks it before it goes live but you."
    if wanted.gate.fate == "promoted":
        return "The gate has let it go live before."
    return "The gate did not let it go live. You do what it would not."


def _revision(fields: Fields) -> int:
    try:
        return int(fields.get("revision", ""))
    except ValueError as error:
        raise InvalidInput("the revision is missing: ask again from the solution's page") from error


def _page(solution: str) -> str:
    return f"/console/models/solutions/{quote(solution, safe='')}"
