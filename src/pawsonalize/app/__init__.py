"""The composition root: from settings to adapters, engine, commands and servers.

A name is imported when it is first used, as most of them take long to import. Servers are in
`app.asgi`: doors take longer still, and commands do not need them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters, opened
    from pawsonalize.app.attempts import attempt
    from pawsonalize.app.background import follow_campaign
    from pawsonalize.app.jobs import background_jobs, listed_feeds, polling
    from pawsonalize.app.notifying import couriers, open_notifiers
    from pawsonalize.app.retraining import worker, worker_processes
    from pawsonalize.app.side_processes import following
else:
    _PLACES = {
        "adapters": ("Adapters", "opened"),
        "attempts": ("attempt",),
        "background": ("follow_campaign",),
        "jobs": ("background_jobs", "listed_feeds", "polling"),
        "notifying": ("couriers", "open_notifiers"),
        "retraining": ("worker", "worker_processes"),
        "side_processes": ("following",),
    }

    def __getattr__(name: str) -> object:
        for place, names in _PLACES.items():
            if name in names:
                return getattr(import_module(f"{__name__}.{place}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Adapters",
    "attempt",
    "background_jobs",
    "couriers",
    "follow_campaign",
    "following",
    "listed_feeds",
    "open_notifiers",
    "opened",
    "polling",
    "worker",
    "worker_processes",
]
