"""Write the reference pages that are made from the code, or with --check say which are old.

python docs/generate.py [--check]
"""

import html
import inspect
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore
import typer
from markupsafe import Markup

from chart_schema import CHART_SCHEMA, chart_schema
from field_coverage import DIFFERENT, REFUSED, STORED, fields
from pawsonalize.app.cli.main import app
from pawsonalize.app.http.openapi import openapi
from pawsonalize.app.http.operations import OPERATIONS
from pawsonalize.app.settings import Settings, kinds_of_settings
from pawsonalize.aws.contract import contract_cases
from pawsonalize.aws.dispatch import ACCESS, HANDLERS
from pawsonalize.aws.protocol import SERVICES, operations
from pawsonalize.aws.recipes import DOMAIN_RECIPES, WITHOUT_EFFECT
from pawsonalize.aws.strict import RULES
from pawsonalize.core.event import SYNONYMS
from pawsonalize.core.http.operation import UNKNOWN_FIELDS_HEADER, About, field_docs
from pawsonalize.core.scopes import Scope
from pawsonalize.models.recipes.catalogue import BROUGHT, RECIPES
from pawsonalize.models.recipes.settings import Range, tunable
from pawsonalize.site.api_pages import tags_of

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.nightly import page as table_of_nightly_tests

_REFERENCE = Path(__file__).parent / "reference"
_MADE = "<!-- Made from the code by `make docs`. -->\n"


def settings_page() -> str:
    """Every setting with its default and its environment variable."""
    rows = ["| setting | default | |", "|---|---|---|"]
    kinds, defaults, own = kinds_of_settings(), Settings(), Settings.__annotations__
    docs = {name: text for kind in kinds.values() for name, text in field_docs(kind).items()}
    rows += [
        f"| `{name}` | `{defaults.value(name)}` | {docs[name]} |"
        for name in sorted(kinds, key=lambda name: name not in own)  # before what it inherits
    ]
    return (
        f"# Settings\n\n{_MADE}\n"
        "Settings come from `config/{env}.yaml` or `.yml` below the current folder (`env` from"
        " `PAWSONALIZE_ENV`, default `dev`), or from the file that `PAWSONALIZE_CONFIG` names, and"
        " from the environment, which wins: `port` is `PAWSONALIZE_PORT`. Options on the command"
        " line win over both. `pawsonalize doctor` says which file was read and what is given.\n\n"
        "`PAWSONALIZE_SECRETS_DIR` names a folder of secrets: each file in it counts as an"
        " environment variable of its name. What the environment itself has stays.\n\n"
        "A name that is not in this list is an error in the file and a warning in the environment."
        " That of a [plugin that is absent](../how-to/install.md#extras) is an error in both."
        " Names may be written as the config files of AWS's deployment write them"
        " (`minProvisionedTPS`); what they hold for AWS alone (`vpcId`, `…SsmPath`) is accepted,"
        " and `pawsonalize config check` says what each is.\n\n" + "\n".join(rows) + "\n"
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
        " `return` speak against an animal. `pick`, `no-pick` and `unpick` answer"
        " [a board](../how-to/ask-with-a-board.md), which they name, and count for their visitor"
        " alone. A type that is not here counts as a view, under its own name.\n\n"
        + "\n".join(rows)
        + "\n"
    )


def recipes_page() -> str:
    """Every recipe with its settings."""
    parts = [f"# Recipes and their settings\n\n{_MADE}"]
    for name, recipe in (*RECIPES.items(), *BROUGHT.items()):
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


_IN_FULL = ("answers", "events", "animals")


