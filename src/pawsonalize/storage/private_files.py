"""Who may read the data folder: its owner alone, unless the settings say otherwise."""

import os
import stat
from contextlib import suppress
from pathlib import Path

_FOLDERS = {"owner": 0o700, "group": 0o770}
_FILES = {"owner": 0o600, "group": 0o660}
_EVERYBODY = 0o777


def make_files_private(access: str) -> None:
    """From now on, what this process and its children make is for those alone who may read it."""
    os.umask(_EVERYBODY & ~_FOLDERS[access])


def make_folder_private(data: Path, access: str) -> None:
    """Take the data folder, and all that is in it, from those who may not read it.

    The folder itself comes last, so that a walk that was cut off is begun again. Another's folder
    stays as it is; `doctor` tells of it.
    """
    wanted, files = _FOLDERS[access], _FILES[access]
    if _mode(data) in {None, wanted}:
        return
    for folder, _, names in os.walk(data, topdown=False):
        for name in names:
            _change(Path(folder, name), files)
        _change(Path(folder), wanted)


def may_read(data: Path, access: str) -> str | None:
    """The mode of a data folder that others may read, as `chmod` takes it."""
    mode = _mode(data)
    return f"{mode:o}" if mode is not None and mode & ~_FOLDERS[access] else None


def _mode(data: Path) -> int | None:
    try:
        return stat.S_IMODE(data.stat().st_mode) & _EVERYBODY
    except OSError:
        return None


def _change(path: Path, mode: int) -> None:
    with suppress(OSError):
        found = path.lstat().st_mode
        if not stat.S_ISLNK(found):
            path.chmod((stat.S_IMODE(found) & ~_EVERYBODY) | mode)
