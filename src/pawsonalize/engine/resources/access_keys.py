"""Access keys: who may call, and what.

No secret is stored. Each is derived from the key's id and one root key, so that tables and their
backups give nobody a secret (docs/adr/0020).
"""

import base64
import hmac
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.resources.resource import Resource

_SECRET_LENGTH = 40  # characters of 6 bits
_ID_BYTES = 10


class Scope(StrEnum):
    """What a key may be used for."""

    EVENTS = "events"
    RUNTIME = "runtime"
    CONTROL_PLANE = "control-plane"


class AccessKey(Resource, frozen=True, kw_only=True):
    """An access key's id, and what the key may be used for."""

    kind: ClassVar[str] = "access key"

    scopes: tuple[Scope, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class AccessKeys:
    """The access keys of one installation.

    `root` answers the root key; True asks to make one if there is none.
    """

    registry: Registry
    root: Callable[[bool], bytes]

    def create(self, scopes: Sequence[Scope], note: str, now: int) -> tuple[AccessKey, str]:
        """A new key and its secret; InvalidInput without a scope."""
        if not scopes:
            raise InvalidInput(f"give the key a scope: {', '.join(Scope)}", field="scopes")
        key_id = "PAWS" + base64.b32encode(secrets.token_bytes(_ID_BYTES)).decode()
        is_first = next(self.all(), None) is None  # with another root the older keys are lost
        secret = self._secret(key_id, self.root(is_first))
        key = AccessKey(name=key_id, scopes=tuple(dict.fromkeys(scopes)), note=note)
        return self.registry.create(key, now), secret

    def find(self, key_id: str) -> tuple[AccessKey, str] | None:
        """The key and its secret, None if there is no such key."""
        key = self.registry.find(AccessKey, key_id)
        return None if key is None else (key, self._secret(key_id, self.root(False)))

    def all(self) -> Iterator[AccessKey]:
        """Every key, newest first."""
        return self.registry.all(AccessKey)

    def delete(self, key_id: str) -> None:
        """Take the key back; NotFound if there is none. Running servers know within a second."""
        self.registry.delete(AccessKey, key_id)

    @staticmethod
    def _secret(key_id: str, root: bytes) -> str:
        digest = hmac.digest(root, f"access key {key_id}".encode(), "sha256")
        return base64.b64encode(digest).decode()[:_SECRET_LENGTH]
