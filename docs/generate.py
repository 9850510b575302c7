"""Write the reference pages that are made from the code, or with --check say which are old.

python docs/generate.py [--check]
"""

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import typer

from pawsonalize.aws.door import ACCESS
from pawsonalize.aws.operations.catalogue import HANDLERS
from pawsonalize.aws.protocol.service import SERVICES, operations
from pawsonalize.cli.main import app
from pawsonalize.domain.event_types import SYNONYMS
from pawsonalize.engine.resources.access_keys import Scope
from pawsonalize.http.openapi import openapi
from pawsonalize.http.operation import UNKNOWN_FIELDS_HEADER, About
from pawsonalize.http.operations import OPERATIONS
from pawsonalize.recipes.catalogue import RECIPES
from pawsonalize.recipes.settings import Range, tunable
from pawsonalize.settings import Settings

_REFERENCE = Path(__file__).parent / "reference"
_MADE = "<!-- Made from the code by `make docs`. -->\n"


def field_docs(kind: type) -> dict[str, str]:
    """The literal docstring under each field of a class and of those it inherits from."""
    docs: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("pawsonalize."):
            docs |= _own_field_docs(base)
    return docs


def _own_field_docs(kind: type) -> dict[str, str]:
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    docs = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            assert isinstance(field.target, ast.Name)
            assert isinstance(text.value, ast.Constant)
            docs[field.target.id] = str(text.value.value)
    return docs


def settings_page() -> str:
    """Every setting with its default and its environment variable."""
    rows = ["| setting | default | |", "|---|---|---|"]
    docs, defaults = field_docs(Settings), Settings()
    own = Settings.__annotations__  # before what it inherits
    fields = sorted(msgspec.structs.fields(Settings), key=lambda field: field.name not in own)
    rows += [
        f"| `{field.name}` | `{getattr(defaults, field.name)}` | {docs[field.name]} |"
        for field in fields
    ]
    return (
        f"# Settings\n\n{_MADE}\n"
        "Settings come from `config/{env}.yaml` or `.yml` below the current folder (`env` from"
        " `PAWSONALIZE_ENV`, default `dev`), or from the file that `PAWSONALIZE_CONFIG` names, and"
        " from the environment, which wins: `port` is `PAWSONALIZE_PORT`. Options on the command"
        " line win over both. `pawsonalize doctor` says which file was read and what is given.\n\n"
        "A name that is not in this list is an error in the file and a warning in the environment."
        " Names may be written as the config files of AWS's deployment write them"
        " (`minProvisionedTPS`); what they hold for AWS alone (`vpcId`, `…SsmPath`) has no meaning"
        " here and is named in a warning.\n\n" + "\n".join(rows) + "\n"
    )


def event_types_page() -> str:
    """What event types mean."""
    rows = ["| meaning | is also called |", "|---|---|"]
    rows += [f"| `{meaning}` | {', '.join(words.split())} |" for meaning, words in SYNONYMS.items()]
    return (
        f"# Event types\n\n{_MADE}\n"
        "What a type that you send means to models, answers and reports. Case and separators do not"
        " count: `DetailView`, `detail_view` and `detail-view` are one. The setting `event_types`"
        " [adds your own](../how-to/send-context.md#call-your-events-what-you-like). `dislike` and"
        " `return` speak against an animal. A type that is not here counts as a view, under its"
        " own name.\n\n" + "\n".join(rows) + "\n"
    )


def recipes_page() -> str:
    """Every recipe with its settings."""
    parts = [f"# Recipes and their settings\n\n{_MADE}"]
    for name, recipe in RECIPES.items():
        docs = field_docs(recipe.settings)
        defaults = recipe.settings()
        parts.append(f"## {name}\n\n{inspect.getdoc(type(recipe))}\n")
        ranges = tunable(recipe.settings)
        rows = ["| setting | default | tuned within | |", "|---|---|---|---|"]
        rows += [
            f"| `{key}` | `{getattr(defaults, key)}` | {_range(ranges.get(key))} | {text} |"
            for key, text in docs.items()
        ]
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def _range(given: Range | None) -> str:
    if given is None:
        return ""
    return f"{given.low:g} to {given.high:g}{', log' if given.log else ''}"


