"""Commands start at once, and what they write out to do so is true."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args, get_type_hints

from typer.main import get_command

from pawsonalize.cli.keys import For
from pawsonalize.cli.main import app
from pawsonalize.cli.train import train
from pawsonalize.engine.ingest.feeds.dates import DateOrder
from pawsonalize.engine.ingest.feeds.formats import FORMATS
from pawsonalize.engine.reporting.outcomes_report import WITHIN_DAYS
from pawsonalize.engine.resources.access_keys import Scope
from pawsonalize.engine.resources.solutions import TrainingMode
from pawsonalize.recipes.user_personalization import UserPersonalization
from pawsonalize.settings import as_environment
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
from pawsonalize.cli.main import app

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


REPORT = f"""
import sys
from pawsonalize.cli.report_outcomes import main
code = main("pawsonalize", "1747474200000", "1763026200000", "30", "12")
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
        "rich",
        "sqlalchemy",
        "structlog",
    ]


def option(*words: str) -> Any:
    """The option or argument of a command: its last word is the name."""
    command: Any = get_command(app)
    *path, name = words
    for word in path:
        command = command.commands[word]
    return next(one for one in command.params if one.name == name)


def test_what_options_offer_is_what_there_is() -> None:
    assert option("animals", "import", "format").help == f"One of {', '.join(FORMATS)}."
    assert option("animals", "import", "dates").help.startswith(f"{', '.join(DateOrder)}: ")
    assert option("solutions", "create", "recipe").default == UserPersonalization.name
    assert option("outcomes", "within").default == WITHIN_DAYS
    assert get_args(get_type_hints(train)["mode"]) == tuple(TrainingMode)
    assert [one.value for one in For] == [one.value for one in Scope]
