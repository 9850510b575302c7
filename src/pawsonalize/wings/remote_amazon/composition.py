"""Amazon Personalize as the engine, opened as the settings say."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from pawsonalize import clock
from pawsonalize.access.services import Services
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.background import Task
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.roles import WORK
from pawsonalize.http.metrics import AMAZON_CALLS
from pawsonalize.kinds.leases import Leases
from pawsonalize.kinds.registry import Registry
from pawsonalize.settings import Settings
from pawsonalize.storage.animals.catalogue import Catalogue
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.wings.remote_amazon.calls import Calls
from pawsonalize.wings.remote_amazon.engine import AmazonCampaign, AmazonPersonalize
from pawsonalize.wings.remote_amazon.forwarding import LEASE, Forwarder
from pawsonalize.wings.remote_amazon.remote_training import AmazonTraining
from pawsonalize.wings.remote_amazon.settings import AmazonSettings

_SERVICES = ("", "_PERSONALIZE", "_PERSONALIZE_EVENTS", "_PERSONALIZE_RUNTIME")
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - compared


class AmazonEngine(msgspec.Struct, frozen=True):
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
        own.amazon_region, own.amazon_query_seconds, lambda *call: AMAZON_CALLS.labels(*call).inc()
    )
    return AmazonPersonalize(calls, own.amazon_names, own.amazon_check_seconds)


def check_amazon(settings: Settings) -> None:
    """InvalidInput if Amazon Personalize cannot be called with these settings; calls nobody."""
    if not settings.part(AmazonSettings).uses_amazon:
        return
    if settings.clock_file:
        raise InvalidInput(
            f"the setting clock_file is {settings.clock_file}, and Amazon Personalize knows no time"
            " but its own: leave it out, or `engine: amazon-personalize`",
            field="clock_file",
        )
    for name in _our_own(settings):
        raise InvalidInput(
            f"{name} is {os.environ[name]!r}, which is this very service: with `engine:"
            " amazon-personalize` it would ask itself. Leave it out, or name another service"
        )
    _ = open_amazon(settings).calls.region


def _our_own(settings: Settings) -> Iterator[str]:
    for name in (f"AWS_ENDPOINT_URL{service}" for service in _SERVICES):
        url = urlsplit(os.environ.get(name, ""))
        # A server whose engine is its own `/aws` would ask itself for ever.
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
