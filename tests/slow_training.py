"""A real training that pauses with half of its artefact written; gets version and token."""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from pawsonalize.train.commands.processes import train_version

save = np.save


def save_half(file: Path, array: Any, allow_pickle: bool) -> None:
    """The first array is written, the second never."""
    if any(file.parent.iterdir()):
        time.sleep(600)
    save(file, array, allow_pickle=allow_pickle)


if __name__ == "__main__":
    np.save = save_half  # type: ignore[assignment]  # as slow as the slowest of disks
    train_version(sys.argv[1], int(sys.argv[2]))
