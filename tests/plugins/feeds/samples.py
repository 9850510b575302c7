"""The same two dogs in every format: Bella, whose adoption is open to all, and Max, on hold."""

import json
from pathlib import Path
from typing import Any


def _read(folder: str) -> dict[str, bytes]:
    """The files of a folder by the names of their formats."""
    files = sorted(Path(__file__).with_name(folder).iterdir())
    return {file.stem: file.read_bytes() for file in files}


FILES = _read("dogs")
# A few fields each; the animal is a young brown terrier that came in on 1 April 2026.
TABLES = _read("terrier")
ASM3: list[dict[str, Any]] = json.loads(FILES["asm3-json"])
OWNERS = {name: value for name, value in ASM3[0].items() if "OWNER" in name or "HIDDEN" in name}
