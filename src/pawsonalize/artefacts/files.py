"""An artefact as files of a folder: `card.json`, one .npy file for each array, `SHA256SUMS`.

`SHA256SUMS` lists the files with their digests, in the form that `sha256sum --check` reads. Its own
digest stands for the artefact. Processes that map the same files share their pages.
"""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from pawsonalize.recipes.artefact import ModelCard
from pawsonalize.recipes.data import Arrays
from pawsonalize.storage import data_folder

SUMS = "SHA256SUMS"
DRAFT = data_folder.DRAFT
"""Prefix of folders that are not whole yet."""
UNREADABLE = (OSError, ValueError, EOFError, msgspec.MsgspecError)
"""Errors that `read` raises for files that are missing or damaged."""

_CARD = "card.json"


def write(folder: Path, card: ModelCard, arrays: Arrays) -> None:
    """Write an artefact's files into an empty folder, durably."""
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    (folder / _CARD).write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2))
    files = sorted(folder.iterdir())
    (folder / SUMS).write_text("".join(f"{digest_of(file)}  {file.name}\n" for file in files))
    for file in (*files, folder / SUMS, folder):
        sync(file)
    # mkdtemp's 0700 would hide the model from those who may read the folder of models.
    folder.chmod(stat.S_IMODE(folder.parent.stat().st_mode))


def read(folder: Path) -> tuple[ModelCard, Arrays]:
    """Read an artefact's files, of which the arrays are mapped; one of UNREADABLE if it cannot."""
    files = _verified(folder)
    card = msgspec.json.decode((folder / _CARD).read_bytes(), type=ModelCard)
    arrays = {
        name.removesuffix(".npy"): np.load(folder / name, mmap_mode="r", allow_pickle=False)
        for name in files
        if name != _CARD
    }
    return card, arrays


def check(folder: Path) -> None:
    """ValueError unless each of an artefact's files is as it was written."""
    _verified(folder)


def link(file: Path, other: Path) -> None:
    """Give a file that is never changed another name; a copy where the disk is another one."""
    try:
        os.link(file, other)
    except OSError:
        shutil.copyfile(file, other)
        sync(other)


def listed_digests(sums: str) -> dict[str, str]:
    """The digest of each file that SHA256SUMS lists, by the file's name."""
    lines = (line.partition("  ") for line in sums.splitlines())
    return {name: digest for digest, _, name in lines}


def digest_of(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Make a file's bytes durable, or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def new_draft(root: Path) -> Iterator[Path]:
    """A new folder, locked by this process while the block runs, and gone afterwards."""
    while True:
        draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=root))
        descriptor = os.open(draft, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if draft.exists():  # a sweep may have come between the making and the locking
                yield draft
                return
        finally:
            os.close(descriptor)
            shutil.rmtree(draft, ignore_errors=True)


def sweep_drafts(root: Path) -> int:
    """Delete the drafts below a folder that nobody holds locked: they have lost their writers."""
    return sum(_swept(draft) for draft in list(root.glob(f"{DRAFT}*")))


def _swept(draft: Path) -> bool:
    try:
        descriptor = os.open(draft, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(draft, ignore_errors=True)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _verified(folder: Path) -> list[str]:
    """The names of the artefact's files; ValueError unless each is as it was written."""
    # Before NumPy reads them: it has no check of its own, and a broken header surprises it.
    files = listed_digests((folder / SUMS).read_text())
    for name, digest in files.items():
        if digest_of(folder / name) != digest:
            raise ValueError(f"{name} is not what was written")
    if _CARD not in files:
        raise ValueError(f"{SUMS} lists no {_CARD}")
    return list(files)


def size_of(folder: Path) -> int:
    """The bytes of an artefact's files; 0 if it is gone."""
    try:
        return sum(file.stat().st_size for file in folder.iterdir())
    except FileNotFoundError:
        return 0