def cli_page() -> str:
    """Every command with its options and an example."""
    parts = [
        f"# Command line\n\n{_MADE}\n"
        "Exit codes: 0 done, 1 failed, 2 wrong input. `--json` prints for machines.\n"
    ]
    for name, command in _commands(typer.main.get_command(app), "pawsonalize"):
        text, _, example = inspect.cleandoc(command.help or "").partition("Example: ")
        parts.append(f"## {name}\n\n{text.strip()}\n\n```\n{example.strip()}\n```\n")
        rows = [_option(option) for option in command.params if option.name != "help"]
        if rows:
            parts.append("\n".join(["| option | default | |", "|---|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield name, command
        return
    for child_name, child in children.items():
        if child.hidden:
            continue
        yield from _commands(child, f"{name} {child_name}")


def _option(option: Any) -> str:
    shown = option.show_default if isinstance(option.show_default, str) else option.default
    default = "" if shown in (None, False) else f"`{shown}`"
    return f"| `{'`, `'.join(option.opts)}` | {default} | {option.help or ''} |"


def api_page() -> str:
    """Every operation with its parameters and an example."""
    document = openapi()
    parts = [
        f"# The native API\n\n{_MADE}\n"
        "JSON in, JSON out: send bodies as `Content-Type: application/json`, and a key as"
        " `Authorization: Bearer KEY.SECRET` where [keys are required](access.md). A running"
        " service has the full OpenAPI document at `/openapi.json`"
        " and a page of it at `/docs`.\n\n"
        'Every error is `{"error": {"code", "message", "field"?}}`: 400 for wrong input, 401'
        " without a key, 403 for what the key is not for, 404 for what does not exist, 413 for too"
        " much at once, 415 for a body that is not JSON, 429 for too often, 503 for not now. The"
        " message says what to do.\n\n"
        "A field or parameter that looks misspelt (`houshold`, `user_id`) is a 400 with the code"
        " `unknown_field`, and the message says the right name. Other unknown fields change"
        f" nothing; the header `{UNKNOWN_FIELDS_HEADER}` of the answer names them.\n\n"
        "One bad event or animal costs no good one: the answer lists it under `rejected`, with"
        " its index, code and message. If all are bad, the status is 400, and the body has the"
        " same list beside `error`.\n"
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.append(f"## `{method.upper()} {path}`\n\n{operation['summary']}\n")
            parts += [
                f"- `{parameter['name']}`: {parameter['description']}"
                for parameter in operation.get("parameters", ())
            ]
            for name, example in _examples(operation):
                text = msgspec.json.format(msgspec.json.encode(example), indent=2).decode()
                parts.append(f"\nExample, {name}:\n\n```json\n{text}\n```\n")
    return "\n".join(parts) + "\n"


def _examples(operation: dict[str, Any]) -> list[tuple[str, Any]]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return [(name, given["value"]) for name, given in content.get("examples", {}).items()]


def access_page() -> str:
    """Which scopes admit to which operation."""
    scopes = list(Scope)
    rows = [
        (
            f"`{operation.method} {operation.documented_path}`",
            operation.access,
            "" if operation.about is About.SERVICE else "yes",
        )
        for operation in OPERATIONS
    ]
    rows += [
        (f"`{service}`, at `/aws`", access, "what is in it") for service, access in ACCESS.items()
    ]
    parts = [
        f"# Who may do what\n\n{_MADE}\n"
        "Where keys are required, an operation answers keys with one of its scopes. [Keys, and who"
        " needs which](../how-to/use-keys.md). The last column says whether it answers"
        " [keys of one dataset group](../how-to/run-many-shelters.md#give-it-a-key), about that.\n",
        "| operation | "
        + " | ".join(scopes)
        + " | of one group |\n|---"
        + "|:-:" * (len(scopes) + 1)
        + "|",
    ]
    for name, access, reached in rows:
        marks = (
            ["everybody"] * (len(scopes) + 1)
            if not access
            else [*("yes" if scope in access else "" for scope in scopes), reached]
        )
        parts.append(f"| {name} | " + " | ".join(marks) + " |")
    return "\n".join(parts) + "\n"


def coverage_page() -> str:
    """Every operation of Amazon Personalize, and what it does here."""
    parts = [
        f"# Coverage of the Personalize API\n\n{_MADE}\n"
        f"Amazon Personalize's three services have {len(operations())} operations;"
        f" {len(HANDLERS)} of them work under `/aws`. What an operation cannot do is refused"
        " with an `InvalidInputException` that says so.\n"
    ]
    for service in SERVICES:
        parts.append(f"## {service}\n")
        rows = ["| operation | what it does here |", "|---|---|"]
        rows += [
            f"| {one.name} | {_first_line(HANDLERS.get(one.name))} |"
            for one in operations().values()
            if one.service == service
        ]
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def _first_line(handler: Any) -> str:
    return "not yet" if handler is None else (inspect.getdoc(handler) or "").partition("\n")[0]


PAGES = {
    "settings.md": settings_page,
    "event-types.md": event_types_page,
    "recipes.md": recipes_page,
    "cli.md": cli_page,
    "api.md": api_page,
    "access.md": access_page,
    "personalize-coverage.md": coverage_page,
}


def main() -> None:
    """Write the pages, or with --check exit with 1 if one is not current."""
    stale = []
    for name, page in PAGES.items():
        path, text = _REFERENCE / name, page()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    if "--check" in sys.argv and stale:
        sys.exit(f"not current, run `make docs`: {', '.join(stale)}")


if __name__ == "__main__":
    main()
