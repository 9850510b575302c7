"""Views of the service, each a page and the same report as JSON, and actions of operators."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.app.pages.period import PagePeriod
from pawsonalize.app.pages.shell import (
    caller_of,
    failed,
    guarded,
    links,
    see,
    shown,
    waiting_counts,
)
from pawsonalize.core.database.journal import AuditEntry
from pawsonalize.core.errors import PawsonalizeError
from pawsonalize.core.http.json import filled, json_response
from pawsonalize.core.http.operation import About, Operation, RequestParameter
from pawsonalize.core.scopes import OPERATOR, Scope
from pawsonalize.operations.addressing import read_group
from pawsonalize.operations.admission import Caller
from pawsonalize.operations.guard import ANYBODY_CALLED, note
from pawsonalize.operations.limits import check_reach
from pawsonalize.operations.services import Services, services_of
from pawsonalize.recommend.campaigns import Address
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.defaults import DATASET_GROUP
from pawsonalize.site.forms import fields_of
from pawsonalize.site.rendering import with_query

GROUP_PARAMETER = "datasetGroup"
_GROUPS = 50  # in the menu of a page


class ViewQuery(msgspec.Struct, frozen=True):
    """One request for a view, or of an action on a page, as of `now`."""

    services: Services
    plugins: Mapping[str, Any]
    """Objects that the plugins share, by the plugins' names."""
    parameters: Mapping[str, str]
    """Those of the query; of an action that is to be done, the fields of its form."""
    path_parameters: Mapping[str, str]
    """Those in the path."""
    group: str
    now: int

    @classmethod
    def of(
        cls, request: Request, group: str, parameters: Mapping[str, str] | None = None
    ) -> "ViewQuery":
        """Return the query of a request, with `parameters` in place of its own if given."""
        services, plugins = services_of(request), request.app.state.plugins
        own = request.query_params if parameters is None else parameters
        return cls(services, plugins, own, request.path_params, group, services.now())

    def text(self, name: str) -> str:
        """Return a parameter; empty if it is left out."""
        return self.parameters.get(name, "")

    def period(self, usual: str) -> PagePeriod:
        """Return the time that the page is about: `usual` where the address names none."""
        return PagePeriod.of(self.parameters, self.now, usual)


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A view for operators; its page is `template`, which knows the `report`."""

    page: str
    template: str
    read: Callable[[ViewQuery], Any]
    content: Callable[[ViewQuery, Any], Mapping[str, Any]] | None = None
    """More content for the template."""
    operation: str = ""
    """The name of the operation that answers with its JSON; empty for a page without."""
    path: str = ""
    """The path of the JSON below /v1/console, by the name of the operation if left out."""
    summary: str = ""
    answer: Any = None
    about: About = About.SERVICE
    parameters: tuple[RequestParameter, ...] = ()
    usual: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Defaults of the page's parameters, where they differ from those of the JSON."""
    needs: tuple[str, ...] = ()
    """Parameters without all of which the page is a form alone."""
    takes_long: bool = False
    leads: Callable[[Any], str | None] = lambda _report: None
    """The page that the report leads to at once; None to show it."""
    periods: tuple[str, ...] = ()
    """The usual time of a page that shows one, such as 30d, and choices that it has more."""
    allowed: frozenset[Scope] = OPERATOR
    """Scopes that open it."""
    has_photos: bool = False
    """True if it shows photos of animals, which are anywhere in the web."""

    @property
    def is_of_group(self) -> bool:
        """True if the view shows one dataset group."""
        return any(parameter.name == GROUP_PARAMETER for parameter in self.parameters)

    def routes(self) -> list[BaseRoute]:
        """Return the route of its page."""
        report = self._report if self.takes_long else None
        return [Route(self.page, guarded(self._shown, self.allowed, report))]

    def as_operation(self) -> Operation:
        """Return the operation of the API that answers with the report."""

        async def endpoint(request: Request) -> Response:
            group = await read_group(request) if self.is_of_group else DATASET_GROUP
            query = ViewQuery.of(request, group)
            services = query.services
            if self.takes_long:
                key = (request.url.path, group, request.url.query)
                return json_response(await services.reports.share(key, partial(self.read, query)))
            return json_response(await services.page_reads.make(self.read, query))

        endpoint.__name__ = f"get_{self.operation}"
        return Operation(
            "GET",
            f"/v1/console{self.path or f'/{self.operation}'}",
            endpoint,
            self.summary,
            self.allowed,
            about=self.about,
            answer=self.answer,
            parameters=self.parameters,
        )

    def _query(self, request: Request) -> ViewQuery:
        given, group = filled(request.query_params), DATASET_GROUP
        if self.is_of_group:
            group = services_of(request).directory.dataset_group(
                Address(given.get(GROUP_PARAMETER))
            )
        return ViewQuery.of(request, group, {**self.usual, **given})

    def _report(self, request: Request) -> Any:
        given = filled(request.query_params)
        if self.needs and not any(name in given for name in self.needs):
            return None
        return self.read(self._query(request))

    def _shown(self, request: Request, caller: Caller) -> Response:
        query, given = self._query(request), filled(request.query_params)
        report = request.state.report if self.takes_long else self._report(request)
        if report is not None and (path := self.leads(report)):
            return see(path)
        older = getattr(report, "next_cursor", None)
        registry = query.services.registry
        groups = registry.page(DatasetGroup, _GROUPS) if self.is_of_group else ()
        period = query.period(self.periods[0]) if self.periods else None
        return shown(
            request,
            caller,
            self.template,
            has_photos=self.has_photos,
            report=report,
            menu_counts=waiting_counts(query.plugins),
            period=period,
            periods=period and period.choices(self.periods),
            **({} if self.content is None else self.content(query, report)),
            tab=self.page,
            tabs=tabs_of(self.page, caller.scopes),
            given=given,
            group=query.group,
            groups=sorted(one.name for one in groups),
            is_first="cursor" not in given,
            first=with_query(self.page, {**given, "cursor": ""}),
            older=older and with_query(self.page, {**given, "cursor": older}),
        )


