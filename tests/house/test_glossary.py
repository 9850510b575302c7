"""The glossary has each term once, in order, and says it in a sentence."""

import re
from pathlib import Path

GLOSSARY = (Path(__file__).parents[2] / "docs/glossary.md").read_text(encoding="utf-8")
TERMS = re.findall(r"^- \*\*(.+?)\*\*: (.+)$", GLOSSARY, re.M)


def test_each_term_is_there_once_and_in_order() -> None:
    names = [name.casefold() for name, _ in TERMS]
    assert len(names) > 50
    assert len(TERMS) == GLOSSARY.count("\n- ")
    assert names == sorted(set(names))


def test_each_term_has_one_sentence() -> None:
    assert len(TERMS) > 50
    for name, sentence in TERMS:
        assert sentence.endswith("."), name
        assert not re.search(r"[.!?] [A-Z]", sentence), name
