"""Visitors' tokens: a site's server signs who its visitor is, for a short while.

They are JSON Web Tokens (RFC 7519) with HS256, so that any library makes them: `kid` in the header
is the site's key and its secret signs; `sub` is the user, `exp` the end in seconds since 1970.
"""

from collections.abc import Callable
from typing import Any, Final

import jwt

from pawsonalize.domain.errors import Unauthenticated
from pawsonalize.domain.times import DAY, SECOND

ALGORITHM: Final = "HS256"
_LONGEST = DAY
_SKEW_SECONDS = 60


def read_visitor_token(token: str, secret_of: Callable[[str], str | None], now: int) -> str:
    """The user that the token names; Unauthenticated if it is not signed, or not good now.

    `secret_of` finds the secret of a key that may sign.
    """
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
        secret = secret_of(key_id) if isinstance(key_id, str) else None
        if secret is None:
            raise _refused("its kid must be the id of a key with the scope site")
        claims: dict[str, Any] = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            leeway=_SKEW_SECONDS,
            options={"require": ["sub", "exp"], "verify_exp": False, "verify_aud": False},
        )
    except jwt.InvalidTokenError as error:
        raise _refused(str(error)) from error
    _check_end(claims["exp"], now)
    return str(claims["sub"])


def _check_end(end: object, now: int) -> None:
    if not isinstance(end, int | float):
        raise _refused("exp must be a number of seconds since 1970")
    if not end * SECOND > now - _SKEW_SECONDS * SECOND:  # JSON's NaN is neither
        raise _refused("it has expired: let your server sign a new one")
    if end * SECOND > now + _LONGEST + _SKEW_SECONDS * SECOND:
        raise _refused("it is good for more than a day: sign it for an hour, and anew when needed")


def _refused(reason: str) -> Unauthenticated:
    return Unauthenticated(
        f"the visitor's token is refused: {reason}", code="visitor_token_refused"
    )
