"""Sessions of people who signed in to pages with a key: a cookie proves it, without the secret.

`key id.end.proof`: the proof is an HMAC of both under the key's secret, so nothing is stored, and a
session ends when its key does. `end` is in milliseconds since 1970.
"""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pawsonalize.domain.times import HOUR

LASTS: Final = 12 * HOUR
_SESSION = re.compile(r"(?P<key>PAWS[A-Z0-9]{1,40})\.(?P<end>\d{1,15})\.(?P<proof>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class PageSessions:
    """Begins and reads sessions; `secret_of` finds the secret of a key, None without that key."""

    secret_of: Callable[[str], str | None]

    def begin(self, key_id: str, now: int) -> str:
        """A new session of a key that there is."""
        secret = self.secret_of(key_id)
        assert secret is not None
        end = now + LASTS
        return f"{key_id}.{end}.{_proof(secret, key_id, end)}"

    def key_of(self, session: str, now: int) -> str | None:
        """The id of the key that signed in; None if the session is over, or none of ours."""
        read = _SESSION.fullmatch(session)
        secret = None if read is None else self.secret_of(read["key"])
        if read is None or secret is None:
            return None
        key_id, end = read["key"], int(read["end"])
        if not hmac.compare_digest(_proof(secret, key_id, end), read["proof"]):
            return None
        return key_id if now < end else None


def _proof(secret: str, key_id: str, end: int) -> str:
    # The text differs from whatever else the secret signs: visitors' tokens and AWS's requests.
    text = f"pawsonalize pages {key_id} {end}"
    return hmac.digest(secret.encode(), text.encode(), "sha256").hex()
