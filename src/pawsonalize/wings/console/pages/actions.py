"""What an operator does on the console: asked first, with what it will change, then done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pawsonalize.access.admission import Caller
from pawsonalize.access.auditing import ANYBODY_CALLED, note
from pawsonalize.access.tenants import check_reach
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.kinds.access_keys import OPERATOR
from pawsonalize.storage.audit import AuditEntry
from pawsonalize.wings.console.pages.sessions import fields_of
from pawsonalize.wings.console.pages.shell import Console, caller_of, failed, guarded, see, shown

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


Ask = Callable[[Console, Fields], Confirmation]
Act = Callable[[Console, Fields], Done]


def action(path: str, ask: Ask, act: Act) -> list[Route]:
    """GET asks, with the fields of the query; POST does it, with those of the form, and notes it.

    Pages of other sites get no further than the guard, and a session is sent from our pages alone.
    """

    def asked(request: Request, caller: Caller) -> Response:
        wanted = ask(Console.of(request), dict(request.query_params))
        return shown(request, caller, "console/confirmation.html", wanted=wanted, path=path)

    async def done(request: Request) -> Response:
        console, caller = Console.of(request), None
        try:
            caller = await caller_of(request, OPERATOR)
            check_reach(caller.dataset_group, None)
            fields = await fields_of(request)
            result = await run_in_threadpool(act, console, fields)
        except PawsonalizeError as error:
            if caller is not None:
                await _note(console, caller, path, None, error.code)
            return failed(request, error, caller)
        await _note(console, caller, path, result.target, "done")
        if result.once:
            return shown(request, caller, "console/shown_once.html", done=result)
        return see(result.page, result.notice)

    return [Route(path, guarded(asked)), Route(path, done, methods=["POST"])]


async def _note(
    console: Console, caller: Caller, path: str, target: str | None, outcome: str
) -> None:
    who = caller.key_id or ANYBODY_CALLED
    await note(console.audit, AuditEntry(console.now(), who, f"POST {path}", target, outcome))
