"""Keys, visitors' tokens and sessions of pages: who calls, and whether the call is allowed."""

import hmac
import re
from base64 import b64decode
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from threading import Lock
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

import msgspec
from starlette.datastructures import Headers

from pawsonalize.core.cached_lookup import CachedLookup
from pawsonalize.core.errors import Forbidden, NotFound, Unauthenticated
from pawsonalize.core.late import late
from pawsonalize.core.scopes import SITE, Scope
from pawsonalize.core.times import DAY, HOUR, SECOND
from pawsonalize.operations.limits import Rates
from pawsonalize.resources.access_keys import AccessKey, AccessKeys

if TYPE_CHECKING:
    import jwt
else:
    jwt = late("jwt")


VISITOR_HEADER = "Pawsonalize-Visitor"
ALGORITHM: Final = "HS256"
"""The signature of visitors' tokens."""
LASTS: Final = 12 * HOUR
"""The length of a session of pages."""
_BEARER = "bearer "
_BASIC = "basic "
_LONGEST = DAY  # a token that leaks is of no use a day later
_SKEW = 60 * SECOND  # by which the clocks of two servers may differ
_SESSION = re.compile(r"(?P<key>PAWS[A-Z0-9]{1,40})\.(?P<end>\d{1,15})\.(?P<proof>[0-9a-f]{64})")


# A visitor's token is a JSON Web Token (RFC 7519) with HS256, so that any library makes it: `kid`
# in the header is the site's key and its secret signs; `sub` is the user, `exp` the end in seconds
# since 1970. A session is `key id.end.proof`, which a browser keeps as a cookie instead of the
# secret. The proof is an HMAC of both under the key's secret, so nothing is stored, and a session
# ends when its key does. `end` is in milliseconds since 1970.
class Caller(msgspec.Struct, frozen=True):
    """An admitted caller."""

    key_id: str | None = None  # None: anybody, where no key is required
    scopes: frozenset[Scope] = frozenset()  # of the key; where none is required, all
    is_page: bool = False
    """A browser with a key that everybody can read: trusted with its own session alone."""
    user_id: str | None = None  # id of the visitor, as the site's server signed it
    dataset_group: str | None = None
    """The only dataset group that the key reaches; None: all, and the service as a whole."""


class Call(msgspec.Struct, frozen=True):
    """Parts of a request that admission reads."""

    headers: Headers
    client: str  # the address it came from
    allowed: frozenset[Scope]
    """The scopes that admit to the operation; with none, anybody is admitted."""


