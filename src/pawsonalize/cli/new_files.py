"""Files that people name to be written: each is new, and lies in a folder that exists."""

from pathlib import Path

from pawsonalize.domain.errors import Conflict, InvalidInput


# What is there already may be work of hours, and a folder that is not there a mistyped path.
def check_new(path: Path | None) -> None:
    """Conflict if the path is taken, InvalidInput if its folder is missing; before any work."""
    if path is None:
        return
    if path.exists() or path.is_symlink():
        raise Conflict(f"{path} is there already, and stays as it is: choose another name")
    check_folder_of(path)


def check_folder_of(path: Path) -> None:
    """InvalidInput if the folder is missing in which the path lies."""
    if not path.absolute().parent.is_dir():
        raise InvalidInput(
            f"there is no folder {path.absolute().parent} for {path.name}: make it, or choose"
            " another place"
        )


def write_new(path: Path, content: bytes) -> None:
    """Write a new file; InvalidInput if it cannot be, or the path is taken by now."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except OSError as error:
        raise InvalidInput(
            f"cannot write {path} ({error.strerror}): choose another place"
        ) from error
