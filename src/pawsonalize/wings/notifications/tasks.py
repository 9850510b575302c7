"""Delivery of notifications by a running server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.background import HOUSEKEEPING, Task, at_the_moment, work_of_one
from pawsonalize.http.services import Services
from pawsonalize.settings import Settings
from pawsonalize.wings.notifications.notifying import deliveries

_DELIVERY_SECONDS = 2.0


@contextmanager
def started(
    _settings: Settings, _adapters: Adapters, _services: Services
) -> Iterator[ThreadPoolExecutor]:
    """Yield threads for notifiers, which may hang."""
    with ThreadPoolExecutor(thread_name_prefix="notifying") as threads:
        yield threads


def tasks(
    settings: Settings, adapters: Adapters, services: Services, threads: ThreadPoolExecutor
) -> Iterator[Task]:
    """Yield a task for each notifier."""
    for name, deliver in deliveries(settings, adapters):
        once = adapters.leases.leading(HOUSEKEEPING, at_the_moment(deliver))
        work = work_of_one(settings, services.servers, once)
        yield Task(name, _DELIVERY_SECONDS, work, threads)
