"""Whether a request was signed by who may ask it, a moment ago, and is as it was signed."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from pawsonalize.aws.protocol.errors import (
    ACCESS_DENIED,
    INCOMPLETE_SIGNATURE,
    INVALID_SIGNATURE,
    UNRECOGNIZED_CLIENT,
    AwsError,
)
from pawsonalize.aws.signatures.authorization import ALGORITHM, Authorization, read_authorization
from pawsonalize.aws.signatures.canonical import SignedRequest
from pawsonalize.domain.times import MINUTE, SECOND
from pawsonalize.engine.resources.access_keys import AccessKey, AccessKeys, Scope
from pawsonalize.engine.resources.remembered import Remembered

_SKEW = 5 * MINUTE
_SERVICE = "personalize"  # all three services sign by this name


class Signatures:
    """Checks signatures, with keys that were looked up within the last second."""

    def __init__(self, keys: AccessKeys, region: str, now: Callable[[], int]) -> None:
        self._keys = keys
        self._region = region
        self._now = now
        self._remembered = Remembered(self._key, now)

    def check(self, request: SignedRequest, wanted: Scope) -> None:
        """One of AWS's errors, unless the request is signed with a key of the wanted scope."""
        given = read_authorization(request.header("authorization"))
        key, secret = self._remembered.find(given.key_id)
        if request.header("x-amz-security-token") is not None:
            raise AwsError(
                UNRECOGNIZED_CLIENT,
                "access keys of this service have no session token: send none (AWS_SESSION_TOKEN)",
            )
        self._check_moment(given, moment := _moment(request))
        self._check_coverage(given, request)
        canonical = request.canonical(given.signed_headers)
        if not hmac.compare_digest(_signature(secret, given, moment, canonical), given.signature):
            raise AwsError(
                INVALID_SIGNATURE,
                "the signature does not match: check the secret access key, and that no proxy"
                f" changes Host or path. The canonical request is here:\n{canonical}",
            )
        if wanted not in key.scopes:
            raise AwsError(
                ACCESS_DENIED,
                f"{key.name} is not for {wanted}: it is for {', '.join(key.scopes)}",
            )

    def _key(self, key_id: str) -> tuple[AccessKey, str]:
        found = self._keys.find(key_id)
        if found is None:
            raise AwsError(
                UNRECOGNIZED_CLIENT,
                "the access key is not one of this service: pawsonalize keys create makes one",
            )
        return found

    def _check_moment(self, given: Authorization, moment: str) -> None:
        now = self._now()
        earliest, latest = _stamp(now - _SKEW), _stamp(now + _SKEW)
        if moment < earliest:
            raise AwsError(
                INVALID_SIGNATURE,
                f"Signature expired: {moment} is now earlier than {earliest}"
                f" ({_stamp(now)} - 5 min.)",
            )
        if moment > latest:
            raise AwsError(
                INVALID_SIGNATURE,
                f"Signature not yet current: {moment} is still later than {latest}"
                f" ({_stamp(now)} + 5 min.)",
            )
        if given.date != moment[:8]:
            raise AwsError(INVALID_SIGNATURE, f"the credential's date is not that of {moment}")

    def _check_coverage(self, given: Authorization, request: SignedRequest) -> None:
        if (given.region, given.service) != (self._region, _SERVICE):
            raise AwsError(
                INVALID_SIGNATURE,
                f"sign for {_SERVICE} in {self._region}, not for {given.service} in"
                f" {given.region} (setting aws_region)",
            )
        # What is not signed, such as the operation's name, somebody could have changed.
        needed = {"host", *(name for name in request.headers if name.startswith("x-amz-"))}
        if unsigned := needed.difference(given.signed_headers):
            raise AwsError(
                INVALID_SIGNATURE, f"sign these headers, too: {', '.join(sorted(unsigned))}"
            )
        if request.header("x-amz-content-sha256") not in (None, request.payload):
            raise AwsError(
                INVALID_SIGNATURE,
                "X-Amz-Content-SHA256 is not the body's: this service takes no unsigned, streamed"
                " or changed one",
            )


def _moment(request: SignedRequest) -> str:
    """When the request says to have been signed, as YYYYMMDDTHHMMSSZ."""
    for name, read in (("x-amz-date", datetime.fromisoformat), ("date", parsedate_to_datetime)):
        text = request.header(name)
        if text is None:
            continue
        try:
            return f"{read(text).astimezone(UTC):%Y%m%dT%H%M%SZ}"
        except (ValueError, OverflowError):
            break
    raise AwsError(INCOMPLETE_SIGNATURE, "X-Amz-Date must say when the request was signed")


def _stamp(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment / SECOND, UTC):%Y%m%dT%H%M%SZ}"


def _signature(secret: str, given: Authorization, moment: str, canonical: str) -> str:
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"{ALGORITHM}\n{moment}\n{given.scope}\n{digest}"
    key = _signing_key(secret, given.date, given.region, given.service)
    return hmac.digest(key, text.encode(), "sha256").hex()


@lru_cache(maxsize=64)
def _signing_key(secret: str, *scope: str) -> bytes:
    """The key of one day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in (*scope, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
