"""Checks of Amazon Personalize as the engine, which load it only where it is used."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from pawsonalize.app.checks import IN_DOCTOR, Check, CheckedService, Diagnosis, attention, fine
from pawsonalize.core.errors import PawsonalizeError
from pawsonalize.core.event import DEFAULT_DATASET_GROUP
from pawsonalize.core.times import DAY, MINUTE
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.solutions import SolutionVersion

if TYPE_CHECKING:
    from pawsonalize_remote_amazon.composition import AmazonEngine

_LATE = 10 * MINUTE
_REMINDED = 30 * DAY
_NEWEST = 1_000


def engine(service: CheckedService) -> Iterator[Diagnosis]:
    """Name the engine that trains and answers."""
    yield fine(service.adapters.engine)
    if service.adapters.remote is None:
        yield from _left_behind(service)


def _amazon(service: CheckedService) -> "AmazonEngine | None":
    return cast("AmazonEngine | None", service.adapters.remote)  # no other plugin offers one


def events_sent(service: CheckedService) -> Iterator[Diagnosis]:
    """Find events that do not arrive at Amazon Personalize."""
    if (remote := _amazon(service)) is None:
        return
    state, head = remote.forwarder.state(), service.adapters.log.head()
    waiting = head - state.through
    text = f"{state.sent:,} sent, {waiting:,} wait"
    newest = service.adapters.log.read(state.through, head, 1) if waiting else []
    if newest and service.now - newest[0].event.received_at > _LATE:
        move = "a running server sends them: look whether one runs, and at its problems"
        yield attention(text, move)
    else:
        yield fine(text)
    if state.refused or state.shortened:
        yield attention(
            f"{state.refused:,} were refused there, {state.shortened:,} taken without their"
            f" properties; the newest was {state.last_refusal}",
            "they are in the log and the archive here; mend what sends such events",
        )


def erasures_there(service: CheckedService) -> Iterator[Diagnosis]:
    """Count users erased here that Amazon Personalize may still know."""
    if (remote := _amazon(service)) is None:
        return
    since = max(remote.forwarder.state().created_at, service.now - _REMINDED)
    newest = service.adapters.erasures.newest(_NEWEST)
    ours = [one for one in newest if one.dataset_group == DEFAULT_DATASET_GROUP]
    count = sum(one.noted_at >= since for one in ours)
    if count:
        yield attention(
            f"{count:,} erasures of the last 30 days are not carried there",
            "delete these users there with a data deletion job; `pawsonalize erasures ls` lists"
            " the erasures",
        )


def campaigns_there(service: CheckedService) -> Iterator[Diagnosis]:
    """Compare the campaigns at Amazon Personalize with those here."""
    if (remote := _amazon(service)) is None:
        return
    try:
        if remote.personalize.group.find() is None:
            yield fine("it answers; its dataset group is made with the first events")
            return
        yield fine("it answers")
        for campaign in service.adapters.registry.all(Campaign):
            yield from _differing(service, remote, campaign)
    except PawsonalizeError as error:
        yield attention(error.message, "popular groups answer until it does")


def _differing(
    service: CheckedService, remote: "AmazonEngine", campaign: Campaign
) -> Iterator[Diagnosis]:
    version = _remote_version(service, campaign)
    if version is None or campaign.pending is not None:
        return
    there = remote.personalize.campaigns.described(campaign.name, campaign.solution)
    check = f"campaign {campaign.name} there"
    if there is None:
        move = "restart a server: it makes one"
        yield attention("Amazon Personalize has none", move, about=check)
    elif there.get("solutionVersionArn") != version.remote:
        yield attention(
            f"it serves {there.get('solutionVersionArn')}, and {version.remote} is live here:"
            " somebody updated it there",
            f"update it with `pawsonalize campaigns update {campaign.name} VERSION`, or restart a"
            " server",
            about=check,
        )
    else:
        yield fine(f"{there.get('status')} with {version.remote}", about=check)


def _left_behind(service: CheckedService) -> Iterator[Diagnosis]:
    for campaign in service.adapters.registry.all(Campaign):
        if (version := _remote_version(service, campaign)) is not None:
            yield attention(
                f"campaign {campaign.name} serves {version.name}, which Amazon Personalize trained",
                "train here with `pawsonalize train`, or set `engine: amazon-personalize` again",
            )


def _remote_version(service: CheckedService, campaign: Campaign) -> SolutionVersion | None:
    live = campaign.solution_version
    version = None if live is None else service.adapters.registry.find(SolutionVersion, live)
    return None if version is None or version.remote is None else version


CHECKS = (
    Check("engine", engine),
    Check("Amazon Personalize", campaigns_there, IN_DOCTOR, is_slow=True),
    Check("events at Amazon Personalize", events_sent),
    Check("erasures at Amazon Personalize", erasures_there),
)
