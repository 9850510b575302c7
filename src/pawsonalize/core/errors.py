"""The one error tree. Each interface maps these classes once; nothing else is raised on purpose.

PawsonalizeError
├── InvalidInput ── InputTooLarge · WrongMediaType
├── Unauthenticated · Forbidden · TooManyRequests
├── NotFound · NotReady · Conflict ── AlreadyExists · LimitExceeded
├── TrainingFailed · LeaseLost · CorruptArtefact · NotDelivered · NotFetched
└── StorageUnavailable ── NoSuchBucket · StreamUnavailable · EngineUnavailable
"""

from collections.abc import Iterator
from contextlib import contextmanager


class PawsonalizeError(Exception):
    """Base of every error raised on purpose.

    `code` is stable and for machines, `message` for people, `field` the path of the input it
    is about (`itemMetadataList[3].itemId`), if any. `detail` is for operators alone, such as the
    address of a database: it is in `str(error)`, and in no answer.
    """

    code = "error"

    def __init_subclass__(cls, code: str | None = None) -> None:
        cls.code = code or cls.code

    def __init__(
        self, message: str, *, field: str | None = None, code: str | None = None, detail: str = ""
    ) -> None:
        super().__init__(f"{message} ({detail})" if detail else message)
        self.message = message
        self.field = field
        if code is not None:
            self.code = code


class InvalidInput(PawsonalizeError, code="invalid_input"):
    """The request is wrong or breaks a documented limit; the message names the next move."""


@contextmanager
def needing(extra: str, message: str, field: str | None = None) -> Iterator[None]:
    """Import the libraries of an extra inside the block; InvalidInput if they are not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        text = f"{message}: pip install 'pawsonalize[{extra}]'"
        raise InvalidInput(text, field=field) from error


class InputTooLarge(InvalidInput, code="too_large"):
    """The request carries more bytes than one call may."""


class WrongMediaType(InvalidInput, code="unsupported_media_type"):
    """The body is not said to be JSON."""


class Unauthenticated(PawsonalizeError, code="unauthenticated"):
    """A key is missing, wrong or expired."""


class Forbidden(PawsonalizeError, code="forbidden"):
    """The caller may not do this."""


class TooManyRequests(PawsonalizeError, code="too_many_requests"):
    """A key, or a dataset group, was used more often than it may be."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        """`retry_after` is in seconds."""
        super().__init__(message)
        self.retry_after = retry_after


class NotFound(PawsonalizeError, code="not_found"):
    """A named thing does not exist."""


class Conflict(PawsonalizeError, code="conflict"):
    """The call contradicts what already exists."""


class AlreadyExists(Conflict, code="already_exists"):
    """There is a thing of that name already."""


class LimitExceeded(Conflict, code="limit_exceeded"):
    """There are as many resources of the kind as there may be."""


class TrainingFailed(PawsonalizeError, code="training_failed"):
    """A training ended without a model; the message has its reason."""


class NotReady(PawsonalizeError, code="not_ready"):
    """Nothing can answer yet; ask again later."""


class LeaseLost(PawsonalizeError, code="lease_lost"):
    """Another process has taken over the lease that this one worked under."""


class StorageUnavailable(PawsonalizeError, code="storage_unavailable"):
    """The tables or the archive cannot be written or read right now."""


class NoSuchBucket(StorageUnavailable):
    """The bucket that a URL names does not exist."""

    def __init__(self, url: str) -> None:
        """`url` is that of the bucket."""
        reason = "NoSuchBucket: The specified bucket does not exist"
        super().__init__(f"{reason}: {url}. Create it, or correct the name")


class StreamUnavailable(PawsonalizeError, code="stream_unavailable"):
    """A stream cannot be read or written right now."""


class EngineUnavailable(PawsonalizeError, code="engine_unavailable"):
    """The engine elsewhere that trains and answers cannot be reached right now."""


class NotDelivered(PawsonalizeError, code="not_delivered"):
    """A notifier did not take a notification; it is tried again later."""


class NotFetched(PawsonalizeError, code="not_fetched"):
    """An address did not give its feed, or not one that can be taken; it is tried again later."""


class CorruptArtefact(PawsonalizeError, code="corrupt_artefact"):
    """A stored model or archive object differs from what its card promises."""


def reason_of(error: BaseException) -> str:
    """Return the error's message without its `detail`; its repr if it has no message."""
    return error.message if isinstance(error, PawsonalizeError) else str(error) or repr(error)
