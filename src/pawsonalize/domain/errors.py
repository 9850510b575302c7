"""The one error tree.

    PawsonalizeError
    ├── InvalidInput          the caller's request is wrong; the message names the next move
    │   ├── InputTooLarge     more than one call may carry
    │   └── WrongMediaType    a body of another kind than JSON
    ├── Unauthenticated       nobody knows who calls: a key is missing, wrong or expired
    ├── Forbidden             who calls may not do this
    ├── TooManyRequests       a key or a dataset group was used more often than it may be
    ├── NotFound              a named thing does not exist
    ├── Conflict              the thing exists, or is in a state that forbids the call
    │   ├── AlreadyExists     a thing of that name exists
    │   └── LimitExceeded     there are as many of the kind as there may be
    ├── TrainingFailed        a training ended without a model
    ├── NotReady              nothing can answer yet: no model is live, or shutting down
    ├── LeaseLost             another process does what this one began
    ├── StorageUnavailable    the tables or the archive cannot be written or read
    ├── StreamUnavailable     a broker does not answer
    ├── EngineUnavailable     the engine elsewhere that trains and answers does not answer
    ├── NotDelivered          a notifier did not take a notification
    ├── NotFetched            an address did not give its feed, or not one that can be taken
    └── CorruptArtefact       a stored model or archive object is not what its card says

Each door maps these classes once; nothing else is raised on purpose.
"""


class PawsonalizeError(Exception):
    """Base of every error raised on purpose.

    `code` is stable and for machines, `message` for people, `field` the path of the input it
    is about (`itemMetadataList[3].itemId`), if any. `detail` is for operators alone, such as the
    address of a database: it is in `str(error)`, and in no answer.
    """

    code = "error"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        code: str | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(f"{message} ({detail})" if detail else message)
        self.message = message
        self.field = field
        if code is not None:
            self.code = code


class InvalidInput(PawsonalizeError):
    """The request cannot be understood or breaks a documented limit."""

    code = "invalid_input"


class InputTooLarge(InvalidInput):
    """The request carries more bytes than one call may."""

    code = "too_large"


class WrongMediaType(InvalidInput):
    """The body is not said to be JSON."""

    code = "unsupported_media_type"


class Unauthenticated(PawsonalizeError):
    """A key is missing, wrong or expired."""

    code = "unauthenticated"


class Forbidden(PawsonalizeError):
    """The caller may not do this."""

    code = "forbidden"


class TooManyRequests(PawsonalizeError):
    """A key, or a dataset group, was used more often than it may be."""

    code = "too_many_requests"

    def __init__(self, message: str, *, retry_after: int) -> None:
        """`retry_after` is in seconds."""
        super().__init__(message)
        self.retry_after = retry_after


class NotFound(PawsonalizeError):
    """A named thing does not exist."""

    code = "not_found"


class Conflict(PawsonalizeError):
    """The call contradicts what already exists."""

    code = "conflict"


class AlreadyExists(Conflict):
    """There is a thing of that name already."""

    code = "already_exists"


class LimitExceeded(Conflict):
    """There are as many resources of the kind as there may be."""

    code = "limit_exceeded"


class TrainingFailed(PawsonalizeError):
    """A training ended without a model; the message has its reason."""

    code = "training_failed"


class NotReady(PawsonalizeError):
    """Nothing can answer yet; ask again later."""

    code = "not_ready"


class LeaseLost(PawsonalizeError):
    """Another process, maybe of another machine, does by now what this one began."""

    code = "lease_lost"


class StorageUnavailable(PawsonalizeError):
    """The tables or the archive cannot be written or read right now."""

    code = "storage_unavailable"


class StreamUnavailable(PawsonalizeError):
    """A stream cannot be read or written right now."""

    code = "stream_unavailable"


class EngineUnavailable(PawsonalizeError):
    """The engine elsewhere that trains and answers cannot be reached right now."""

    code = "engine_unavailable"


class NotDelivered(PawsonalizeError):
    """A notifier did not take a notification; it is tried again later."""

    code = "not_delivered"


class NotFetched(PawsonalizeError):
    """An address did not give its feed, or not one that can be taken; it is tried again later."""

    code = "not_fetched"


class CorruptArtefact(PawsonalizeError):
    """A stored model or archive object differs from what its card promises."""

    code = "corrupt_artefact"


def reason_of(error: BaseException) -> str:
    """Return the error's message without what is for operators alone; its form if it has none."""
    return error.message if isinstance(error, PawsonalizeError) else str(error) or repr(error)
