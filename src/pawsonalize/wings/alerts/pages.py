"""Pages of alerts: "Who would love Nina?" on the console, and the forms of visitors."""

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.domain.errors import Conflict, InvalidInput
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.limits import parse_id
from pawsonalize.pages.shell import Link
from pawsonalize.pages.views import View, ViewQuery
from pawsonalize.ui.choices import as_search
from pawsonalize.ui.endpoints import Endpoint, Fields, fields_of, posted_form, remember, see
from pawsonalize.ui.rendering import page
from pawsonalize.wings.alerts.composition import Alerts
from pawsonalize.wings.alerts.endpoints import USUAL
from pawsonalize.wings.alerts.messages import STOP
from pawsonalize.wings.alerts.searches import SearchRules

_ANIMALS = "/console/animals"
_YOURS = "/you#alerts"


def _matches(query: ViewQuery) -> dict[str, Any] | None:
    """Return the animal and its matches; None where none is named yet."""
    if not (animal_id := query.text("animalId")):
        return None
    alerts: Alerts = query.wings["alerts"]
    animal_id = parse_id(animal_id, "animalId")
    found = alerts.matching.find(animal_id, USUAL, query.now)
    animal = query.services.inventory.get(animal_id)
    return {"name": animal.name or animal_id, "found": found}


CONSOLE_PAGES = (
    Link("Who would love", f"{_ANIMALS}/matches", tab_of=_ANIMALS, place=3),
    View(
        page=f"{_ANIMALS}/matches",
        template="alerts/matches.html",
        read=_matches,
        takes_long=True,
    ),
)


def _alerts(request: Request) -> Alerts:
    alerts: Alerts = request.app.state.wings["alerts"]
    return alerts


def _stop_page(request: Request, given: Fields, *, is_done: bool) -> Response:
    user_id, signature = given.get("user", ""), given.get("signature", "")
    if not _alerts(request).messages.is_signed(user_id, signature):
        return page("alerts/stop.html", 403, user_id="", signature="", state="unsigned")
    state = "done" if is_done else "open"
    return page("alerts/stop.html", user_id=user_id, signature=signature, state=state)


async def get_stop(request: Request) -> Response:
    """Show a button: programs that look at links of a mail stop nothing."""
    return _stop_page(request, dict(request.query_params), is_done=False)


async def post_stop(request: Request) -> Response:
    """Stop all alerts of the user of a signed link."""
    given = {**request.query_params, **await fields_of(request)}
    alerts, user_id = _alerts(request), given.get("user", "")
    if alerts.messages.is_signed(user_id, given.get("signature", "")):
        await run_in_threadpool(alerts.stop, user_id, alerts.now())
    return _stop_page(request, given, is_done=True)


_Act = Callable[[Alerts, str, Fields], object]


def _form(act: _Act) -> Endpoint:
    """Return the endpoint of a form that changes what a known visitor is told."""

    async def endpoint(request: Request, visitor: Visitor, fields: Fields) -> Response:
        if visitor.user_id is None:
            raise Conflict("say who you are first: nobody knows yet whom to tell")
        await run_in_threadpool(act, _alerts(request), visitor.user_id, fields)
        response = see(_YOURS)
        remember(request, response, visitor)
        return response

    return posted_form(endpoint)


def _set_consent(alerts: Alerts, user_id: str, fields: Fields) -> None:
    if fields.get("alerts") == "yes":
        alerts.consent(user_id)
    else:
        alerts.stop(user_id, alerts.now())


def _save(alerts: Alerts, user_id: str, fields: Fields) -> None:
    rules = SearchRules.of(fields.get("search", ""))
    if not (search := as_search(rules.choices, rules.answers)):
        raise InvalidInput("there is no search to save: choose something first", field="search")
    alerts.save(user_id, search, alerts.now())


def _remove(alerts: Alerts, user_id: str, fields: Fields) -> None:
    alerts.book.remove(user_id, fields.get("search", ""))


def routes() -> list[BaseRoute]:
    """Return the routes of visitors."""
    return [
        Route(STOP, get_stop),
        Route(STOP, post_stop, methods=["POST"]),
        *(
            Route(f"/alerts/{name}", _form(act), methods=["POST"])
            for name, act in (("consent", _set_consent), ("save", _save), ("remove", _remove))
        ),
    ]
