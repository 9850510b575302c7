"""The data folder: which folder may become one, what is ours in it, and who may read that."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pawsonalize.core.errors import InvalidInput, StorageUnavailable

DATABASE_FILE, ROOT_KEY_FILE, ARCHIVE = "pawsonalize.sqlite3", "access-keys.root", "archive"
SEARCH_FOLDER = "search"
FOLDERS = (
    *("models", "cache", "leases", "evaluation", "imports", "exports", "training-scratch"),
    SEARCH_FOLDER,
)
"""Our folders in it, besides the archive's."""
FILES = ("load.lock", "retrain.log", ROOT_KEY_FILE)
"""Our files in it, besides the database's."""
DRAFT = ".draft-"
"""Prefix of folders that are not whole yet."""

# A data folder has one of these, and no other folder has.
_SIGNS_OF_USE = (
    *("leases/machine", "models/*/card.json"),
    *("archive/[0-9]*/*/*/events-*", "archive/[0-9]*/*/*/*/events-*"),
)
_MARKS = (DATABASE_FILE, ROOT_KEY_FILE, *_SIGNS_OF_USE)
_OF_DISKS = "lost+found"
_OF_OTHERS = re.compile(
    "/(bin|boot|dev|etc|home|lib|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr(/local)?|Users"
    "|var(/(cache|lib|log|tmp))?|(home|Users)/[^/]+)?"
)
_UMASKS = {"owner": 0o077, "group": 0o007}
_EVERYBODY, _READ_AND_WRITE = 0o777, 0o666


def make_files_private(access: str) -> None:
    """Let this process and its children make files for those alone who may read them."""
    os.umask(_UMASKS[access])


def is_ours(name: str) -> bool:
    """True for the names of what the service itself makes in a data folder."""
    named = name in {*FOLDERS, *FILES, ARCHIVE}
    return named or name.startswith((DATABASE_FILE, ROOT_KEY_FILE, f".{ROOT_KEY_FILE}.", DRAFT))


def is_data_folder(folder: Path) -> bool:
    """True if something is in the folder that only the service makes."""
    return any(True for mark in _MARKS for _ in folder.glob(mark))


def check_database_is_there(folder: Path) -> None:
    """StorageUnavailable for a folder that had a database file, and has it no more."""
    # A new one in its place would stand in the way of the old one, and its log would overwrite it.
    if (folder / DATABASE_FILE).exists():
        return
    if any(True for mark in _SIGNS_OF_USE for _ in folder.glob(mark)):
        raise StorageUnavailable(
            f"the database file {folder / DATABASE_FILE} is gone, though the folder has been in"
            " use: put the file back. If it is lost, rebuild the events with `pawsonalize archive"
            " replay`; to begin anew, name an empty folder with --data-dir"
        )


def needed_by_others(folder: Path) -> bool:
    """True for folders of the system and homes of people, in which a service has no place."""
    return _OF_OTHERS.fullmatch(str(folder.resolve())) is not None


@contextmanager
def folder_errors(folder: Path) -> Iterator[None]:
    """StorageUnavailable for what the system refuses: no data folder can be there then."""
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(
            f"the data folder {folder} cannot be used ({error.strerror}): run this as its owner,"
            " or choose another with --data-dir"
        ) from error


def check_data_folder(folder: Path) -> None:
    """InvalidInput for a folder that is not a data folder, and must not become one."""
    with folder_errors(folder):
        if not folder.is_dir() or is_data_folder(folder):
            return
        others = sum(not is_ours(one.name) and one.name != _OF_DISKS for one in folder.iterdir())
    reason = f"it holds {others:,} other files" if others else "the system or a person needs it"
    if others or needed_by_others(folder):
        raise InvalidInput(
            f"{folder} is not a data folder: {reason}; name an empty or new one with --data-dir or"
            " PAWSONALIZE_DATA_DIR",
            field="data_dir",
        )


def make_data_folder(folder: Path, access: str) -> None:
    """Make a data folder for those who may read it; the rights of one that exists stay.

    InvalidInput for a folder that must not become one; StorageUnavailable if it cannot be made.
    """
    check_data_folder(folder)
    with folder_errors(folder):
        if not is_data_folder(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with suppress(PermissionError):  # of another user: `doctor` says who may read it
                folder.chmod(_right(folder.stat(), access))


# A mistyped path must cost nothing, as root too: what is ours is found by name, nothing of another
# user and nothing behind a link.
def wrong_rights(folder: Path, access: str) -> Iterator[tuple[Path, int, int]]:
    """Yield path, mode and right mode of what is ours and has wrong rights, the folder first."""
    top = folder.resolve()
    owner = top.stat().st_uid
    for path in _ours(top):
        with suppress(FileNotFoundError):  # a server lives, and took it away
            found = path.lstat()
            mode, right = stat.S_IMODE(found.st_mode), _right(found, access)
            if right != mode and found.st_uid == owner:
                yield path, mode, right


def set_mode(path: Path, mode: int) -> None:
    """Change the mode of a file or a folder; OSError for a link."""
    # Neither to follow a link, nor to wait for the other end of a pipe.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def _ours(top: Path) -> Iterator[Path]:
    yield top
    for path in sorted(one for one in top.iterdir() if is_ours(one.name)):
        yield path
        for folder, folders, names in () if path.is_symlink() else os.walk(path):
            yield from (Path(folder, name) for name in (*folders, *names))


def _right(found: os.stat_result, access: str) -> int:
    """Its mode as it should be: the owner's rights stay, and are the group's if that may read."""
    kind, mode = stat.S_IFMT(found.st_mode), stat.S_IMODE(found.st_mode)
    bits = {stat.S_IFDIR: _EVERYBODY, stat.S_IFREG: _READ_AND_WRITE}.get(kind, 0)
    shared = (mode & bits & 0o700) >> 3 if access == "group" else 0
    return mode & ~(bits & 0o077) | shared
