"""The house speaks one language: each word has one meaning, and each class a name of its own."""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Set
from functools import cache
from pathlib import Path
from typing import get_type_hints

from pawsonalize.recipes.catalogue import RECIPES
from pawsonalize.settings import Settings

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "pawsonalize").rglob("*.py"))
GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
TERMS = re.findall(r"^- \*\*(.+?)\*\*: (.+)$", GLOSSARY, re.M)
GONE = {
    *("told", "asked", "asking", "question", "shelf", "dues", "liking", "likings", "taste"),
    *("tastes", "looks", "kin", "reception", "rise", "supply", "remembered", "behind", "there"),
    *("fold", "folds", "folding"),
}
"""Words that were invented here, where the field has one of its own: see docs/glossary.md."""
NOWHERE = {
    *("told", "asked", "asking", "said", "taken", "shelf", "shelves", "dues", "liking", "likings"),
    *("taste", "tastes", "looks", "whom", "whose", "beside", "brought", "meant", "heading", "tend"),
}
"""Words that no identifier has: no function, argument, attribute or variable."""
RIDDLE = re.compile(r"(What|How|Who|Whom|Whose|Where|Which|Why)\b")
"""Openings of a docstring that hides its subject."""


@cache
def parsed(path: Path) -> ast.AST:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def public_classes() -> Counter[str]:
    """Count the public classes of each name."""
    return Counter(
        node.name
        for path in SOURCES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )


def outdated(names: set[str], words: Set[str] = GONE) -> set[str]:
    """Return the names that hold one of the words, in CamelCase or snake_case."""
    return {name for name in names if words & set(re.findall("[a-z]+", _snake(name)))}


def identifiers(tree: ast.AST) -> set[str]:
    """Return all names that the code gives: of classes, functions, arguments and variables."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.arg(arg=name):
                found.add(name)
            case ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                found.add(name)
    return found


def docstrings(tree: ast.AST) -> Iterator[str]:
    """Yield the docstrings of the module, of classes, functions, fields and constants."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            match statement:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    yield text


def faults(tree: ast.AST) -> set[str]:
    """Return the identifiers and the first lines of docstrings that do not follow the rules."""
    openings = {text.splitlines()[0] for text in docstrings(tree) if RIDDLE.match(text)}
    return outdated(identifiers(tree), NOWHERE) | openings


def _snake(name: str) -> str:
    return re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def test_a_public_class_has_a_name_of_its_own() -> None:
    twice = {name for name, times in public_classes().items() if times > 1}
    assert twice == set(), "the truer name stays, the other gets one that says more"


def test_no_class_module_or_setting_has_a_word_that_is_gone() -> None:
    modules = {part for path in SOURCES for part in path.relative_to(ROOT).with_suffix("").parts}
    kinds: list[type] = [Settings, *(recipe.settings for recipe in RECIPES.values())]
    settings = {field for kind in kinds for field in get_type_hints(kind)}
    found = {
        "classes": outdated(set(public_classes())),
        "modules": outdated(modules),
        "settings": outdated(settings),
    }
    assert {kind: names for kind, names in found.items() if names} == {}


def test_a_word_that_is_gone_is_found_in_a_name() -> None:
    assert outdated({"ShelfWatch", "kin_weight", "told"}) == {"ShelfWatch", "kin_weight", "told"}
    assert outdated({"Unfolding", "akin", "Toldo", "therefore", "Outlook"}) == set()


def test_names_and_docstrings_say_what_a_thing_is() -> None:
    found = {
        path.relative_to(ROOT / "src/pawsonalize").as_posix(): faults(parsed(path))
        for path in SOURCES
    }
    wrong = {name: sorted(those) for name, those in found.items() if those}
    assert wrong == {}, "say what it is or does in the field's words: see docs/glossary.md"


def test_faults_of_names_and_docstrings_are_found() -> None:
    code = '''
"""Where it is."""
LIMIT = 3
"""How many."""
class Asked:
    """A class."""
    told: int
    """Who it is."""
    async def heading_for(self, whose):
        """What it is.

        More."""
        self.said = meant = 1
'''
    assert faults(ast.parse(code)) == {
        *("Where it is.", "How many.", "Who it is.", "What it is."),
        *("Asked", "told", "heading_for", "whose", "said", "meant"),
    }
    clean = '"""Whatever it is."""\nhowever = "told"; attend = asked(whom)'
    assert faults(ast.parse(clean)) == set()


def test_each_term_of_the_glossary_is_there_once_and_in_order() -> None:
    names = [name.casefold() for name, _ in TERMS]
    assert len(names) > 50
    assert len(TERMS) == GLOSSARY.count("\n- ")
    assert names == sorted(set(names))


def test_each_term_of_the_glossary_has_one_sentence() -> None:
    for name, sentence in TERMS:
        assert sentence.endswith("."), name
        assert not re.search(r"[.!?] [A-Z]", sentence), name


def test_no_term_of_the_glossary_is_a_word_that_is_gone() -> None:
    assert outdated({name.replace(" ", "_") for name, _ in TERMS}) == set()
