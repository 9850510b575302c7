"""Access keys: who may call, and what."""

import base64
import hmac
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from pawsonalize.core.errors import InvalidInput, StorageUnavailable
from pawsonalize.core.objects.store import whole_file
from pawsonalize.core.scopes import Scope
from pawsonalize.core.times import DAY, MINUTE
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.kind import Resource
from pawsonalize.resources.registry import Registry

ROOT_KEY_BYTES = 32
_SECRET_LENGTH = 40  # characters of 6 bits
_ID_BYTES = 10
_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]+")


ADOPTION_SITE: Final = "the adoption site"
"""The note of the key that the adoption site's pages use where keys are required."""


class AccessKey(Resource, frozen=True, kw_only=True):
    """An access key's id, and what the key may be used for."""

    kind: ClassVar[str] = "access key"
    owner: ClassVar[str | None] = "dataset_group"

    scopes: tuple[Scope, ...]
    dataset_group: str | None = None
    """The only dataset group that it reaches; None: it reaches all, and the service as a whole."""
    note: str = ""
    origins: tuple[str, ...] = ()
    """Of whose pages a browser may use it, such as `https://shelter.example`."""
    rate: str = ""
    """The most uses in a time, such as `50/second`; empty: as the settings say."""
    expires_at: int | None = None
    """From when on it is refused, in milliseconds since 1970; None: never."""
    last_used_at: int | None = None
    """The minute in which it was last used."""

    @property
    def is_public(self) -> bool:
        """True if it stands in pages, where everybody can read it."""
        return set(self.scopes) == {Scope.BROWSER}

    def is_expired(self, now: int) -> bool:
        """True if it is refused by now."""
        return self.expires_at is not None and now >= self.expires_at


# No secret is stored. Each is derived from the key's id and one root key, so that tables and their
# backups give nobody a secret (docs/adr/0020).
class AccessKeys(msgspec.Struct, frozen=True):
    """The access keys of one installation; `root` answers the root key, and makes it if True."""

    registry: Registry
    root: Callable[[bool], bytes]

    def create(
        self,
        scopes: Sequence[Scope],
        note: str,
        now: int,
        *,
        dataset_group: str | None = None,
        origins: Sequence[str] = (),
        rate: str = "",
        expires_at: int | None = None,
    ) -> tuple[AccessKey, str]:
        """A new key and its secret; InvalidInput for bad scopes or origins."""
        if not scopes:
            raise InvalidInput(f"give the key a scope: {', '.join(Scope)}", field="scopes")
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise InvalidInput(
                    f"{origin!r} is no origin: write scheme and host, in lower case and with"
                    " nothing after them, such as https://shelter.example",
                    field="origins",
                )
        if dataset_group is not None:
            self.registry.get(DatasetGroup, dataset_group)
        # 16 letters and digits after the prefix, as in AWS's own ids of access keys.
        key_id = "PAWS" + base64.b32encode(secrets.token_bytes(_ID_BYTES)).decode()
        is_first = next(self.all(), None) is None  # with another root the older keys are lost
        secret = secret_of(key_id, self.root(is_first))
        key = AccessKey(
            name=key_id,
            scopes=tuple(dict.fromkeys(scopes)),
            dataset_group=dataset_group,
            note=note,
            origins=tuple(dict.fromkeys(origins)),
            rate=rate,
            expires_at=expires_at,
        )
        return self.registry.create(key, now), secret

    def ensure(self, key_id: str, scopes: Sequence[Scope], note: str, now: int) -> None:
        """Make a key of this id, unless there is one; its secret follows from the root key."""
        if self.registry.find(AccessKey, key_id) is not None:
            return
        self.root(next(self.all(), None) is None)
        key = AccessKey(name=key_id, scopes=tuple(dict.fromkeys(scopes)), note=note)
        self.registry.ensure(key, now)

    def rotate(self, key_id: str, overlap_days: float, now: int) -> tuple[AccessKey, str]:
        """A new key like this one, which ends with the overlap; NotFound if there is none."""
        old = self.registry.get(AccessKey, key_id)
        new = self.create(
            old.scopes,
            old.note,
            now,
            dataset_group=old.dataset_group,
            origins=old.origins,
            rate=old.rate,
        )
        end = now + round(overlap_days * DAY)

        def ending(key: AccessKey) -> AccessKey:
            # A key that ends sooner keeps its end.
            ends = end if key.expires_at is None else min(end, key.expires_at)
            return msgspec.structs.replace(key, expires_at=ends)

        self.registry.change(AccessKey, key_id, ending, now)
        return new

    def find(self, key_id: str) -> tuple[AccessKey, str] | None:
        """The key and its secret, None if there is no such key."""
        key = self.registry.find(AccessKey, key_id)
        return None if key is None else (key, secret_of(key_id, self.root(False)))

    def noted(self, note: str) -> tuple[AccessKey, str] | None:
        """A key with this note, and its secret; None if there is none."""
        found = next((key for key in self.all() if key.note == note), None)
        return None if found is None else self.find(found.name)

    def note_use(self, key_id: str, at: int) -> None:
        """Store the minute of a use, if it is later than what is stored."""
        # By the minute, so that a busy key is not written with every use.
        minute = at // MINUTE * MINUTE

        def used(key: AccessKey) -> AccessKey:
            if key.last_used_at is not None and key.last_used_at >= minute:
                return key
            return msgspec.structs.replace(key, last_used_at=minute)

        self.registry.change(AccessKey, key_id, used, at)

    def all(self, dataset_group: str | None = None) -> Iterator[AccessKey]:
        """Every key, newest first; with a dataset group, those that are for it alone."""
        return self.registry.all(AccessKey, parent=dataset_group)

    def delete(self, key_id: str) -> None:
        """Take the key back; NotFound if there is none. Running servers know within a second."""
        self.registry.delete(AccessKey, key_id)


class RootKeyFile(msgspec.Struct, frozen=True):
    """32 random bytes in hexadecimal, made once."""

    path: Path

    def __call__(self, make: bool) -> bytes:
        """The root key. Without one, it is made if it may be, else StorageUnavailable."""
        try:
            if make and not self.path.exists():
                # Of two that make it at once, the first wins.
                with suppress(FileExistsError), whole_file(self.path, 0o600) as file:
                    file.write(secrets.token_hex(ROOT_KEY_BYTES).encode())
            return bytes.fromhex(self.path.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise StorageUnavailable(
                "the root key of the access keys cannot be read: put it back from a backup, or"
                " delete the access keys and create new ones"
            ) from error


def secret_of(key_id: str, root: bytes) -> str:
    """The secret of a key under this root key."""
    digest = hmac.digest(root, f"access key {key_id}".encode(), "sha256")
    return base64.b64encode(digest).decode()[:_SECRET_LENGTH]
