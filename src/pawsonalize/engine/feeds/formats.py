"""The formats by name, and which one a file is in."""

from collections.abc import Mapping
from types import MappingProxyType

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.feeds.asm3 import is_asm3_csv, read_asm3_csv, read_asm3_json
from pawsonalize.engine.feeds.feed import Feed
from pawsonalize.engine.feeds.own import read_json_lines, read_own_csv
from pawsonalize.engine.feeds.petfinder_csv import is_petfinder_csv, read_petfinder_csv
from pawsonalize.engine.feeds.petfinder_json import read_petfinder_json
from pawsonalize.engine.feeds.rescuegroups import read_rescuegroups

FORMATS: Mapping[str, Feed] = MappingProxyType(
    {
        "jsonl": read_json_lines,
        "csv": read_own_csv,
        "petfinder-csv": read_petfinder_csv,
        "petfinder-json": read_petfinder_json,
        "asm3-json": read_asm3_json,
        "asm3-csv": read_asm3_csv,
        "rescuegroups": read_rescuegroups,
    }
)


def feed_of(content: bytes, name: str | None) -> Feed:
    """The format of that name, or the one that a file's beginning looks like."""
    found = _looks_like(content) if name is None else name
    if found not in FORMATS:
        raise InvalidInput(f"--format must be one of {', '.join(FORMATS)}", field="format")
    return FORMATS[found]


def _looks_like(content: bytes) -> str:
    start = content[:20_000].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] == b"[":
        return "asm3-json" if b'"SPECIESNAME"' in start.upper() else "petfinder-json"
    if start[:1] == b"{":
        first = start.partition(b"\n")[0]
        if b'"data"' in start and b'"attributes"' in start:
            return "rescuegroups"
        return "petfinder-json" if b'"animals"' in first or first == b"{" else "jsonl"
    if is_petfinder_csv(content):
        return "petfinder-csv"
    return "asm3-csv" if is_asm3_csv(content) else "csv"
