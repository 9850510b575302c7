"""A view of the console: a page, and the same report as JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.http.addressing import read_group
from pawsonalize.http.json import json_response
from pawsonalize.http.operation import About, Operation, RequestParameter
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import OPERATOR
from pawsonalize.kinds.defaults import DATASET_GROUP
from pawsonalize.wings.console.views.views import ConsoleViews

GROUP_PARAMETER = "datasetGroup"


@dataclass(frozen=True, slots=True)
class ViewQuery:
    """One request for a view, as of `now`."""

    views: ConsoleViews
    parameters: Mapping[str, str]
    """Those of the query."""
    path_parameters: Mapping[str, str]
    """Those in the path."""
    group: str
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One view, for keys that operate the service.

    Its page is `template` with the report, which the template knows as `called`.
    """

    page: str
    template: str
    read: Callable[[ViewQuery], Any]
    called: str = "report"
    path: str = ""
    """The path of its JSON below /v1/console; empty for a page without."""
    operation: str = ""
    """The name of the operation that answers with the JSON."""
    summary: str = ""
    answer: Any = None
    about: About = About.SERVICE
    parameters: tuple[RequestParameter, ...] = ()
    usual: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the page where it differs from the JSON if they are left out."""
    needs: tuple[str, ...] = ()
    """Parameters without all of which the page is a form alone."""
    takes_long: bool = False

    @property
    def is_of_group(self) -> bool:
        """True if it shows one dataset group."""
        return any(one.name == GROUP_PARAMETER for one in self.parameters)

    def as_operation(self) -> Operation:
        """Return the operation of the API that answers with the report."""

        async def endpoint(request: Request) -> Response:
            services: Services = request.app.state.services
            group = await read_group(request) if self.is_of_group else DATASET_GROUP
            query = ViewQuery(
                services.views, request.query_params, request.path_params, group, services.now()
            )
            if self.takes_long:
                key = (self.path, group, request.url.query)
                return json_response(await services.reports.share(key, partial(self.read, query)))
            return json_response(await services.console_reads.make(self.read, query))

        endpoint.__name__ = f"get_{self.operation}"
        return Operation(
            "GET",
            f"/v1/console{self.path}",
            endpoint,
            self.summary,
            OPERATOR,
            about=self.about,
            answer=self.answer,
            parameters=self.parameters,
        )
