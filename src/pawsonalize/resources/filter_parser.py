"""Text to filter expression, by the grammar beside this file; errors name column and next move."""

import re
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.late import late
from pawsonalize.resources import filters

if TYPE_CHECKING:
    import lark
    from lark import Token, Tree
else:
    lark = late("lark")

_GRAMMAR = Path(__file__).with_name("filter_grammar.lark")
_KEPT = 1_024  # expressions; requests write out the same few
_SHOWN = 40
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[\w.$]+|\S', re.DOTALL)
_IN_WORDS = {
    "ACTION": "INCLUDE, EXCLUDE",
    "SUBJECT": "ItemID, UserID, ActionID",
    "FIELD": "a field such as Items.GENRE",
    "COMPARISON": "=, !=, <, <=, >, >=",
    "TEXT": 'text in double quotes such as "dog"',
    "NUMBER": "a number",
    "PARAMETER": "a placeholder such as $GENRE",
    "STAR": "*",
    "NOT_IN": "NOT IN",
    "VBAR": "|",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": "a comma",
    "$END": "the end",
}
_SOURCES = {source.lower(): source for source in filters.Source}
_SUBJECTS = {subject.lower(): subject for subject in filters.Subject}


@lru_cache(_KEPT)
def parse(text: str) -> filters.FilterExpression:
    """Parse and check a filter; InvalidInput names the column, its text and what may follow."""
    if len(text) > filters.MAX_LENGTH:
        raise InvalidInput(
            f"a filter expression may have {filters.MAX_LENGTH} characters, not {len(text)}:"
            " make two filters of it",
            field="expression",
        )
    try:
        tree = _parser().parse(text)
    except lark.UnexpectedInput as error:
        raise _explained(text, error) from error
    clauses: list[filters.Clause] = []
    for child in tree.children:
        assert isinstance(child, lark.Tree)
        clauses.append(_clause(child, clauses[0].subject if clauses else None))
    expression = filters.FilterExpression(tuple(clauses))
    filters.check_size(expression)
    return expression


@cache
def _parser() -> "lark.Lark":
    return lark.Lark(_GRAMMAR.read_text(encoding="utf-8"), parser="lalr", maybe_placeholders=False)


def _clause(tree: "Tree[Token]", wanted: filters.Subject | None) -> filters.Clause:
    action, named, where, *current_user = tree.children
    assert isinstance(action, lark.Token)
    assert isinstance(named, lark.Token)
    subject = _SUBJECTS[named.lower()]
    if wanted not in {None, subject}:
        _refuse(named, f"the expressions of one filter all speak of {wanted}: make two filters")
    assert isinstance(where, lark.Tree)
    any_of = tuple(_all_of(one) for one in where.children)
    first = any_of[0][0][0].attribute.source
    for condition, token in (pair for conjunction in any_of for pair in conjunction):
        if reason := filters.misplacement(condition, subject, first):
            _refuse(token, reason)
    only_if = tuple(pair for one in current_user for pair in _all_of(one))
    for condition, token in only_if:
        if reason := filters.misplaced_after_if(condition, subject):
            _refuse(token, reason)
    return filters.Clause(
        filters.Action(action.upper()),
        subject,
        tuple(tuple(each for each, _ in conjunction) for conjunction in any_of),
        tuple(each for each, _ in only_if),
    )


def _all_of(tree: "Token | Tree[Token]") -> "tuple[tuple[filters.Condition, Token], ...]":
    assert isinstance(tree, lark.Tree)
    return tuple(_condition(child) for child in tree.children)


def _condition(tree: "Token | Tree[Token]") -> "tuple[filters.Condition, Token]":
    assert isinstance(tree, lark.Tree)
    field, sign, *values = (child for child in tree.children if isinstance(child, lark.Token))
    operator = filters.Operator(" ".join(sign.upper().split()))
    operands = tuple(map(_operand, values))
    condition = filters.Condition(_attribute(field), operator, operands)
    for operand, token in zip(operands, values, strict=True):
        if reason := filters.unfit(condition, operand, is_star=token.type == "STAR"):
            _refuse(token, reason)
    return condition, field


def _operand(token: "Token") -> filters.Operand:
    match token.type:
        case "TEXT":
            return re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL)
        case "NUMBER":
            number = float(token)
            if number in {float("inf"), float("-inf")}:
                _refuse(token, "this number is too large")
            return number
        case "PARAMETER":
            return filters.Parameter(token[1:])
        case "FIELD":
            return _attribute(token)
        case _:
            return str(token)


def _attribute(token: "Token") -> filters.Attribute:
    source, _, name = token.partition(".")
    known = _SOURCES.get(source.lower())
    if known is None:
        _refuse(token, f"there is no {source}: use one of {', '.join(filters.Source)}")
    return filters.Attribute(known, name.upper())


def _refuse(token: "Token", reason: str) -> NoReturn:
    assert token.start_pos is not None
    raise _wrong(token.start_pos + 1, str(token), reason)


def _wrong(column: int, found: str, reason: str) -> InvalidInput:
    return InvalidInput(f"column {column}, at {found[:_SHOWN]}: {reason}", field="expression")


def _explained(text: str, error: "lark.UnexpectedInput") -> InvalidInput:
    # Lark says what may follow a token in `accepts`, what may follow a character in `allowed`.
    allowed = error.accepts if isinstance(error, lark.UnexpectedToken) else None
    allowed = allowed or getattr(error, "allowed", None) or set()
    words = [word for name, word in _IN_WORDS.items() if name in allowed]
    # Our grammar's keywords begin with `_`, so that Lark leaves them out of the tree.
    words += sorted(name[1:] for name in allowed if name.startswith("_"))
    words += ["IN"] if "IN" in allowed else []
    expected = f"expected {' or '.join(', '.join(words).rsplit(', ', 1))}"
    if isinstance(error, lark.UnexpectedToken) and error.token.type == "$END":
        return _wrong(len(text) + 1, "the end", expected)
    at: int = vars(error)["pos_in_stream"]  # its class declares None
    found = _TOKEN.match(text, at)
    return _wrong(at + 1, found[0] if found else text[at : at + 1], expected)
