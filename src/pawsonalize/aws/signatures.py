"""Signatures of requests, by AWS's Signature Version 4."""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

import msgspec

from pawsonalize.aws.protocol import (
    ACCESS_DENIED,
    INCOMPLETE_SIGNATURE,
    INVALID_SIGNATURE,
    MISSING_TOKEN,
    UNRECOGNIZED_CLIENT,
    AwsError,
)
from pawsonalize.core.cached_lookup import CachedLookup
from pawsonalize.core.scopes import Scope
from pawsonalize.core.times import MINUTE, SECOND
from pawsonalize.resources.access_keys import AccessKey, AccessKeys


class SignedRequest(msgspec.Struct, frozen=True):
    """A request as it came."""

    method: str
    path: str
    """Still encoded."""
    query: str
    """Still encoded."""
    headers: Mapping[str, tuple[str, ...]]
    """By their names in lower case."""
    payload: str
    """The SHA-256 of the body, in hexadecimal."""

    def header(self, name: str) -> str | None:
        """Return the header's value, None without it."""
        found = self.headers.get(name)
        return None if found is None else ",".join(" ".join(value.split()) for value in found)

    def canonical(self, signed_headers: Iterable[str]) -> str:
        """Return the canonical request, with these of the headers."""
        names = sorted(signed_headers)
        parts = (part.partition("=") for part in self.query.split("&") if part)
        pairs = ((_encoded(name), _encoded(value)) for name, _, value in parts)
        return "\n".join(
            (
                self.method,
                _canonical_path(self.path),
                "&".join(f"{name}={value}" for name, value in sorted(pairs)),
                *(f"{name}:{self.header(name) or ''}" for name in names),
                "",
                ";".join(names),
                self.payload,
            )
        )


def _canonical_path(path: str) -> str:
    """Return the path without dot segments and doubled slashes, encoded once more."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    end = "/" if kept and path.endswith("/") else ""
    return quote(f"/{'/'.join(kept)}{end}", safe="/~")


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="-_.~")


ALGORITHM = "AWS4-HMAC-SHA256"
_CREDENTIAL = re.compile(
    r"(?P<key_id>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request", re.ASCII
)
_SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Authorization(msgspec.Struct, frozen=True):
    """The Authorization header; `date` is YYYYMMDD, `signature` in hexadecimal."""

    key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str

    @property
    def scope(self) -> str:
        """Day, region and service that the signature is valid for."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def read_authorization(header: str | None) -> Authorization:
    """Read the header; one of AWS's errors without it, and if it is incomplete."""
    if not header:
        raise AwsError(
            MISSING_TOKEN,
            "sign the request with an access key of this service: pawsonalize keys create",
        )
    algorithm, _, rest = header.partition(" ")
    if algorithm != ALGORITHM:
        raise AwsError(INCOMPLETE_SIGNATURE, f"sign with {ALGORITHM}, not {algorithm[:40]}")
    pairs = (part.strip().partition("=") for part in rest.split(","))
    parts = {name: value for name, _, value in pairs}
    credential = _CREDENTIAL.fullmatch(parts.get("Credential", ""))
    signature = parts.get("Signature", "")
    signed = tuple(parts.get("SignedHeaders", "").split(";"))
    if credential is None or not _SIGNATURE.fullmatch(signature) or not all(signed):
        raise AwsError(
            INCOMPLETE_SIGNATURE,
            "Authorization needs Credential=KEY/YYYYMMDD/REGION/personalize/aws4_request,"
            " SignedHeaders=NAME;NAME and Signature=64 hexadecimal digits",
        )
    return Authorization(**credential.groupdict(), signed_headers=signed, signature=signature)


_SKEW = 5 * MINUTE
_SERVICE = "personalize"  # all three services sign by this name


class Signatures:
    """Checks signatures; a key is looked up again after a second."""

    def __init__(
        self,
        keys: AccessKeys,
        region: str,
        now: Callable[[], int],
        count_use: Callable[[AccessKey], None],
    ) -> None:
        self._keys = keys
        self._count_use = count_use
        self._region = region
        self._now = now
        self._cached = CachedLookup(self._key, now)

    def check(self, request: SignedRequest, allowed: frozenset[Scope]) -> AccessKey:
        """Return the key; one of AWS's errors unless it signs, and is of an allowed scope."""
        given = read_authorization(request.header("authorization"))
        key, secret = self._cached.find(given.key_id)
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
        if allowed.isdisjoint(key.scopes):
            raise AwsError(
                ACCESS_DENIED,
                f"{key.name} is for {', '.join(key.scopes)}, and this needs"
                f" {' or '.join(sorted(allowed))}",
            )
        self._count_use(key)
        return key

    def _key(self, key_id: str) -> tuple[AccessKey, str]:
        found = self._keys.find(key_id)
        if found is None:
            raise AwsError(
                UNRECOGNIZED_CLIENT,
                "the access key is not one of this service: pawsonalize keys create makes one",
            )
        if found[0].is_expired(self._now()):
            raise AwsError(UNRECOGNIZED_CLIENT, f"{key_id} has expired: use the key after it")
        return found

    def _check_moment(self, given: Authorization, moment: str) -> None:
        now = self._now()
        earliest, latest = _stamp(now - _SKEW), _stamp(now + _SKEW)
        # The first two are worded as AWS words them, which tools look for.
        if moment < earliest:
            wrong = f"expired: {moment} is now earlier than {earliest} ({_stamp(now)} - 5 min.)"
            raise AwsError(INVALID_SIGNATURE, f"Signature {wrong}")
        if moment > latest:
            wrong = f"{moment} is still later than {latest} ({_stamp(now)} + 5 min.)"
            raise AwsError(INVALID_SIGNATURE, f"Signature not yet current: {wrong}")
        if given.date != moment[:8]:
            raise AwsError(INVALID_SIGNATURE, f"the credential's date is not that of {moment}")

    def _check_coverage(self, given: Authorization, request: SignedRequest) -> None:
        if (given.region, given.service) != (self._region, _SERVICE):
            raise AwsError(
                INVALID_SIGNATURE,
                f"sign for {_SERVICE} in {self._region}, not for {given.service} in"
                f" {given.region} (setting aws_region)",
            )
        # A header that is not signed, such as the operation's name, could have been changed.
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
    """Return the moment at which the request was signed, as YYYYMMDDTHHMMSSZ."""
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
    key = f"AWS4{secret}".encode()
    for part in (*scope, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
