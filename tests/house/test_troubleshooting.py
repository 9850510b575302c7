"""The messages that the page on troubles explains are messages of the service."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/troubleshoot.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"^## `(.+)`$", PAGE, re.MULTILINE)
VALUE = "\0"  # in place of what a message fills in


def literals() -> Iterator[str]:
    """Every text that stands in the code, with what is filled in left open."""
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                parts = (getattr(one, "value", VALUE) for one in node.values)
                yield "".join(map(str, parts))


def test_every_message_is_one_that_the_service_says(subtests: pytest.Subtests) -> None:
    said = set(literals())
    assert len(MESSAGES) >= 10
    for message in MESSAGES:
        with subtests.test(message=message):
            # The end of a heading may leave out what differs, so "…" may stand for nothing there.
            words = ".*".join(map(re.escape, message.split("…")))
            assert any(re.search(words, one, re.DOTALL) for one in said)
