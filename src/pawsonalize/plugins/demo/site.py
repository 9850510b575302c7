"""Additions of the made-up shelter to the adoption site: who one is, adoptions, trainings."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from pawsonalize.animals.animal import AnimalStatus
from pawsonalize.animals.inventory import Inventory
from pawsonalize.core import clock
from pawsonalize.core.errors import Conflict, InvalidInput, NotFound
from pawsonalize.core.event import Visitor
from pawsonalize.core.limits import MAX_ID_LENGTH, parse_id
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.site import forms as endpoints
from pawsonalize.site.languages import text
from pawsonalize.site.storefront import DemoSite, Storefront
from pawsonalize.train.retraining.runs import FirstRun, Runs, Step

if TYPE_CHECKING:
    from pawsonalize.app.app import App

# Elsewhere the shelter itself says who was adopted.
_ADOPT = ("adoption", "card.adopt", "card.did_adopt")
_MEANWHILE = (
    "Until then animals are ordered by what you and others look at, how long they wait, and how"
    " little they were shown."
)
_STEPS = 4
_DOING = {
    Step.CHECK_DATA: (1, "looking through the events"),
    Step.CREATE_VERSIONS: (2, "about to learn"),
    Step.AWAIT_VERSIONS: (2, "learning"),
    Step.EVALUATE: (3, "checking what was learned on events it has not seen"),
    Step.UPDATE_CAMPAIGNS: (4, "putting what was learned into service"),
    Step.AWAIT_CAMPAIGNS: (4, "putting what was learned into service"),
}


class Learning(msgspec.Struct, frozen=True):
    """Progress of the first model; `first_run` is None where this server trains nothing."""

    log: EventLog
    runs: Runs
    first_run: FirstRun | None

    def in_words(self) -> str:
        """Describe the progress at this moment in two or three sentences."""
        return f"No model is live yet{self._state()} {_MEANWHILE}"

    def _state(self) -> str:
        events = self.log.head()
        run = next(iter(self.runs.newest(1)), None)
        if run is not None and run.ended_at is None:
            step, doing = _DOING.get(run.step, (_STEPS, "about to end"))
            return f". The first is {doing} (step {step} of {_STEPS}), from {events:,} events."
        if run is not None and run.outcome is not None:
            return f". The last training led to none: {run.reason.rstrip('.')}."
        if self.first_run is None:
            return ": run pawsonalize train."
        needed = self.first_run.events_needed
        if events >= needed:
            events = self.log.rows_through(events)  # the log is also other dataset groups'
        if events < needed:
            there_are = "there is 1 event" if events == 1 else f"there are {events:,} events"
            return f": {there_are}, and the first training begins with {needed:,}."
        return ". The first training is about to begin."


def demo_site(app: "App") -> DemoSite:
    """Return what the site of a made-up shelter adds."""
    is_open = not app.settings.requires_keys
    return DemoSite(
        learning=Learning(app.log, app.runs, app.first_run).in_words,
        actions=(_ADOPT,) if is_open else (),
        adopt=partial(_adopt, app.inventory) if is_open else None,
        start_training=app.start_retraining if is_open else None,
        is_open=is_open,
        panel="demo/panel.html",
        account="demo/account.html",
    )


def _adopt(inventory: Inventory, animal_id: str) -> None:
    now = clock.now()
    animal = inventory.get(animal_id)
    if not animal.is_available(now):
        raise Conflict(text("error.gone"))
    inventory.set_status(animal_id, AnimalStatus.ADOPTED, now)


async def _post_sign_in(request: Request, visitor: Visitor, fields: endpoints.Fields) -> Response:
    if not Storefront.of(request).is_open:
        raise NotFound("nobody signs in here: this site has no passwords to tell who you are")
    try:
        user_id = parse_id(fields.get("userId"), "userId")
    except InvalidInput as error:
        raise InvalidInput(text("demo.no_name", most=MAX_ID_LENGTH), field="userId") from error
    response = endpoints.see("/")
    # A session belongs to its first user for good.
    belongs = visitor.user_id in {None, user_id}
    session_id = visitor.session_id if belongs else endpoints.new_session_id()
    endpoints.remember(request, response, Visitor(user_id, session_id))
    return response


async def _post_sign_out(request: Request, visitor: Visitor, _fields: endpoints.Fields) -> Response:
    response = endpoints.see("/")
    endpoints.forget_answers(response)
    endpoints.remember(
        request, response, replace(visitor, user_id=None, session_id=endpoints.new_session_id())
    )
    return response


async def _post_train(request: Request, _visitor: Visitor, _fields: endpoints.Fields) -> Response:
    demo = Storefront.of(request).demo
    if demo is None or demo.start_training is None:
        raise NotFound("this server does not train from the site: run `pawsonalize retrain`")
    await run_in_threadpool(demo.start_training)
    return endpoints.see("/?notice=training")


def _get_learning(request: Request, _visitor: Visitor) -> Response:
    """Return the progress of the first model as text; 204 once a model is live."""
    text = Storefront.of(request).learning
    return Response(status_code=204) if text is None else PlainTextResponse(text)


def routes() -> list[BaseRoute]:
    """Return the routes beside the site's own, which find the same `Storefront`."""
    return [
        Route("/learning", endpoints.shown(_get_learning)),
        Route("/sign-in", endpoints.posted_form(_post_sign_in), methods=["POST"]),
        Route("/sign-out", endpoints.posted_form(_post_sign_out), methods=["POST"]),
        Route("/train", endpoints.posted_form(_post_train), methods=["POST"]),
    ]