class Admission:
    """Decides on calls, with keys that were looked up within the last second."""

    def __init__(
        self,
        keys: AccessKeys,
        rates: Rates,
        now: Callable[[], int],
        *,
        required: bool,
        names: Iterable[str] = (),
    ) -> None:
        """`names` are the hosts by which browsers reach the service, besides the one in use."""
        self.required = required
        self.names = frozenset(names)
        self._keys = keys
        self._rates = rates
        self._now = now
        self._found = CachedLookup(keys.find, now)
        self._origins = CachedLookup[None, frozenset[str]](
            lambda _: frozenset(origin for key in keys.all() for origin in key.origins), now
        )
        self._uses: dict[str, int] = {}
        self._counting = Lock()  # of `_uses`

    def admit(self, call: Call) -> Caller:
        """Return the caller.

        Unauthenticated without a key that is known; Forbidden for one that is not for this, or for
        a page that may not use it; TooManyRequests above its limit.
        """
        token = _bearer(call.headers)
        origin = foreign_origin(call.headers, self.names)
        if token is None:
            if origin is not None:
                raise Forbidden(
                    f"a page of {origin[:200]} may call only with a key that names its origin:"
                    f" {key_for(origin)}",
                    code="foreign_origin",
                )
            if not self.required:
                return Caller(scopes=frozenset(Scope))
            if not call.allowed:
                return Caller()
            raise Unauthenticated(
                "this needs a key: send Authorization: Bearer KEY.SECRET"
                " (pawsonalize keys create makes one)"
            )
        key = self._key(token)
        if origin is not None and origin not in key.origins:
            raise Forbidden(
                f"{key.name} is not for pages of {origin[:200]}: {key_for(origin)}",
                code="foreign_origin",
            )
        self._rates.check(key, call.client)
        if call.allowed:
            _check_scopes(key, call.allowed)
        self._note_use(key)
        user_id = None
        if (signed := call.headers.get(VISITOR_HEADER)) is not None:
            secret_of = partial(self._signing_secret, key.dataset_group)
            user_id = read_visitor_token(signed, secret_of, self._now())
        # True if no other of its scopes would have admitted it.
        is_page = call.allowed.intersection(key.scopes) == {Scope.BROWSER}
        return Caller(key.name, frozenset(key.scopes), is_page, user_id, key.dataset_group)

    def sign_in(self, token: str, allowed: frozenset[Scope]) -> str:
        """A session for pages; Unauthenticated or Forbidden for a wrong key."""
        key = self._key(token)
        _check_scopes(key, allowed)
        return begin_session(key.name, token.partition(".")[2], self._now())

    def of_session(self, session: str | None, allowed: frozenset[Scope]) -> Caller:
        """Return the viewer of a page; raises as `sign_in`, and Unauthenticated without session."""
        if not self.required:
            return Caller(scopes=frozenset(Scope))
        key_id = session_key(session or "", self._secret, self._now())
        found = None if key_id is None else self._found.find(key_id)
        if found is None or found[0].is_expired(self._now()):  # a session ends with its key
            raise Unauthenticated("sign in with a key first")
        key = found[0]
        _check_scopes(key, allowed)
        self.count_use(key)
        return Caller(key.name, frozenset(key.scopes), dataset_group=key.dataset_group)

    def known_origins(self) -> frozenset[str]:
        """Every origin with pages that have a key."""
        return self._origins.find(None)

    def count_use(self, key: AccessKey) -> None:
        """Count a call that another door admitted; TooManyRequests above the key's limit."""
        self._rates.check(key, "")
        self._note_use(key)

    def store_uses(self) -> None:
        """Store when keys were last used."""
        # Unused keys can be found by that.
        with self._counting:
            uses, self._uses = self._uses, {}
        for key_id, at in uses.items():
            with suppress(NotFound):  # it was taken back since
                self._keys.note_use(key_id, at)

    def _note_use(self, key: AccessKey) -> None:
        with self._counting:
            self._uses[key.name] = self._now()

    def _key(self, token: str) -> AccessKey:
        key_id, _, secret = token.partition(".")
        found = self._found.find(key_id)
        # In constant time, so that no guess learns how much of it was right.
        if found is None or not hmac.compare_digest(found[1].encode(), secret.encode()):
            raise Unauthenticated(
                "the key is not one of this service, or its secret is wrong: send Authorization:"
                " Bearer KEY.SECRET as `pawsonalize keys create` printed it"
            )
        if found[0].is_expired(self._now()):
            raise Unauthenticated(f"{key_id} has expired: use the key that took its place")
        return found[0]

    def _secret(self, key_id: str) -> str | None:
        found = self._found.find(key_id)
        return None if found is None else found[1]

    def _signing_secret(self, dataset_group: str | None, key_id: str) -> str | None:
        """The secret of a key that may sign for visitors; None if it may not."""
        # One for a dataset group signs for its pages alone: users of the others are not its.
        key, secret = self._found.find(key_id) or (None, None)
        if key is None or key.is_expired(self._now()) or SITE.isdisjoint(key.scopes):
            return None
        return secret if key.dataset_group in {None, dataset_group} else None


def _check_scopes(key: AccessKey, allowed: frozenset[Scope]) -> None:
    if allowed.isdisjoint(key.scopes):
        has, needs = (" or ".join(sorted(scopes)) for scopes in (key.scopes, allowed))
        raise Forbidden(f"{key.name} is for {has}, and this needs {needs}")


