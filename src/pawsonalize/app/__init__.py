"""The composition root: settings to adapters to engine to what commands and servers need."""

from pawsonalize.app.adapters import Adapters, couriers, open_notifiers, opened
from pawsonalize.app.asgi import asgi, build_app
from pawsonalize.app.background import attempt, deliver_due, follow_campaign
from pawsonalize.app.individuals import read_weights, write_weights
from pawsonalize.app.jobs import background_jobs
from pawsonalize.app.retraining import worker, worker_processes

__all__ = [
    "Adapters",
    "asgi",
    "attempt",
    "background_jobs",
    "build_app",
    "couriers",
    "deliver_due",
    "follow_campaign",
    "open_notifiers",
    "opened",
    "read_weights",
    "worker",
    "worker_processes",
    "write_weights",
]
