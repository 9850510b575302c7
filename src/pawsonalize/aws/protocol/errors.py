"""Errors as AWS clients know them, and what the engine's errors are called among them.

A client's typed exceptions are those that an operation declares; any other name reaches it as
a plain `ClientError` with that code.
"""

from dataclasses import dataclass
from http import HTTPStatus

import msgspec

from pawsonalize.aws.protocol.service import AwsOperation
from pawsonalize.domain.errors import (
    AlreadyExists,
    Conflict,
    CorruptArtefact,
    Forbidden,
    InputTooLarge,
    InvalidInput,
    LimitExceeded,
    NotFound,
    NotReady,
    PawsonalizeError,
    StorageUnavailable,
    TooManyRequests,
    Unauthenticated,
)

VALIDATION = "ValidationException"
INVALID_INPUT = "InvalidInputException"
SERIALIZATION = "SerializationException"
UNKNOWN_OPERATION = "UnknownOperationException"
UNSUPPORTED_OPERATION = "UnsupportedOperationException"
UNSUPPORTED_MEDIA_TYPE = "UnsupportedMediaTypeException"
NOT_FOUND = "ResourceNotFoundException"
IN_USE = "ResourceInUseException"
EXISTS = "ResourceAlreadyExistsException"
LIMIT_EXCEEDED = "LimitExceededException"
INVALID_NEXT_TOKEN = "InvalidNextTokenException"  # noqa: S105 - no secret
TOO_MANY_TAGS = "TooManyTagsException"
TOO_LARGE = "RequestEntityTooLargeException"
UNAVAILABLE = "ServiceUnavailableException"
INTERNAL = "InternalFailure"
MISSING_TOKEN = "MissingAuthenticationTokenException"  # noqa: S105 - no secret
INCOMPLETE_SIGNATURE = "IncompleteSignatureException"
INVALID_SIGNATURE = "InvalidSignatureException"
UNRECOGNIZED_CLIENT = "UnrecognizedClientException"
ACCESS_DENIED = "AccessDeniedException"
THROTTLING = "ThrottlingException"

# Those that no operation declares, or not all of them.
_STATUS = {
    UNKNOWN_OPERATION: HTTPStatus.NOT_FOUND,
    UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    THROTTLING: HTTPStatus.TOO_MANY_REQUESTS,
    UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}

# The caller is not who may call: 403 in REST-JSON, 400 in JSON 1.1.
_FORBIDDEN = frozenset(
    {MISSING_TOKEN, INCOMPLETE_SIGNATURE, INVALID_SIGNATURE, UNRECOGNIZED_CLIENT, ACCESS_DENIED}
)

# The first class that fits counts: special ones stand before their bases.
_NAMES: tuple[tuple[type[PawsonalizeError], str], ...] = (
    (InputTooLarge, TOO_LARGE),
    (InvalidInput, INVALID_INPUT),
    (Forbidden, ACCESS_DENIED),
    (Unauthenticated, ACCESS_DENIED),
    (TooManyRequests, THROTTLING),
    (NotFound, NOT_FOUND),
    (AlreadyExists, EXISTS),
    (LimitExceeded, LIMIT_EXCEEDED),
    (Conflict, IN_USE),
    (NotReady, UNAVAILABLE),
    (StorageUnavailable, UNAVAILABLE),
    (CorruptArtefact, UNAVAILABLE),
)


class AwsError(Exception):
    """An error that this door itself finds, by AWS's name for it."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message


@dataclass(frozen=True, slots=True)
class Fault:
    """An error as it is answered."""

    name: str
    message: str
    status: int

    @property
    def body(self) -> bytes:
        """The JSON that both protocols answer."""
        return msgspec.json.encode({"__type": self.name, "message": self.message})


def fault_of(error: Exception, operation: AwsOperation | None) -> Fault:
    """What the error is called for the caller of the operation, None before it is known which."""
    if isinstance(error, AwsError):
        return _fault(error.name, error.message, operation)
    for kind, name in _NAMES:
        if isinstance(error, kind):
            return _fault(name, error.message, operation)
    return _fault(INTERNAL, "this is our fault: it has been logged", operation)


def _fault(name: str, message: str, operation: AwsOperation | None) -> Fault:
    declared = operation.errors if operation is not None else {}
    if (
        name in {NOT_FOUND, EXISTS, IN_USE, LIMIT_EXCEEDED}
        and name not in declared
        and INVALID_INPUT in declared
    ):
        name = INVALID_INPUT  # the next best that the client has a type for
    if name == INVALID_INPUT and name not in declared:
        name = VALIDATION
    return Fault(name, message, declared.get(name) or _status(name, operation))


def _status(name: str, operation: AwsOperation | None) -> int:
    if name in _FORBIDDEN and operation is not None and operation.path is not None:
        return HTTPStatus.FORBIDDEN
    return _STATUS.get(name, HTTPStatus.BAD_REQUEST)