def _bearer(headers: Headers) -> str | None:
    sent = headers.get("authorization", "")
    if not sent:  # a delivery stream can send its key in no other header
        return headers.get("x-amz-firehose-access-key")
    if sent.lower().startswith(_BASIC):  # a webhook can send its key in its address alone
        with suppress(ValueError):
            pair = b64decode(sent[len(_BASIC) :].strip(), validate=True).decode()
            # Any other name is for a proxy before us, which hands it on.
            return pair.replace(":", ".", 1) if pair.startswith("PAWS") else None
    return sent[len(_BEARER) :].strip() if sent.lower().startswith(_BEARER) else None


def foreign_origin(headers: Headers, names: Collection[str]) -> str | None:
    """The origin of a page of another site; None for our own pages, and for what is no browser."""
    # `names` are hosts by which browsers reach the service, besides that of the request: behind a
    # proxy, the two differ.
    origin = headers.get("origin")
    if origin is None:
        # Old browsers, and requests that need no CORS: they still say whether they cross sites.
        return "another site" if headers.get("sec-fetch-site") == "cross-site" else None
    page = _parts(origin)
    if page is not None and (page.netloc == headers.get("host") or page.hostname in names):
        return None
    return origin


def key_for(origin: str) -> str:
    """The command that makes a key for the origin's pages."""
    named = origin[:200] if "://" in origin else "ORIGIN"
    return f"pawsonalize keys create --scope browser --origin {named}"


def is_of_this_machine(host: str, names: Collection[str]) -> bool:
    """True if a request by this `Host` is for us: an address, a local name, or our own."""
    # A page elsewhere can make its own name point at our address. Such a name has a dot: nobody in
    # the internet owns one without, as machines and containers in a local network have.
    page = _parts(f"//{host}")
    name = "" if page is None else page.hostname or ""
    if "." not in name or name.endswith(".localhost") or name in names:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _parts(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def read_visitor_token(token: str, secret_of: Callable[[str], str | None], now: int) -> str:
    """The user of the token; Unauthenticated if no key of `secret_of` signed it, or it ended."""
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
        secret = secret_of(key_id) if isinstance(key_id, str) else None
        if secret is None:
            raise _refused("its kid must be the id of a key with the scope site")
        claims: dict[str, object] = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            leeway=_SKEW // SECOND,
            # `exp` is checked below: by our clock, and how far it lies ahead.
            options={"require": ["sub", "exp"], "verify_exp": False, "verify_aud": False},
        )
    except jwt.InvalidTokenError as error:
        raise _refused(str(error)) from error
    end = claims["exp"]
    if not isinstance(end, int | float):
        raise _refused("exp must be a number of seconds since 1970")
    if not end * SECOND > now - _SKEW:  # JSON's NaN is neither
        raise _refused("it has expired: let your server sign a new one")
    if end * SECOND > now + _LONGEST + _SKEW:
        raise _refused("it is good for more than a day: sign it for an hour, and anew when needed")
    return str(claims["sub"])


def _refused(reason: str) -> Unauthenticated:
    message = f"the visitor's token is refused: {reason}"
    return Unauthenticated(message, code="visitor_token_refused")


def begin_session(key_id: str, secret: str, now: int) -> str:
    """A new session of the key with that secret."""
    end = now + LASTS
    return f"{key_id}.{end}.{_proof(secret, key_id, end)}"


def session_key(session: str, secret_of: Callable[[str], str | None], now: int) -> str | None:
    """The id of the key that signed in; None if the session is over, or none of ours."""
    read = _SESSION.fullmatch(session)
    secret = None if read is None else secret_of(read["key"])
    if read is None or secret is None:
        return None
    key_id, end = read["key"], int(read["end"])
    is_ours = hmac.compare_digest(_proof(secret, key_id, end), read["proof"])
    return key_id if is_ours and now < end else None


def _proof(secret: str, key_id: str, end: int) -> str:
    # The text differs from whatever else the secret signs: visitors' tokens and AWS's requests.
    text = f"pawsonalize pages {key_id} {end}"
    return hmac.digest(secret.encode(), text.encode(), "sha256").hex()
