"""Actions of an operator on a page: asked first, with what they will change, then done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.access.admission import Caller
from pawsonalize.access.auditing import ANYBODY_CALLED, note
from pawsonalize.access.tenants import check_reach
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import OPERATOR
from pawsonalize.pages.shell import caller_of, failed, fields_of, guarded, see, shown
from pawsonalize.storage.audit import AuditEntry

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What is asked before something is done."""

    title: str
    """What will be done: `Promote version 3 of cats`."""
    effects: tuple[str, ...]
    """What it changes, one sentence each."""
    button: str
    """What the button says: the verb alone."""
    back: str
    """The page that one came from, and stays on without the button."""
    fields: Fields = field(default_factory=dict)
    """What the form sends to the action."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was done."""

    page: str
    """Where to go on."""
    notice: str
    """One sentence, which that page says."""
    target: str | None = None
    """The name of the resource it was done to, for the audit log; never an id of a visitor."""
    once: Fields = field(default_factory=dict)
    """Secrets that the answer shows, and no page after it."""


@dataclass(frozen=True, slots=True)
class PageAction:
    """An action of an operator: GET asks, with the fields of the query; POST does it and notes it.

    Pages of other sites get no further than the guard, and a session is sent from our pages alone.
    """

    path: str
    ask: Callable[[Request, Fields], Confirmation]
    act: Callable[[Request, Fields], Done]

    def routes(self) -> list[BaseRoute]:
        """Return both routes."""
        return [
            Route(self.path, guarded(self._asked)),
            Route(self.path, self._done, methods=["POST"]),
        ]

    def _asked(self, request: Request, caller: Caller) -> Response:
        wanted = self.ask(request, dict(request.query_params))
        return shown(request, caller, "console/confirmation.html", wanted=wanted, path=self.path)

    async def _done(self, request: Request) -> Response:
        caller = None
        try:
            caller = await caller_of(request, OPERATOR)
            check_reach(caller.dataset_group, None)
            fields = await fields_of(request)
            result = await run_in_threadpool(self.act, request, fields)
        except PawsonalizeError as error:
            if caller is not None:
                await note_action(request, caller, None, error.code)
            return failed(request, error, caller)
        await note_action(request, caller, result.target, "done")
        if result.once:
            return shown(request, caller, "console/shown_once.html", done=result)
        return see(result.page, result.notice)


async def note_action(request: Request, caller: Caller, target: str | None, outcome: str) -> None:
    """Note what was done by the form, and how it ended, in the audit log."""
    services: Services = request.app.state.services
    who, what = caller.key_id or ANYBODY_CALLED, f"POST {request.url.path}"
    await note(services.audit, AuditEntry(services.now(), who, what, target, outcome))
