"""Keys, visitors' tokens and limits: who calls, and whether the call is allowed."""

import hmac
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Lock

from starlette.datastructures import Headers

from pawsonalize.access.origins import foreign_origin, key_for
from pawsonalize.access.page_sessions import PageSessions
from pawsonalize.access.rates import Rates
from pawsonalize.access.visitor_tokens import read_visitor_token
from pawsonalize.domain.errors import Forbidden, NotFound, Unauthenticated
from pawsonalize.kinds.access_keys import SITE, AccessKey, AccessKeys, Scope
from pawsonalize.kinds.cached_lookup import CachedLookup

VISITOR_HEADER = "Pawsonalize-Visitor"
_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Caller:
    """An admitted caller."""

    key_id: str | None = None
    """None: anybody, where no key is required."""
    scopes: frozenset[Scope] = frozenset()
    """Of the key; where none is required, all."""
    is_page: bool = False
    """A browser with a key that everybody can read: trusted with its own session alone."""
    user_id: str | None = None
    """Id of the visitor, as the site's server signed it."""
    dataset_group: str | None = None
    """The only dataset group that the key reaches; None: all, and the service as a whole."""


@dataclass(frozen=True, slots=True)
class Call:
    """Parts of a request that admission reads."""

    headers: Headers
    client: str
    """The address it came from."""
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
        """`names` are the hosts by which browsers reach the service, beside the one asked."""
        self.required = required
        self.names = frozenset(names)
        self._keys = keys
        self._rates = rates
        self._now = now
        self._found = CachedLookup(keys.find, now)
        self._origins = CachedLookup[None, frozenset[str]](lambda _: self._all_origins(), now)
        self._uses: dict[str, int] = {}
        self._counting = Lock()  # of `_uses`
        self._sessions = PageSessions(self._secret)

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
        scopes = call.allowed.intersection(key.scopes)
        if call.allowed and not scopes:
            raise Forbidden(
                f"{key.name} is for {_listed(key.scopes)}, and this needs {_listed(call.allowed)}"
            )
        self._note_use(key)
        user_id = None
        if (signed := call.headers.get(VISITOR_HEADER)) is not None:
            secret_of = partial(self._signing_secret, key.dataset_group)
            user_id = read_visitor_token(signed, secret_of, self._now())
        is_page = scopes == {Scope.BROWSER}
        return Caller(key.name, frozenset(key.scopes), is_page, user_id, key.dataset_group)

    def sign_in(self, token: str, allowed: frozenset[Scope]) -> str:
        """A session for pages: what the browser keeps of a key, instead of its secret.

        Unauthenticated for a wrong key, Forbidden for one that is not for this.
        """
        key = self._key(token)
        if allowed.isdisjoint(key.scopes):
            raise Forbidden(
                f"{key.name} is for {_listed(key.scopes)}, and this needs {_listed(allowed)}"
            )
        return self._sessions.begin(key.name, self._now())

    def of_session(self, session: str | None, allowed: frozenset[Scope]) -> Caller:
        """Return the viewer of a page; raises as `sign_in`, and Unauthenticated without session.

        A session ends with its key.
        """
        if not self.required:
            return Caller(scopes=frozenset(Scope))
        key_id = None if session is None else self._sessions.key_of(session, self._now())
        found = None if key_id is None else self._found.find(key_id)
        if found is None or found[0].is_expired(self._now()):
            raise Unauthenticated("sign in with a key first")
        key = found[0]
        if allowed.isdisjoint(key.scopes):
            raise Forbidden(
                f"{key.name} is for {_listed(key.scopes)}, and this needs {_listed(allowed)}"
            )
        self.count_use(key)
        return Caller(key.name, frozenset(key.scopes), dataset_group=key.dataset_group)

    def known_origins(self) -> frozenset[str]:
        """Every origin whose pages have a key."""
        return self._origins.find(None)

    def count_use(self, key: AccessKey) -> None:
        """Count a call that another door admitted; TooManyRequests above the key's limit."""
        self._rates.check(key, "")
        self._note_use(key)

    def store_uses(self) -> None:
        """Store when keys were last used, so that unused ones can be found."""
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
        """The secret of a key that may sign for visitors; None if it may not.

        One for a dataset group signs for that group's pages alone: users of the others are not its.
        """
        found = self._found.find(key_id)
        if found is None or found[0].is_expired(self._now()):
            return None
        if found[0].dataset_group not in {None, dataset_group}:
            return None
        return None if SITE.isdisjoint(found[0].scopes) else found[1]

    def _all_origins(self) -> frozenset[str]:
        return frozenset(origin for key in self._keys.all() for origin in key.origins)


def _bearer(headers: Headers) -> str | None:
    given = headers.get("authorization", "")
    if not given:  # a delivery stream can send its key in no other header
        return headers.get("x-amz-firehose-access-key")
    return given[len(_BEARER) :].strip() if given[: len(_BEARER)].lower() == _BEARER else None


def _listed(scopes: Iterable[Scope]) -> str:
    return " or ".join(sorted(scopes))
