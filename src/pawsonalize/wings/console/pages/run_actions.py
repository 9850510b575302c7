"""Beginning and cancelling a retraining on the console."""

from urllib.parse import quote

from starlette.requests import Request

from pawsonalize.domain.errors import Conflict
from pawsonalize.engine.training.retrained import Part
from pawsonalize.engine.training.retraining.record import Trigger
from pawsonalize.kinds.solutions import Solution
from pawsonalize.pages.actions import Confirmation, Done, Fields
from pawsonalize.pages.shell import services_of
from pawsonalize.wings.console.console import Console

_MODELS = "/console/models"
RETRAIN = f"{_MODELS}/retrain"
CANCEL = f"{_MODELS}/cancel"


def ask_retrain(request: Request, fields: Fields) -> Confirmation:
    """What a retraining will do."""
    services, console = services_of(request), Console.of(request.app.state.wings)
    now = services.now()
    if (running := console.models.models(None, now).running) is not None:
        raise Conflict(
            f"{running.run_id} is not finished, and one retraining runs at a time: follow it, or"
            " cancel it first"
        )
    solution = fields.get("solution") or None
    if solution is not None:
        services.registry.get(Solution, solution)
    about = "everything that asks for it" if solution is None else f"solution {solution}"
    return Confirmation(
        title=f"Retrain {about}",
        effects=(
            "New solution versions are trained on all events that are there by now.",
            "Each is compared with popularity and with what is live, on the same held-out visitors."
            " It goes live only if the gate lets it.",
            "What is live goes on answering meanwhile. No request fails.",
            "It takes processor time and memory on a server that works. You can cancel it.",
        ),
        button="Retrain",
        back=_MODELS,
        fields={} if solution is None else {"solution": solution},
    )


def retrain(request: Request, fields: Fields) -> Done:
    """Begin it."""
    services = services_of(request)
    part = Part(None, fields.get("solution") or None)
    record = services.runs.begin(Trigger.SITE, services.now(), part=part)
    return Done(_page(record.run_id), "The retraining has begun.", record.run_id)


def ask_cancel(request: Request, fields: Fields) -> Confirmation:
    """What ends, and what stays."""
    services, console = services_of(request), Console.of(request.app.state.wings)
    run = console.runs.get(fields.get("run", ""), services.now())
    if not run.is_running:
        raise Conflict(f"{run.run_id} has ended already: it is {run.status}")
    promoted = [one.campaign for one in run.campaigns if one.fate == "promoted"]
    return Confirmation(
        title=f"Cancel {run.run_id}",
        effects=(
            "Its trainings are stopped. Nothing of those that are not finished is kept.",
            "What is served stays."
            if not promoted
            else f"What has gone live by now, {', '.join(promoted)}, stays live.",
            "It stops within seconds, or after the step that it is in.",
        ),
        button="Cancel the retraining",
        back=_page(run.run_id),
        fields={"run": run.run_id},
    )


def cancel(request: Request, fields: Fields) -> Done:
    """Ask it to stop."""
    services = services_of(request)
    record = services.runs.cancel(fields.get("run", ""))
    return Done(_page(record.run_id), "It is being stopped.", record.run_id)


def _page(run_id: str) -> str:
    return f"{_MODELS}/runs/{quote(run_id, safe='')}"
