"""Forwarding of new events to Amazon Personalize by a running server."""

from collections.abc import Iterator

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.background import Task
from pawsonalize.domain.roles import WORK
from pawsonalize.http.services import Services
from pawsonalize.settings import Settings
from pawsonalize.wings.remote_amazon.composition import AmazonEngine
from pawsonalize.wings.remote_amazon.forwarding import LEASE
from pawsonalize.wings.remote_amazon.settings import AmazonSettings


def tasks(
    settings: Settings, adapters: Adapters, _services: Services, _shared: None
) -> Iterator[Task]:
    """Yield the task that sends new events there."""
    if isinstance(adapters.remote, AmazonEngine) and settings.has_role(WORK):
        forward = adapters.leases.leading(LEASE, adapters.remote.forwarder.forward)
        pause = settings.part(AmazonSettings).amazon_forward_seconds
        yield Task("send events to Amazon Personalize", pause, forward)
