"""The operations of Amazon Personalize's three services, as botocore's own models describe them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel

SERVICES = ("personalize", "personalize-events", "personalize-runtime")
_TARGET = "AmazonPersonalize."


@dataclass(frozen=True, slots=True)
class AwsOperation:
    """One operation of Amazon Personalize."""

    name: str
    service: str
    path: str | None
    """Its own in REST-JSON; None in JSON 1.1, which posts to the root."""
    given: Any
    """botocore's shape of the request."""
    answered: Any
    """botocore's shape of the answer."""
    errors: Mapping[str, int]
    """The HTTP status of each declared error."""

    @property
    def content_type(self) -> str:
        """The media type of its answers."""
        return "application/x-amz-json-1.1" if self.path is None else "application/json"


@cache
def operations() -> Mapping[str, AwsOperation]:
    """Every operation by its name."""
    found = {}
    for service in SERVICES:
        model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
        by_path = model.metadata["protocol"] == "rest-json"
        for name in model.operation_names:
            one = model.operation_model(name)
            found[name] = AwsOperation(
                name=name,
                service=service,
                path=one.http["requestUri"] if by_path else None,
                given=one.input_shape,
                answered=one.output_shape,
                errors={error.name: _status(error) for error in one.error_shapes},
            )
    return MappingProxyType(found)


@cache
def paths() -> Mapping[str, AwsOperation]:
    """The operations that have a path of their own, by it."""
    return MappingProxyType({one.path: one for one in operations().values() if one.path})


def targeted(target: str | None) -> AwsOperation | None:
    """The operation that the header X-Amz-Target names, None if it names none of JSON 1.1."""
    if target is None or not target.startswith(_TARGET):
        return None
    operation = operations().get(target.removeprefix(_TARGET))
    return operation if operation and operation.path is None else None


def _status(error: Any) -> int:
    return int(error.metadata.get("error", {}).get("httpStatusCode", HTTPStatus.BAD_REQUEST))
