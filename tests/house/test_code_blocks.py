"""Code blocks of the docs are code: each is parsed, and each command and call in one exists."""

import ast
import json
import re
import shlex
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from pawsonalize.app.cli.main import app
from pawsonalize.app.http.operations import OPERATIONS
from pawsonalize.resources.filters import parse as parse_filter

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page.relative_to(ROOT)
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
    if page.name != "CHANGELOG.md"
)
COMMANDS: Any = get_command(app)
SHELLS = {"", "bash", "sh", "console"}
_ELSEWHERE = ("/aws", "/metrics", "/healthz", "/readyz", "/docs", "/openapi.json", "/embed.js")


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    opened: tuple[int, str, str] | None = None
    for number, line in enumerate(lines, 1):
        fence = re.match(r"^(\s*)```(\w*)", line)
        if fence and opened is None:
            opened = (number, fence[1], fence[2])
        elif opened is not None and line.strip() == "```":
            start, _, language = opened
            body = textwrap.dedent("\n".join(lines[start : number - 1]))
            yield Block(page, start, language, body)
            opened = None
    assert opened is None, f"{page}: a block is left open"


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
SHELL_BLOCKS = [block for block in BLOCKS if block.language in SHELLS]


def of(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


def test_blocks_are_found() -> None:
    assert len(BLOCKS) > 250


def test_json_is_json_but_for_what_is_left_out(subtests: pytest.Subtests) -> None:
    assert len(of("json")) > 30
    for block in of("json"):
        with subtests.test(block=block):
            text = re.sub(r"^\s*//.*$", "", block.text, flags=re.M)
            for part in (
                [text] if _loads(text) else [line for line in text.splitlines() if line.strip()]
            ):
                assert _loads(part), part


def _loads(text: str) -> bool:
    """Whether it is JSON, once dots stand for what the page leaves out."""
    for shown in (text, re.sub(r",?\s*(…|\.\.\.)\s*(?=[\]}])", "", text)):
        try:
            json.loads(re.sub(r":\s*(…|\.\.\.)", ": null", shown))
        except ValueError:
            continue
        return True
    return False


def test_yaml_is_yaml(subtests: pytest.Subtests) -> None:
    assert len(of("yaml")) > 5
    for block in of("yaml"):
        with subtests.test(block=block):
            assert yaml.safe_load(block.text) is not None


def test_python_is_python(subtests: pytest.Subtests) -> None:
    for block in of("python"):
        with subtests.test(block=block):
            ast.parse(block.text)


@pytest.mark.parametrize("block", of("filter"), ids=str)
def test_a_filter_is_one(block: Block) -> None:
    for line in filter(None, block.text.splitlines()):
        parse_filter(line)


@pytest.mark.parametrize("block", of("js"), ids=str)
def test_javascript_is_javascript(block: Block, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here")
    text = block.text.replace("...,", "").replace("…", "null")
    if text.startswith("headers:"):
        text = f"({{{text}}})"
    (tmp_path / "block.mjs").write_text(text)
    done = subprocess.run(
        [node, "--check", str(tmp_path / "block.mjs")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


COMMAND = re.compile(
    r"^\s*(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?"
    r"pawsonalize (?:'[^']*'|\"[^\"]*\"|[^|>&\n'\"])*",
    re.M,
)


def commands(block: Block) -> Iterator[list[str]]:
    """The words of each `pawsonalize` command in a shell block."""
    text = block.text.replace("\\\n", " ")
    for line in re.findall(
        r"^\s*(?:[A-Z_]+=\S+ )*(?:\./|\.venv/bin/)?pawsonalize (?:'[^']*'|\"[^\"]*\"|[^|>&\n'\"])*",
        text,
        re.M,
    ):
        words = shlex.split(line, comments=True)
        while "=" in words[0]:  # settings for this command alone
            del words[0]
        yield words[1:]


def test_every_command_exists_with_its_options(subtests: pytest.Subtests) -> None:
    for block in SHELL_BLOCKS:
        with subtests.test(block=block):
            for words in commands(block):
                parse(COMMANDS, words)


def parse(command: Any, words: list[str], *, is_whole: bool = True) -> None:
    """Parse as the command line does, without running anything.

    A command that a sentence names is not whole: it may lack what has to follow.
    """
    while hasattr(command, "commands"):
        assert words or not is_whole, f"{command.name} needs one of its commands"
        if not words or words[0].startswith("-"):
            return
        assert words[0] in command.commands, f"there is no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    options = {
        name: one
        for one in command.params
        if one.param_type_name == "option"
        for name in (*one.opts, *one.secondary_opts)
    }
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    given: list[str] = []
    waiting = iter(words)
    for word in waiting:
        name, equals, _ = word.partition("=")
        if not word.startswith("-") or word == "-":
            given.append(word)
            continue
        assert name in options or name == "--help", f"{command.name} has no option {name}"
        if not equals and name != "--help" and not options[name].is_flag:
            value = next(waiting, None)
            assert value is not None or not is_whole, f"{name} needs a value"
    most = len(words) if any(one.nargs < 0 for one in arguments) else len(arguments)
    assert len(given) <= most, f"{command.name} does not take {given[most:]}"
    assert not is_whole or len(given) >= sum(one.required for one in arguments), (
        f"{command.name} needs more"
    )


def test_a_wrong_command_or_option_is_noticed() -> None:
    for wrong in (["runs", "list"], ["serve", "--prot", "1"], ["nothing"]):
        with pytest.raises(AssertionError):
            parse(COMMANDS, wrong)


CALL = re.compile(r"curl (?P<rest>(?:[^\n']|'[^']*')*)")
ROUTES = [
    (one.method, re.compile(re.sub(r"\{[^}]+\}", "[^/]+", one.path) + "$")) for one in OPERATIONS
]


def test_every_call_exists_and_its_body_is_json(subtests: pytest.Subtests) -> None:
    calling = [block for block in SHELL_BLOCKS if "curl " in block.text]
    assert len(calling) > 30
    for block in calling:
        with subtests.test(block=block):
            text = block.text.replace("\\\n", " ").replace('\\"', "")
            for found in CALL.finditer(text):
                try:
                    words = shlex.split(found["rest"], comments=True)
                except ValueError as error:
                    raise AssertionError(f"{block}: {error}") from error
                addresses = [
                    word for word in words if re.match(r"(https?://)?[\w.$]+(:\d+)?/", word)
                ]
                bodies = [
                    words[place + 1]
                    for place, word in enumerate(words[:-1])
                    if word in {"--json", "-d", "--data"}
                ]
                method = (
                    words[words.index("-X") + 1] if "-X" in words else "POST" if bodies else "GET"
                )
                for address in addresses[:1]:
                    path = (
                        "/" + re.sub(r"^https?://", "", address).partition("/")[2].partition("?")[0]
                    )
                    known = path.startswith(_ELSEWHERE) or any(
                        method == verb and route.match(path) for verb, route in ROUTES
                    )
                    assert known, f"{block}: there is no {method} {path}"
                for body in bodies:
                    assert body.startswith("@") or _loads(body), f"{block}: no JSON: {body}"
