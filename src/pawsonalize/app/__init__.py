"""The composition root: from settings to adapters, engine, commands and servers.

Servers are in `app.asgi`: doors take long to import, and commands do not need them.
"""

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.attempts import attempt
from pawsonalize.app.background import follow_campaign
from pawsonalize.app.jobs import background_jobs, listed_feeds, polling
from pawsonalize.app.notifying import couriers, open_notifiers
from pawsonalize.app.retraining import worker, worker_processes
from pawsonalize.app.side_processes import following

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