def api_page() -> str:
    """Every operation with its parameters and an example, and the types that sites use."""
    tags = tags_of(openapi())
    parts = [
        f"# The native API\n\n{_MADE}\n"
        "JSON in, JSON out: send bodies as `Content-Type: application/json`, and a key as"
        " `Authorization: Bearer KEY.SECRET` where [keys are required](access.md). A running"
        " service shows all of this at `/docs`, every type among it, with a form to try each"
        " operation. `/openapi.json` is the same for programs:"
        " [generate a client](../how-to/generate-a-client.md) from it.\n\n"
        "## Names\n\n"
        "`id` is the id of the very thing it stands in. Beside that, `itemId` is always an animal"
        " group, as `2-Saint_Bernard-3-2`, and `animalId` an animal. Two payloads that sites send"
        " already keep their own names: `animal_id` in events, and `itemId` for an animal in the"
        " list of a re-ranking, where `animalId` is taken too.\n\n"
        "## Errors\n\n"
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
    for tag in tags.values():
        parts.append(f"## {tag.name}\n\n{_markdown(tag.description)}\n")
        parts += [_operation(one) for one in tag.operations]
    parts.append("## Types\n\nThose of answers, events and animals. `/docs` has the others.\n")
    types = {one.name: one for slug in _IN_FULL for one in tags[slug].types}
    parts += [_type(one) for one in types.values()]
    return "\n".join(parts)


def _operation(one: SimpleNamespace) -> str:
    lines = [f"### `{one.method} {one.path}`", _markdown(one.summary)]
    lines += [_markdown(one.description)] if one.description else []
    lines += [f"Body: {_markdown(one.body)}."] if one.body else []
    lines.append(f"Answer: {_markdown(one.answer)}. Clients call it `{one.id}`.")
    if one.parameters:
        lines.append(
            "\n".join(f"- `{row.name}`: {_markdown(row.description)}" for row in one.parameters)
        )
    for name, example in one.examples:
        lines.append(f"Example, {name}:")
        lines.append(f"```json\n{example}\n```")
    return "\n\n".join(lines) + "\n"


def _type(table: SimpleNamespace) -> str:
    rows = ["| field | is | |", "|---|---|---|"]
    for row in table.fields:
        name = f"`{row.name}`" + (", required" if row.is_required else "")
        rows.append(f"| {name} | {_markdown(row.kind)} | {_markdown(row.description)} |")
    said = _markdown(table.description)
    return f"### {table.name}\n\n{said}\n\n" + "\n".join(rows) + "\n"


def _markdown(text: Markup) -> str:
    """What the pages say, as Markdown."""
    linked = re.sub(r'<a href="#type-\w+">(\w+)</a>', _link, str(text))
    return html.unescape(re.sub(r"</?code>", "`", linked)).replace("|", "\\|")


def _link(found: re.Match[str]) -> str:
    name = found[1]
    return f"[{name}](#{name.lower()})" if name in _linked() else f"`{name}`"


@cache
def _linked() -> frozenset[str]:
    tags = tags_of(openapi())
    return frozenset(one.name for slug in _IN_FULL for one in tags[slug].types)


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


_FIELDS = (
    "## Fields\n\n"
    "Of the {total} fields of requests, by botocore {version}, {acts} act, {stored} are stored and"
    " answered only, and {refused} are refused. A field acts if the code reads it, which a program"
    " finds. A test fails if one does not and is not in this list. `tests/aws/wire/test_models.py`"
    " and `tests/aws/wire/test_jobs.py` show that these fields are taken or refused.\n"
)
_STRICT = (
    "## Strict\n\n"
    "A program whose tests pass here must not fail at AWS. So the service refuses what AWS refuses"
    " even where it could answer (`tests/aws/wire/test_strict.py`). With `aws_strict: false` among"
    " the settings it answers:\n"
)


def coverage_page() -> str:
    """Every operation of Amazon Personalize, and what it does here."""
    parts = [
        f"# Coverage of the Personalize API\n\n{_MADE}\n"
        f"Amazon Personalize's three services have {len(operations())} operations;"
        f" {len(HANDLERS)} of them work under `/aws`. What an operation cannot do is refused"
        " with an `InvalidInputException` that says so.\n"
    ]
    parts += [_STRICT, "\n".join(f"- {_first_line(rule)}" for rule in RULES) + "\n"]
    parts.append(_use_cases())
    parts.append(_contract())
    parts.append(_different())
    found = fields()
    parts.append(_exceptions(found))
    for service in SERVICES:
        parts.append(f"## {service}\n")
        rows = ["| operation | what it does here | fields that act |", "|---|---|---|"]
        rows += [
            f"| {one.name} | {_first_line(HANDLERS.get(one.name))} | {_acting(found[one.name])} |"
            for one in operations().values()
            if one.service == service
        ]
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def _use_cases() -> str:
    rows = [
        f"| {one.title} | `{one.name}` | {', '.join(f'`{name}`' for name in one.requires)} |"
        f" {one.learns_from or 'all'} | {one.leaves_out or ''} |"
        for one in DOMAIN_RECIPES.values()
    ]
    return (
        "## Use cases\n\n"
        "The use cases of the domains ECOMMERCE and VIDEO_ON_DEMAND, as AWS's pages of the same"
        " names describe them (`tests/aws/wire/test_use_cases.py`). Items with which the user had"
        " an event of the last column are left out before the filter of the request; promoted items"
        " keep to the filter of their promotion alone.\n\n"
        "| use case | recipe | required | learns from | leaves out |\n|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def _contract() -> str:
    cases = list(contract_cases())
    count = Counter(case.source for case in cases)
    rests = ", ".join(f"{source} {number}" for source, number in count.most_common())
    rows = [
        f"| {case.operation} | {case.name} | {case.error} | {case.source} |"
        f" {'' if case.needs else 'yes'} |"
        for case in cases
    ]
    return (
        "## Contract cases\n\n"
        f"{len(cases)} calls that end with an error, and what says that they do at Amazon:"
        " botocore's model of the service, or a page of AWS's by its title. What is *observed by no"
        " one yet* is our reading. `tests/aws/wire/test_contract.py` asks each of this service."
        " `pawsonalize contract` asks those of the last column, which cost and change nothing, of"
        " any endpoint. Without `--endpoint` it asks Amazon Personalize with your credentials, and"
        f" says where we differ.\n\nBy source: {rests}.\n\n"
        "| operation | case | error | source | may be asked anywhere |\n|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def _different() -> str:
    ignored = ", ".join(f"`{name}`" for name in WITHOUT_EFFECT)
    points = (f"- {text.replace('{ignored}', ignored)}" for text in DIFFERENT)
    page = "../explanation/different-on-purpose.md"
    head = (
        f"What is otherwise on purpose, why, and how to have it Amazon's way: [one page]({page})."
    )
    return f"## Still different from AWS\n\n{head}\n\n" + "\n".join(points) + "\n"


def _exceptions(found: Mapping[str, Mapping[str, str]]) -> str:
    count = Counter(state for states in found.values() for state in states.values())
    text = _FIELDS.format(
        total=count.total(),
        version=botocore.__version__,
        acts=count["acts"],
        stored=count["stored only"],
        refused=count["refused"],
    )
    rows = ["| field | | why |", "|---|---|---|"]
    for table, state in ((STORED, "stored only"), (REFUSED, "refused")):
        rows += [f"| `{pattern}` | {state} | {why} |" for pattern, why in table.items()]
    return f"{text}\n" + "\n".join(rows) + "\n"


def _acting(states: Mapping[str, str]) -> str:
    return ", ".join(f"`{path}`" for path, state in states.items() if state == "acts")


def _first_line(handler: Any) -> str:
    return "not yet" if handler is None else (inspect.getdoc(handler) or "").partition("\n")[0]


def nightly_page() -> str:
    """Every nightly test, and what came of its last run."""
    return (
        f"# Nightly tests\n\n{_MADE}\n"
        "What takes long to show. `make nightly` runs these tests with all others, and writes what"
        " came of each into `tests/nightly.json`; `make docs` makes this page of it. A commit"
        " changes no line here: the commit of a line is the one that was run, with `+` if its `src`"
        " had changes that were not committed. Of several cases the page has the seconds in sum,"
        " the oldest run, and how many ended if some did not yet. *Never* means that no run is"
        " recorded: a test that was skipped did not run. Seconds are those of the machine that ran"
        " them, with whatever else it did; the first records are of two cores that others"
        " used too, and several times what a quiet machine takes.\n\n"
        "`.ci/run` draws a few of the tests that are recorded here, other ones for each commit."
        " [CONTRIBUTING.md](../../CONTRIBUTING.md) says when the others are run.\n\n"
        f"{table_of_nightly_tests()}"
    )


PAGES = {
    "settings.md": settings_page,
    "event-types.md": event_types_page,
    "recipes.md": recipes_page,
    "cli.md": cli_page,
    "api.md": api_page,
    "access.md": access_page,
    "personalize-coverage.md": coverage_page,
    "nightly.md": nightly_page,
}


def main() -> None:
    """Write the pages, or with --check exit with 1 if one is not current."""
    stale = []
    made = {_REFERENCE / name: page for name, page in PAGES.items()} | {CHART_SCHEMA: chart_schema}
    for path, page in made.items():
        text = page()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    if "--check" in sys.argv and stale:
        sys.exit(f"not current, run `make docs`: {', '.join(stale)}")


if __name__ == "__main__":
    main()
