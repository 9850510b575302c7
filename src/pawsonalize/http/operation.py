"""What an operation of the native API is: its path, its types and its examples."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A path or query parameter."""

    name: str
    description: str
    kind: Any = str
    where: str = "query"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path; `request` and `answer` list the types that a body may have.

    `refusal` is the type of a 400 that says more than other errors do.
    """

    method: str
    path: str
    endpoint: Endpoint
    summary: str
    answer: tuple[Any, ...] = ()
    status: int = 200
    request: tuple[Any, ...] = ()
    refusal: tuple[Any, ...] = ()
    examples: dict[str, Any] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    answer_headers: dict[str, str] = field(default_factory=dict)

    @property
    def documented_path(self) -> str:
        """The path as OpenAPI writes it, `{user_id}` for `{user_id:path}`."""
        return re.sub(r":\w+}", "}", self.path)
