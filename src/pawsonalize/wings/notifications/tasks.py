"""Delivery of notifications by a running server."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.attempts import at_the_moment
from pawsonalize.app.background import HOUSEKEEPING, Task, work_of_one
from pawsonalize.http.services import Services
from pawsonalize.settings import Settings
from pawsonalize.storage.deliveries import Deliveries
from pawsonalize.wings.notifications.base import Notifier
from pawsonalize.wings.notifications.notifying import deliveries, open_notifiers

_DELIVERY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Notifying:
    """The notifiers and the outbox of a running server, and threads for what may hang."""

    notifiers: Mapping[str, Notifier]
    deliveries: Deliveries
    threads: ThreadPoolExecutor


@contextmanager
def started(settings: Settings, adapters: Adapters, _services: Services) -> Iterator[Notifying]:
    """Yield what tasks and pages share."""
    with ThreadPoolExecutor(thread_name_prefix="notifying") as threads:
        yield Notifying(open_notifiers(settings), adapters.deliveries, threads)


def tasks(
    settings: Settings, adapters: Adapters, services: Services, notifying: Notifying
) -> Iterator[Task]:
    """Yield a task for each notifier."""
    for name, deliver in deliveries(settings, adapters):
        once = adapters.leases.leading(HOUSEKEEPING, at_the_moment(deliver))
        work = work_of_one(settings, services.servers, once)
        yield Task(name, _DELIVERY_SECONDS, work, notifying.threads)
