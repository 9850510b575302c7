"""Saves a model, and never gets further than two objects: python slow_upload.py DATABASE URL."""

import sys
import time
from pathlib import Path

from pawsonalize.core.objects.stores import RemoteObjects
from tests.artefact_data import ARRAYS, CARD, Fleet

replace = RemoteObjects.replace
put: list[str] = []


def replace_two(store: RemoteObjects, key: str, content: bytes | Path) -> None:
    """The third never arrives."""
    if len(put) == 2:
        print("half of it is there", flush=True)
        time.sleep(600)
    replace(store, key, content)
    put.append(key)


if __name__ == "__main__":
    RemoteObjects.replace = replace_two  # type: ignore[assignment, method-assign]
    Fleet(sys.argv[1], sys.argv[2], Path(sys.argv[3])).machine("dying").save("v1", CARD, ARRAYS)
