"""An operation of the native API: its path, types, examples and parameters."""

import ast
import inspect
import re
import sys
from collections.abc import Awaitable, Callable
from enum import Enum
from functools import cache, wraps
from types import UnionType
from typing import Any, get_args, get_type_hints

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.core.http.json import json_response
from pawsonalize.core.scopes import Scope

Endpoint = Callable[[Request], Awaitable[Response]]


class RequestParameter(msgspec.Struct, frozen=True):
    """A path or query parameter."""

    name: str
    description: str
    kind: Any = str
    where: str = "query"
    required: bool = False
    # False if the answer has another form by it: the notes tell of it then.
    is_documented: bool = True


class About(Enum):
    """Subject of an operation; it decides whether a key of one dataset group reaches it."""

    SERVICE = "service"
    """The service as a whole, or several dataset groups: such a key does not."""
    # The animals, which are of the default dataset group: a key of that one does.
    INVENTORY = "inventory"
    # One dataset group: its endpoint finds out which, and enters that; see `callers.py`.
    GROUP = "group"
    ANSWER = "answer"
    """The same, but visitors wait for it, so it goes before all else."""


class Operation(msgspec.Struct, frozen=True):
    """One method of one path."""

    method: str
    path: str
    endpoint: Endpoint
    summary: str
    access: frozenset[Scope]
    """The scopes of keys that admit to it; none: it needs no key."""
    about: About = About.SERVICE
    answer: Any = None
    """The type of its answer; None: text, or nothing."""
    status: int = 200
    request: Any = None
    """The type of its body, in the form that everybody should send; None: it has none."""
    file_bytes: int = 0
    """Most bytes of its body, if that is a file as it is; 0: it is none."""
    notes: str = ""
    """More text: other forms that it takes, and when to use it."""
    examples: dict[str, Any] = msgspec.field(default_factory=dict)
    parameters: tuple[RequestParameter, ...] = ()
    answer_headers: dict[str, str] = msgspec.field(default_factory=dict)
    name: str = ""
    """Name in generated clients; empty: that of its endpoint."""

    def __post_init__(self) -> None:
        """Check that request and answer have one type each."""
        # Generated clients are typed by these.
        if isinstance(self.request, tuple) or isinstance(self.answer, tuple):
            raise TypeError(f"{self.method} {self.path}: give one type, not a tuple of types")

    @property
    def id(self) -> str:
        """Name in generated clients: that of its endpoint; with `console_` for the console's."""
        name = self.name or self.endpoint.__name__
        if not self.path.startswith("/v1/console/"):
            return name
        verb, _, rest = name.partition("_")
        return f"{verb}_console_{rest.removeprefix('console_')}"

    @property
    def is_audited(self) -> bool:
        """True if it is an operator's: it changes something, and is no traffic of a site."""
        return self.method == "DELETE" or (self.method != "GET" and Scope.SITE not in self.access)

    @property
    def documented_path(self) -> str:
        """The path as OpenAPI writes it, `{userId}` for `{user_id:path}`."""
        return re.sub(r"{(\w+)(?::\w+)?}", lambda found: f"{{{camel(found[1])}}}", self.path)


class Operations(list[Operation]):
    """The operations of a file, in the order of their endpoints."""

    def __init__(
        self, access: frozenset[Scope] | None = None, about: About = About.SERVICE
    ) -> None:
        """`access` and `about` are the defaults of its operations."""
        self._access, self._about = access, about

    def add(
        self,
        method: str,
        path: str,
        access: frozenset[Scope] | None = None,
        *,
        summary: str = "",
        **more: object,
    ) -> Callable[[Callable[[Request], Awaitable[Any]]], Endpoint]:
        """Declare the operation of an endpoint, whose docstring begins with its summary.

        The type of its answer is what the endpoint returns; a `Response` beside it is a refusal.
        """

        def declare(endpoint: Callable[[Request], Awaitable[Any]]) -> Endpoint:
            @wraps(endpoint)  # clients call the operation by the endpoint's name
            async def answered(request: Request) -> Response:
                answer = await endpoint(request)
                is_response = isinstance(answer, Response)
                return answer if is_response else json_response(answer, operation.status)

            text = summary or inspect.cleandoc(endpoint.__doc__ or "").partition("\n")[0]
            returned = get_type_hints(endpoint)["return"]
            either = get_args(returned) if isinstance(returned, UnionType) else (returned,)
            types = [one for one in either if one is not Response]
            known = {"about": self._about} | ({"answer": types[0]} if types else {})
            scopes = self._access if access is None else access
            if scopes is None:  # not anybody: that has to be said
                raise TypeError(f"{method} {path} has no access: name the scopes that admit to it")
            operation = Operation(method, path, answered, text, scopes, **known | more)
            self.append(operation)
            return answered

        return declare


UNKNOWN_FIELDS_HEADER = "Pawsonalize-Unknown-Fields"
HIDDEN = "x-hidden"
"""Of a field: it is taken, and is not in the document."""
WANTED = "x-required"
"""Of a field: the document says that it is required."""


def camel(name: str) -> str:
    """Return the name in camel case, as JSON has it."""
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)


def field_docs(kind: type) -> dict[str, str]:
    """Return the docstring under each field of a class and its bases, by Python's name."""
    # Without the source there are none.
    docs: dict[str, str] = {}
    # What a class says of a field goes before what its bases say.
    for base in reversed(kind.__mro__):
        docs |= _docs_in(base.__module__).get(base.__name__, {})
    return docs


@cache
def _docs_in(module: str) -> dict[str, dict[str, str]]:
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError):
        return {}
    return {node.name: _docs_under(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _docs_under(kind: ast.ClassDef) -> dict[str, str]:
    docs = {}
    for field, text in zip(kind.body, kind.body[1:], strict=False):
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            target = getattr(field, "target", None) or next(
                iter(getattr(field, "targets", ())), None
            )
            if isinstance(target, ast.Name):
                docs[target.id] = " ".join(str(text.value.value).split())
    return docs
