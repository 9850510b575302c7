"""The house speaks one language: each word has one meaning, and each class a name of its own."""

import ast
import re
from collections import Counter
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


def public_classes() -> Counter[str]:
    """How often each name is that of a public class."""
    return Counter(
        node.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )


def outdated(names: set[str]) -> set[str]:
    """Those of the names that hold a word that is gone, in CamelCase or snake_case."""
    return {name for name in names if GONE & set(re.findall("[a-z]+", _snake(name)))}


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
