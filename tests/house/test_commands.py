"""Commands start at once, and what they write out to do so is true."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from typer.testing import CliRunner

from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import as_environment
from pawsonalize.core.scopes import Scope
from pawsonalize.events.foreign_logs import presets
from pawsonalize.models.recipes.user_personalization import UserPersonalization
from pawsonalize.operations.commands.access import For
from pawsonalize.plugins.feeds.formats import formats
from pawsonalize.plugins.feeds.rows import DateOrder
from pawsonalize.reports.outcomes_report import WITHIN_DAYS
from pawsonalize.resources.solutions import TrainingMode
from pawsonalize.train.commands.models import train
from tests.house.test_code_blocks import COMMANDS, PAGES, ROOT, parse
from tests.service_data import make_service

HEAVY = {
    "asyncio", "jinja2", "lark", "lightgbm", "numpy", "obstore", "pydantic", "rich", "scipy",
    "sklearn", "sqlalchemy", "starlette", "structlog", "uvicorn",
}  # fmt: skip
HELP = f"""
import sys
from contextlib import redirect_stdout, suppress
from io import StringIO
from typer.main import get_command
from pawsonalize.app.cli.main import app

def names(command, words):
    yield words
    for name, child in getattr(command, "commands", {{}}).items():
        yield from names(child, [*words, name])

helps = StringIO()
with redirect_stdout(helps):
    for words in names(get_command(app), []):
        with suppress(SystemExit):
            app([*words, "--help"])
print(helps.getvalue().count("Usage: "), *sorted({HEAVY!r} & sys.modules.keys()))
"""


def test_help_of_every_command_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    helps, *heavy = done.stdout.split()
    assert int(helps) > 60
    assert heavy == []


LOOK = """
import sys
from pawsonalize.app.cli.main import main
sought = set(sys.stdin.read().split())
for line in sys.argv[1:]:
    sys.argv[1:] = line.split()
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, line
    print("imported by:", line, *sorted(sys.modules.keys() & sought))
"""
SERVING = {"jinja2", "lark", "limits", "prometheus_client", "scipy", "starlette", "uvicorn"}


LOOKING = (
    "campaigns ls",
    "audit ls",
    "erasures ls",
    "status",
    "history --user u1",
    "runs ls",
    "outcomes",
)


def test_commands_that_look_at_data_import_nothing_that_only_answers_need(tmp_path: Path) -> None:
    settings = make_service(tmp_path, train=False)
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *LOOKING],
        capture_output=True,
        text=True,
        check=True,
        input=" ".join(SERVING | {"sqlalchemy"}),
        env=os.environ | as_environment(settings),
    )
    imported = [line for line in done.stdout.splitlines() if line.startswith("imported by: ")]
    assert imported == [f"imported by: {words} sqlalchemy" for words in LOOKING]


REPORT = f"""
import sys
from pawsonalize.app.cli.low_priority import report_outcomes
code = report_outcomes("pawsonalize", "1747474200000", "1763026200000", "30", "12")
print(code, *sorted({HEAVY!r} & sys.modules.keys()))
"""


def test_a_report_that_somebody_waits_for_imports_only_what_it_needs(tmp_path: Path) -> None:
    settings = make_service(tmp_path, train=False)
    environment = os.environ | as_environment(settings)
    done = subprocess.run(
        [sys.executable, "-c", REPORT], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.splitlines()[-1].split() == [
        "0",
        "asyncio",
        "numpy",
        "sqlalchemy",
        "structlog",
    ]


def option(*words: str) -> Any:
    """The option or argument of a command: its last word is the name."""
    command = COMMANDS
    *path, name = words
    for word in path:
        command = command.commands[word]
    return next(one for one in command.params if one.name == name)


def test_what_options_offer_is_what_there_is() -> None:
    assert option("animals", "import", "format").help == f"One of {', '.join(formats())}."
    assert option("animals", "import", "dates").help.startswith(f"{', '.join(DateOrder)}: ")
    *first, last = presets()
    assert option("import", "preset").help == f"Whose log it is: {', '.join(first)} or {last}."
    assert option("solutions", "create", "recipe").default == UserPersonalization.name
    assert option("outcomes", "within").default == WITHIN_DAYS
    assert get_args(get_type_hints(train)["mode"]) == tuple(TrainingMode)
    assert [one.value for one in For] == [one.value for one in Scope]


SOURCES = [*sorted((ROOT / "src").rglob("*.py")), *sorted(ROOT.glob("packages/*/src/**/*.py"))]
TEXTS = [
    *(page for page in PAGES if "adr" not in page.parts),
    *(
        one.relative_to(ROOT)
        for end in ("html", "jinja", "yaml")
        for one in ROOT.glob(f"src/**/*.{end}")
    ),
]


GROUPS = [name for name, one in COMMANDS.commands.items() if hasattr(one, "commands")]


def texts_of(source: Path) -> Iterator[str]:
    """The texts in a module; what a text gets when it is written is `X`."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            parts = (one.value if isinstance(one, ast.Constant) else "X" for one in node.values)
            yield " ".join("".join(map(str, parts)).split())
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield " ".join(node.value.split())


