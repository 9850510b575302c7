"""The file of a backup: a tar with a list of what is in it, compressed with zstd."""

import tarfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
import zstandard

from pawsonalize.archive.base import whole_file
from pawsonalize.artefacts.files import digest_of
from pawsonalize.domain.errors import Conflict, InvalidInput, StorageUnavailable

FORMAT = 1
_MANIFEST = "manifest.json"
_PRIVATE = 0o600  # it has every visitor, and the root key of the access keys
_LEVEL = 3


# `manifest.json` names every other member with its size and digest. It comes last, so that a file
# without it was cut off.
class Member(msgspec.Struct, frozen=True):
    """A file of the backup."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of a backup, and the program that made it."""

    format: int = FORMAT
    program: str
    """The version of Pawsonalize."""
    revision: str
    """The revision of the tables."""
    made_at: str
    """As of when, ISO 8601."""
    head: int
    """The highest offset of its log."""
    events: int
    models: int
    has_archive: bool
    members: Mapping[str, Member] = {}


def pack(folder: Path, manifest: Manifest, target: Path) -> Manifest:
    """Write a folder into a new backup, whole or not at all; Conflict if it is there."""
    try:
        names = sorted(one.relative_to(folder) for one in folder.rglob("*") if one.is_file())
        members = {name.as_posix(): _member(folder / name) for name in names}
        whole = msgspec.structs.replace(manifest, members=members)
        (folder / _MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(whole)))
        with (
            whole_file(target, _PRIVATE) as file,
            zstandard.ZstdCompressor(_LEVEL, write_checksum=True).stream_writer(
                file, closefd=False
            ) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            for name in (*names, Path(_MANIFEST)):
                tar.add(folder / name, name.as_posix(), recursive=False, filter=_anonymous)
    except FileExistsError as error:
        raise Conflict(f"{target} is there already, and stays as it is") from error
    except OSError as error:
        raise StorageUnavailable(
            f"the backup {target} cannot be written ({error.strerror}): choose another place, or"
            " free some space"
        ) from error
    return whole


def unpack(source: Path, folder: Path) -> Manifest:
    """Write a backup into an empty folder; InvalidInput if it is none, cut off or changed."""
    try:
        with (
            source.open("rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file) as packed,
            tarfile.open(fileobj=packed, mode="r|") as tar,
        ):
            # With this filter nothing lands outside the folder, whatever names the file has.
            tar.extractall(folder, filter="data")
    except FileNotFoundError as error:
        raise InvalidInput(f"there is no file {source}: name a backup") from error
    except (zstandard.ZstdError, tarfile.TarError, EOFError) as error:
        raise _damaged(source, str(error)) from error
    except OSError as error:
        raise StorageUnavailable(
            f"the backup cannot be unpacked ({error.strerror}): free some space, or check that"
            f" {folder.parent} is writable"
        ) from error
    return _checked(source, folder)


def _checked(source: Path, folder: Path) -> Manifest:
    try:
        manifest = msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise _damaged(source, "its list of members is missing or cannot be read") from error
    if manifest.format > FORMAT:
        raise InvalidInput(
            f"{source} was made by Pawsonalize {manifest.program}, which is newer than this"
            " program: install that version, then restore"
        )
    found = {one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()}
    if found - {_MANIFEST} != set(manifest.members):
        raise _damaged(source, "files are missing, or there are others")
    for name, member in manifest.members.items():
        if _member(folder / name) != member:
            raise _damaged(source, f"{name} is not what was written")
    (folder / _MANIFEST).unlink()
    return manifest


def _damaged(source: Path, reason: str) -> InvalidInput:
    return InvalidInput(
        f"{source} is no backup, or it is damaged ({reason}): nothing was restored; take another"
    )


def _member(file: Path) -> Member:
    return Member(file.stat().st_size, digest_of(file))


def _anonymous(found: tarfile.TarInfo) -> tarfile.TarInfo:
    # Its owner here means nothing elsewhere.
    found.uid = found.gid = 0
    found.uname = found.gname = ""
    found.mode = _PRIVATE
    return found