def tabs_of(page: str, scopes: frozenset[Scope] = OPERATOR) -> tuple[tuple[str, str], ...]:
    """Return name and path of the tabs that a page is one of; none for most."""
    tabs = links("/".join(page.split("/")[:3]), scopes)
    return tabs if any(path == page for _, path in tabs) else ()


Fields = Mapping[str, str]


class Confirmation(msgspec.Struct, frozen=True):
    """A question to the operator, before something is done."""

    title: str
    """The action, such as `Promote version 3 of cats`."""
    effects: tuple[str, ...]
    """Effects of the action, one sentence each."""
    button: str
    """Text of the button: the verb alone."""
    back: str
    """The page that one came from, and stays on without the button."""
    fields: Fields = msgspec.field(default_factory=dict)
    """Fields that the form sends to the action."""


class Done(msgspec.Struct, frozen=True):
    """The result of an action."""

    page: str
    """The page to go on with."""
    notice: str
    """One sentence, which that page says."""
    target: str | None = None
    """The name of the resource it was done to, for the audit log; never an id of a visitor."""
    once: Fields = msgspec.field(default_factory=dict)
    """Secrets that the answer shows, and no page after it."""
    detail: str = ""
    """What of it was changed, such as the names of fields, for the audit log."""


# Pages of other sites get no further than the guard, and a session is sent from our pages alone.
class PageAction(msgspec.Struct, frozen=True):
    """An operator's action: GET asks, with the fields of the query; POST does it and notes it."""

    path: str
    ask: Callable[[ViewQuery], Confirmation]
    act: Callable[[ViewQuery], Done]
    allowed: frozenset[Scope] = OPERATOR
    """Scopes that may do it."""

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the question (GET) and of the action (POST)."""
        return [
            Route(self.path, guarded(self._confirmation, self.allowed)),
            Route(self.path, self._done, methods=["POST"]),
        ]

    def _confirmation(self, request: Request, caller: Caller) -> Response:
        wanted = self.ask(ViewQuery.of(request, DATASET_GROUP))
        return shown(request, caller, "console/confirmation.html", wanted=wanted, path=self.path)

    async def _done(self, request: Request) -> Response:
        return await perform(request, self._act, self.allowed)

    async def _act(self, request: Request, _caller: Caller) -> Done:
        query = ViewQuery.of(request, DATASET_GROUP, await fields_of(request))
        return await run_in_threadpool(self.act, query)


async def perform(
    request: Request,
    act: Callable[[Request, Caller], Awaitable[Done | Response]],
    allowed: frozenset[Scope] = OPERATOR,
) -> Response:
    """Do what a form of a page asks for, if the caller has one of the scopes, and note it.

    A response of `act` asks something first, or says what `act` has noted by itself.
    """
    caller = None
    try:
        caller = await caller_of(request, allowed)
        check_reach(caller.dataset_group, None)
        result = await act(request, caller)
    except PawsonalizeError as error:
        if caller is not None:
            await note_action(request, caller, None, error.code)
        return failed(request, error, caller)
    services_of(request).page_reads.drop_late()
    if isinstance(result, Response):
        return result
    await note_action(request, caller, result.target, "done", result.detail)
    if result.once:
        return shown(request, caller, "console/shown_once.html", done=result)
    return see(result.page, result.notice)


async def note_action(
    request: Request, caller: Caller, target: str | None, outcome: str, detail: str = ""
) -> None:
    """Note what was done by the form, and how it ended, in the audit log."""
    services = services_of(request)
    who, what = caller.key_id or ANYBODY_CALLED, f"POST {request.url.path} {detail}".strip()
    await note(services.audit, AuditEntry(services.now(), who, what, target, outcome))
