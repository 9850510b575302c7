"""Calls of Amazon Personalize's API, and what its errors mean here."""

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, Literal

from pawsonalize.core import errors

Service = Literal["personalize", "personalize-events", "personalize-runtime"]
Heard = Callable[[str, str], object]
"""Is told the operation and how it ended: `answered`, `refused` or `unavailable`."""

_CONNECT_SECONDS = 2.0
_PATIENT_SECONDS = 15.0  # for all but the questions, for which a visitor waits
_PATIENT_TRIES = 3
_QUERY_TRIES = 2
_CONNECTIONS = 50
_PAGE = 100

_MEANINGS: dict[str, type[errors.PawsonalizeError]] = {
    "ResourceNotFoundException": errors.NotFound,
    "ResourceAlreadyExistsException": errors.AlreadyExists,
    "ResourceInUseException": errors.Conflict,
    "LimitExceededException": errors.LimitExceeded,
    "InvalidInputException": errors.InvalidInput,
    "InvalidNextTokenException": errors.InvalidInput,
    "ValidationException": errors.InvalidInput,
}
_OF_CREDENTIALS = frozenset(
    {
        *("AccessDeniedException", "ExpiredTokenException", "InvalidSignatureException"),
        *("MissingAuthenticationTokenException", "UnrecognizedClientException"),
    }
)


# botocore finds region, credentials and endpoints as for any tool of that cloud. So the variables
# `AWS_ENDPOINT_URL_PERSONALIZE`, `…_EVENTS` and `…_RUNTIME` count.
class Calls:
    """Calls of the three services; may be used by several threads."""

    def __init__(
        self,
        region: str = "",
        query_seconds: float = 2.0,
        heard: Heard = lambda _operation, _outcome: None,
    ) -> None:
        """An empty region is that of the environment. A question waits at most so long."""
        self._region = region
        self._query_seconds = query_seconds
        self._heard = heard
        self._clients: dict[Service, object] = {}
        self._making = threading.Lock()

    def control(self, operation: str, **parameters: object) -> dict[str, Any]:
        """An operation of the control plane, such as `create_solution_version`."""
        return self.call("personalize", operation, **parameters)

    def describe(self, kind: str, arn: str) -> dict[str, Any]:
        """Describe a resource; `kind` is as in `solution_version`. NotFound without it."""
        member = camel(kind)
        found = self.control(f"describe_{kind}", **{f"{member}Arn": arn})[member]
        return dict(found)

    def listed(self, kind: str, **parameters: object) -> Iterator[dict[str, object]]:
        """Yield all resources of a kind, page by page."""
        more: dict[str, object] = {}
        while True:
            page = self.control(f"list_{kind}s", maxResults=_PAGE, **parameters, **more)
            yield from page[f"{camel(kind)}s"]
            if not page.get("nextToken"):
                return
            more = {"nextToken": page["nextToken"]}

    def find(self, kind: str, name: str, **parameters: object) -> str | None:
        """Return the ARN of the listed resource of that name, or None."""
        found = (one for one in self.listed(kind, **parameters) if one["name"] == name)
        return next((str(one[f"{camel(kind)}Arn"]) for one in found), None)

    def create(self, kind: str, find: Callable[[], str | None], **parameters: object) -> str:
        """Create a resource, or `find` the one of a process that was faster; return its ARN."""
        try:
            return str(self.control(f"create_{kind}", **parameters)[f"{camel(kind)}Arn"])
        except errors.AlreadyExists:
            if (found := find()) is None:
                raise
            return found

    @property
    def region(self) -> str:
        """The region that is called; InvalidInput if none is known."""
        return str(self._client("personalize").meta.region_name)

    def endpoint(self, service: Service) -> str:
        """The address that the service has."""
        return str(self._client(service).meta.endpoint_url)

    def call(self, service: Service, operation: str, **parameters: object) -> dict[str, object]:
        """Return the answer, or raise our error; EngineUnavailable where waiting may help."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - slow to import

        try:
            answer: dict[str, object] = getattr(self._client(service), operation)(**parameters)
        except (BotoCoreError, ClientError) as error:
            ours = _meaning(_titled(operation), error)
            is_away = isinstance(ours, errors.EngineUnavailable)
            self._heard(operation, "unavailable" if is_away else "refused")
            raise ours from error
        self._heard(operation, "answered")
        return answer

    def _client(self, service: Service) -> Any:
        with self._making:  # to make one is not safe for threads, to use one is
            if service not in self._clients:
                self._clients[service] = self._made(service)
            return self._clients[service]

    def _made(self, service: Service) -> object:
        import botocore.session  # noqa: PLC0415 - slow to import
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415

        is_query = service == "personalize-runtime"
        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=self._query_seconds if is_query else _PATIENT_SECONDS,
            retries={
                "mode": "standard",
                "total_max_attempts": _QUERY_TRIES if is_query else _PATIENT_TRIES,
            },
            max_pool_connections=_CONNECTIONS,
        )
        try:
            return botocore.session.get_session().create_client(
                service, region_name=self._region or os.environ.get("AWS_REGION"), config=config
            )
        except (BotoCoreError, ValueError) as error:
            raise errors.InvalidInput(
                f"Amazon Personalize cannot be called ({error}): set amazon_region, or AWS_REGION",
                field="amazon_region",
            ) from error


def _meaning(call: str, error: Exception) -> errors.PawsonalizeError:
    from botocore.exceptions import ClientError, ParamValidationError  # noqa: PLC0415

    if isinstance(error, ParamValidationError):
        return errors.InvalidInput(f"{call} cannot be asked for: {error}")
    if not isinstance(error, ClientError):
        return errors.EngineUnavailable(f"Amazon Personalize does not answer {call} ({error})")
    refusal = error.response["Error"]
    code, message = refusal.get("Code", ""), refusal.get("Message", "")
    text = f"Amazon Personalize refuses {call}: {message or code}"
    if code in _OF_CREDENTIALS:
        return errors.EngineUnavailable(
            f"{text} ({code}): look at the credentials, the rights and the clock of this machine"
        )
    if code in _MEANINGS:
        return _MEANINGS[code](text)
    return errors.EngineUnavailable(f"{text} ({code})")


def _titled(operation: str) -> str:
    return "".join(word.capitalize() for word in operation.split("_"))


def camel(name: str) -> str:
    """Return a name such as `solution_version` as the API spells it: `solutionVersion`."""
    titled = _titled(name)
    return titled[0].lower() + titled[1:]