def named_commands(text: str) -> Iterator[list[str]]:
    """The words of each of our commands that stands in a text as code, whole or in part."""
    for found in re.finditer(r"`([^`\n]+)`|<code>([^<]+)</code>", text):
        code = re.sub(r"\{\{.*?\}\}", "X", found[1] or found[2])
        words = [word.strip("'\"…") for word in code.split()]
        if words[:1] == ["pawsonalize"]:
            words = words[1:]
        elif len(words) < 2 or words[0] not in GROUPS:
            continue
        if words and (words[0].isalpha() or "-" in words[0][1:]):
            yield [word for word in words if word]


def test_every_command_that_a_text_of_ours_names_exists_with_its_options() -> None:
    texts = [(one, text) for one in SOURCES for text in texts_of(one)]
    texts += [(one, (ROOT / one).read_text(encoding="utf-8")) for one in TEXTS]
    wrong, count = [], 0
    for place, text in texts:
        for words in named_commands(text):
            count += 1
            try:
                parse(COMMANDS, words, is_whole=False)
            except AssertionError as error:
                wrong.append(f"{place}: {' '.join(words)}: {error}")
    assert wrong == []
    assert count > 150


def test_a_command_in_a_text_that_does_not_exist_is_noticed() -> None:
    for wrong in (
        "`keys remove`",
        "<code>pawsonalize runs show --wrong</code>",
        "`pawsonalize rn`",
    ):
        (words,) = named_commands(f"To take it back, run {wrong}.")
        with pytest.raises(AssertionError):
            parse(COMMANDS, words, is_whole=False)
    assert list(named_commands("`animals`, `serve` and `keys create`")) == [["keys", "create"]]


def every_command() -> dict[str, Any]:
    """The commands by their words, but for those that the service itself runs."""
    found = dict[str, Any]()
    groups: list[tuple[tuple[str, ...], Any]] = [((), COMMANDS)]
    while groups:
        path, group = groups.pop()
        for name, command in group.commands.items():
            words = (*path, name)
            if hasattr(command, "commands"):
                groups.append((words, command))
            elif not command.hidden:
                found[" ".join(words)] = command
    return found


WITHOUT_JSON = {
    "serve": "runs until it is stopped",
    "demo": "runs until it is stopped",
    "animals watch": "runs until it is stopped, and logs what it takes",
    "init": "writes a file for people, and says what comes next",
    "events sample": "prints events as JSON Lines",
}


def test_every_command_prints_json_for_machines() -> None:
    commands = every_command()
    assert len(commands) > 90
    without = {
        words
        for words, command in commands.items()
        if not any("--json" in one.opts for one in command.params)
    }
    assert without == WITHOUT_JSON.keys()


def test_what_is_done_has_one_word_everywhere_and_a_recipe_is_an_option() -> None:
    verbs = {words.rpartition(" ")[2] for words in every_command() if " " in words}
    assert {"create", "delete", "ls", "show", "update"} <= verbs
    assert not verbs & {"rm", "remove", "add", "new", "list", "get", "describe", "edit", "set"}
    for words, command in every_command().items():
        recipes = [one for one in command.params if one.name == "recipe"]
        assert all(one.param_type_name == "option" for one in recipes), words
        shown = [one for one in command.params if one.param_type_name == "argument"]
        assert not any("recipe" in one.name and not one.hidden for one in shown), words


OLD = {
    "keys rm PAWSABCDEFGHIJKLMNOP": "keys delete PAWSABCDEFGHIJKLMNOP",
    "animals rm a-7": "animals delete a-7",
    "dead-letters rm one": "dead-letters delete one",
    "notifications rm one": "notifications delete one",
    "notifications add --to ftp://x": "notifications create --to ftp://x",
    "solutions create x magic": "solutions create x --recipe magic",
}


def test_an_old_spelling_works_for_one_release_and_says_the_new_one(tmp_path: Path) -> None:
    data = ["--data-dir", str(make_service(tmp_path, train=False).data_dir)]
    for old, new in OLD.items():
        before, now = (CliRunner().invoke(app, [*one.split(), *data]) for one in (old, new))
        assert (before.exit_code, before.stdout) == (now.exit_code, now.stdout)
        assert str(before.exception) == str(now.exception)
        assert "is now" in before.stderr, old
        assert " ".join(new.split()[:2]) in before.stderr, old
        assert "is now" not in now.stderr, new
    for group in {line.split()[0] for line in OLD}:
        shown = {
            words[2:].split(" ")[0]
            for words in CliRunner().invoke(app, [group]).output.splitlines()
        }
        assert shown >= {"ls"}
        assert not shown & {"rm", "add"}
