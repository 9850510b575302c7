"""Amazon Personalize as the engine, opened as the settings say."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from pawsonalize import clock
from pawsonalize.access.services import Services
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.background import Task
from pawsonalize.app.checks import IN_DOCTOR, Check, CheckedService, Diagnosis, attention, fine
from pawsonalize.domain.errors import InvalidInput, PawsonalizeError
from pawsonalize.domain.events import DEFAULT_DATASET_GROUP
from pawsonalize.domain.roles import WORK
from pawsonalize.domain.times import DAY, MINUTE
from pawsonalize.http.metrics import AMAZON_CALLS
from pawsonalize.kinds.campaigns import Campaign
from pawsonalize.kinds.leases import Leases
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.solutions import SolutionVersion
from pawsonalize.settings import Settings
from pawsonalize.storage.animals.catalogue import Catalogue
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.wings.remote_amazon.calls import Calls
from pawsonalize.wings.remote_amazon.engine import AmazonCampaign, AmazonPersonalize
from pawsonalize.wings.remote_amazon.forwarding import LEASE, Forwarder
from pawsonalize.wings.remote_amazon.remote_training import AmazonTraining
from pawsonalize.wings.remote_amazon.settings import AmazonSettings

_SERVICES = ("", "_PERSONALIZE", "_PERSONALIZE_EVENTS", "_PERSONALIZE_RUNTIME")
_LATE = 10 * MINUTE
_REMINDED = 30 * DAY
_NEWEST = 1_000
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - compared


@dataclass(frozen=True, slots=True)
class AmazonEngine:
    """See `RemoteEngine`; and what feeds it."""

    personalize: AmazonPersonalize
    forwarder: Forwarder
    training: AmazonTraining

    @property
    def description(self) -> str:
        """Name it and its place, without a call to it."""
        there, place = self.personalize.names, self.personalize.calls.endpoint("personalize")
        return (
            "Amazon Personalize trains and answers for the default dataset group (there"
            f" {there.dataset_group}, at {place})"
        )

    def campaign(self, name: str) -> AmazonCampaign:
        """Return the campaign there behind ours of that name."""
        return AmazonCampaign(self.personalize, name)


def open_engine(
    settings: Settings, registry: Registry, log: EventLog, catalogue: Catalogue, leases: Leases
) -> AmazonEngine:
    """Open the engine. Calls nobody yet."""
    personalize = open_amazon(settings)
    forwarder = Forwarder(
        log,
        registry,
        personalize.feeding,
        personalize.names.group,
        from_the_start=settings.part(AmazonSettings).amazon_history == "send",
        now=clock.now,
    )
    training = AmazonTraining(personalize, registry, catalogue, forwarder, leases)
    return AmazonEngine(personalize, forwarder, training)


def open_amazon(settings: Settings) -> AmazonPersonalize:
    """Amazon Personalize as the settings name it; calls nobody yet."""
    own = settings.part(AmazonSettings)
    calls = Calls(
        own.amazon_region,
        own.amazon_query_seconds,
        lambda *call: AMAZON_CALLS.labels(*call).inc(),
    )
    return AmazonPersonalize(calls, own.amazon_names, own.amazon_check_seconds)


def check_amazon(settings: Settings) -> None:
    """InvalidInput if Amazon Personalize cannot be called with these settings; calls nobody."""
    if not settings.part(AmazonSettings).uses_amazon:
        return
    for name in _our_own(settings):
        raise InvalidInput(
            f"{name} is {os.environ[name]!r}, which is this very service: with `engine:"
            " amazon-personalize` it would ask itself. Leave it out, or name another service"
        )
    _ = open_amazon(settings).calls.region


def _our_own(settings: Settings) -> Iterator[str]:
    for name in (f"AWS_ENDPOINT_URL{service}" for service in _SERVICES):
        url = urlsplit(os.environ.get(name, ""))
        if url.hostname in {settings.host, *(_THIS_MACHINE if settings.is_local else ())}:
            port = url.port or (443 if url.scheme == "https" else 80)
            if port == settings.port:
                yield name


USABLE = (check_amazon,)


def tasks(
    settings: Settings, adapters: Adapters, _services: Services, _shared: None
) -> Iterator[Task]:
    """Yield the task that sends new events there."""
    if isinstance(adapters.remote, AmazonEngine) and settings.has_role(WORK):
        forward = adapters.leases.leading(LEASE, adapters.remote.forwarder.forward)
        pause = settings.part(AmazonSettings).amazon_forward_seconds
        yield Task("send events to Amazon Personalize", pause, forward)


def engine(service: CheckedService) -> Iterator[Diagnosis]:
    """Name the engine that trains and answers."""
    yield fine(service.adapters.engine)
    if service.adapters.remote is None:
        yield from _left_behind(service)


def _amazon(service: CheckedService) -> AmazonEngine | None:
    remote = service.adapters.remote
    return remote if isinstance(remote, AmazonEngine) else None


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
    service: CheckedService, remote: AmazonEngine, campaign: Campaign
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
