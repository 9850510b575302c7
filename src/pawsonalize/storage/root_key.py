"""The root key that the secrets of access keys are derived from: a file for its owner alone."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from pawsonalize.domain.errors import StorageUnavailable

ROOT_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class RootKeyFile:
    """32 random bytes in hexadecimal, made once."""

    path: Path

    def __call__(self, make: bool) -> bytes:
        """The root key. Without one, it is made if it may be, else StorageUnavailable."""
        try:
            if make and not self.path.exists():
                self._make()
            return bytes.fromhex(self.path.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise StorageUnavailable(
                "the root key of the access keys cannot be read: put it back from a backup, or"
                " delete the access keys and create new ones"
            ) from error

    def _make(self) -> None:
        """Write it whole or not at all. If two make it at once, the first wins."""
        draft = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(ROOT_KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, self.path)
            except FileExistsError:
                return
        finally:
            draft.unlink()
