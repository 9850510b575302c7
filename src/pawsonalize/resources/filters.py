"""Filter expressions: frozen values that `str()` writes, their rules, and their placeholders."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.late import late
from pawsonalize.core.limits import check_length

if TYPE_CHECKING:
    import lark
    from lark import Token, Tree
else:
    lark = late("lark")


ANY_EVENT_TYPE = "*"
MAX_VALUE_LENGTH = 1_000
_QUOTED = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*', re.DOTALL)
_BARE = re.compile(r"[^\",]+")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
Values = Mapping[str, tuple[str, ...]]
MAX_LENGTH = 2_500
MAX_FIELDS = 10
MAX_PARAMETERS = 25
MAX_PARAMETER_LENGTH = 50
EVENT_TYPE = "EVENT_TYPE"


class Action(StrEnum):
    """Effect on what fits."""

    INCLUDE = "INCLUDE"
    EXCLUDE = "EXCLUDE"


class Subject(StrEnum):
    """Kind of thing that is filtered: items or actions of an answer, or users of a segment."""

    ITEM = "ItemID"
    USER = "UserID"
    ACTION = "ActionID"


class Source(StrEnum):
    """Owner of an attribute: a dataset, or whoever or whatever the query is about."""

    INTERACTIONS = "Interactions"
    ITEMS = "Items"
    USERS = "Users"
    CURRENT_USER = "CurrentUser"
    CURRENT_ITEM = "CurrentItem"
    ACTIONS = "Actions"
    ACTION_INTERACTIONS = "Action_Interactions"

    @property
    def is_of_events(self) -> bool:
        """True if its attributes are those of events."""
        return self in {Source.INTERACTIONS, Source.ACTION_INTERACTIONS}


class Operator(StrEnum):
    """Comparison of an attribute with its operand."""

    IN = "IN"
    NOT_IN = "NOT IN"
    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="

    @property
    def is_list(self) -> bool:
        """True if it compares with a list of values."""
        return self in {Operator.IN, Operator.NOT_IN}

    @property
    def is_order(self) -> bool:
        """True if only numbers can be compared by it."""
        return not self.is_list and self not in {Operator.EQUAL, Operator.NOT_EQUAL}

    @property
    def is_negative(self) -> bool:
        """True if it holds where the opposite does not."""
        return self in {Operator.NOT_IN, Operator.NOT_EQUAL}


@dataclass(frozen=True, slots=True)
class Attribute:
    """A field by its source and its upper-case name, as in `Items.GENRE`."""

    source: Source
    name: str

    def __str__(self) -> str:
        return f"{self.source}.{self.name}"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A placeholder, as in `$GENRE`, whose value comes with the request; its case counts."""

    name: str

    def __str__(self) -> str:
        return f"${self.name}"


# Text, a number, a placeholder, or an attribute of the current item.
Operand = str | float | Parameter | Attribute


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. Operators other than IN and NOT IN have one operand."""

    attribute: Attribute
    operator: Operator
    operands: tuple[Operand, ...]

    def __str__(self) -> str:
        values = ", ".join(map(_written, self.operands))
        is_bare = not self.operator.is_list or isinstance(self.operands[0], Attribute)
        return f"{self.attribute} {self.operator} {values if is_bare else f'({values})'}"


@dataclass(frozen=True, slots=True)
class Clause:
    """One part between `|`: fits all conditions of one of `any_of`, if the user meets `only_if`."""

    action: Action
    subject: Subject
    any_of: tuple[tuple[Condition, ...], ...]
    only_if: tuple[Condition, ...] = ()

    def __str__(self) -> str:
        where = " OR ".join(map(_all_of, self.any_of))
        text = f"{self.action} {self.subject} WHERE {where}"
        return f"{text} IF {_all_of(self.only_if)}" if self.only_if else text

    def conditions(self) -> Iterator[Condition]:
        """Every condition, in the order in which they are written."""
        for conjunction in self.any_of:
            yield from conjunction
        yield from self.only_if

    @property
    def parameters(self) -> frozenset[str]:
        """The names of its placeholders."""
        operands = (operand for each in self.conditions() for operand in each.operands)
        return frozenset(each.name for each in operands if isinstance(each, Parameter))


@dataclass(frozen=True, slots=True)
class FilterExpression:
    """The whole of it: what any INCLUDE fits, if there is one, without what any EXCLUDE fits."""

    clauses: tuple[Clause, ...]

    def __str__(self) -> str:
        return " | ".join(map(str, self.clauses))

    @property
    def subject(self) -> Subject:
        """Kind of thing that the expression filters."""
        return self.clauses[0].subject

    @property
    def parameters(self) -> frozenset[str]:
        """The names of its placeholders."""
        return frozenset().union(*(clause.parameters for clause in self.clauses))

    @property
    def attributes(self) -> frozenset[Attribute]:
        """Every attribute it speaks of, operands too."""
        conditions = [each for clause in self.clauses for each in clause.conditions()]
        operands = (operand for each in conditions for operand in each.operands)
        return frozenset(each.attribute for each in conditions).union(
            each for each in operands if isinstance(each, Attribute)
        )

    def speaks_of(self, source: Source) -> bool:
        """True if it has an attribute of that source."""
        return any(attribute.source is source for attribute in self.attributes)


def number_text(number: float) -> str:
    """A number at its shortest: `3`, `2.5`."""
    # Larger floats skip whole numbers: all digits would say more than is known.
    whole = number.is_integer() and abs(number) < 2**53
    return str(int(number)) if whole else repr(number)


def _all_of(conditions: tuple[Condition, ...]) -> str:
    return " AND ".join(map(str, conditions))


def _written(operand: Operand) -> str:
    match operand:
        case str():
            escaped = operand.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'
        case float():
            return number_text(operand)
        case _:
            return str(operand)


def read_values(given: Mapping[str, str], field: str) -> Values:
    """Values by placeholder, quoted or bare, with commas between; errors name `field`, column."""
    check_length(field, len(given), MAX_PARAMETERS, "entries")
    return {name: _split(text, f"{field}.{name}") for name, text in given.items()}


def read_number(text: str) -> float | None:
    """The number that text writes, or None."""
    text = text.strip()
    # float() alone would also take `nan`, `inf` and `1_000`.
    return float(text) if _NUMBER.fullmatch(text) else None


def _split(text: str, field: str) -> tuple[str, ...]:
    check_length(field, len(text), MAX_VALUE_LENGTH)
    values = []
    at = 0
    while True:
        if quoted := _QUOTED.match(text, at):
            values.append(re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL))
            at = quoted.end()
        elif (bare := _BARE.match(text, at)) and bare[0].strip():
            values.append(bare[0].strip())
            at = bare.end()
        else:
            raise _wrong(text, at, field)
        if at == len(text):
            return tuple(values)
        if text[at] != ",":
            raise _wrong(text, at, field)
        at += 1


def _wrong(text: str, at: int, field: str) -> InvalidInput:
    found = text[at : at + 10] or "the end"
    return InvalidInput(
        f'{field}, column {at + 1}, at {found}: expected values such as "dog","cat", separated by'
        " commas",
        field=field,
    )


_SOURCES_OF = {
    Subject.ITEM: (Source.ITEMS, Source.INTERACTIONS),
    Subject.USER: (Source.USERS, Source.INTERACTIONS),
    Subject.ACTION: (Source.ACTIONS, Source.ACTION_INTERACTIONS),
}


def misplacement(condition: Condition, subject: Subject, first: Source) -> str | None:
    """Return why a condition may not stand after WHERE, or None; `first`: the first source."""
    attribute = condition.attribute
    allowed = _SOURCES_OF[subject]
    if attribute.source not in allowed:
        if attribute.source in {Source.CURRENT_USER, Source.USERS}:
            return f"of the user an item filter asks after IF: IF CurrentUser.{attribute.name} …"
        return f"after {subject} WHERE stand conditions of {' or of '.join(allowed)}"
    if attribute.source is not first:
        return (
            f"this expression speaks of {first}: put {attribute.source} into one of its own, … | …"
        )
    if attribute.source.is_of_events and attribute.name != EVENT_TYPE:
        return f"of interactions only {attribute.source}.{EVENT_TYPE} can be filtered by"
    return None


def misplaced_after_if(condition: Condition, subject: Subject) -> str | None:
    """Return why a condition may not stand after IF, or None."""
    if subject is not Subject.ITEM:
        return f"a filter of {subject} has no current user: leave the IF out"
    if condition.attribute.source is not Source.CURRENT_USER:
        return f"IF asks of the current user only: CurrentUser.{condition.attribute.name}"
    return None


def unfit(condition: Condition, operand: Operand, *, is_star: bool) -> str | None:
    """Return why an operand does not go with its operator and attribute, or None."""
    operator, attribute = condition.operator, condition.attribute
    if operator.is_order and attribute.source.is_of_events:
        return f"event types have no order: use IN instead of {operator}"
    if isinstance(operand, Attribute):
        return _unfit_attribute(attribute, operand)
    if isinstance(operand, Parameter):
        return _unfit_parameter(operator, operand)
    if operand == ANY_EVENT_TYPE and (is_star or attribute.name == EVENT_TYPE):
        if not (attribute.source.is_of_events and operator.is_list):
            return f"* stands for any event type: Interactions.{EVENT_TYPE} IN (*)"
    elif operator.is_order and isinstance(operand, str):
        return f"{operator} compares numbers: write one without quotes, or use IN"
    return None


def check_size(expression: FilterExpression) -> None:
    """InvalidInput for more fields or placeholders than a filter may have."""
    fields = sorted(map(str, expression.attributes))
    if len(fields) > MAX_FIELDS:
        raise InvalidInput(
            f"a filter may speak of {MAX_FIELDS} fields, not {len(fields)}"
            f" ({', '.join(fields)}): make two filters",
            field="expression",
        )
    if len(expression.parameters) > MAX_PARAMETERS:
        raise InvalidInput(
            f"a filter may have {MAX_PARAMETERS} placeholders, not {len(expression.parameters)}",
            field="expression",
        )


def _unfit_attribute(attribute: Attribute, operand: Attribute) -> str | None:
    if operand.source is not Source.CURRENT_ITEM:
        return f"a field can be compared with a value or with CurrentItem.{operand.name}"
    if attribute.source is not Source.ITEMS:
        return "only fields of Items can be compared with the current item's"
    return None


def _unfit_parameter(operator: Operator, parameter: Parameter) -> str | None:
    if operator is Operator.NOT_IN:
        return (
            "NOT IN takes no placeholder: use IN, and EXCLUDE instead of INCLUDE or the other way"
        )
    if (count := len(parameter.name)) > MAX_PARAMETER_LENGTH:
        return f"a placeholder's name may have {MAX_PARAMETER_LENGTH} characters, not {count}"
    return None


@dataclass(frozen=True, slots=True)
class AppliedFilter:
    """An expression whose placeholders all have values; `expression` is None if nothing is left."""

    expression: FilterExpression | None
    values: Values


def apply(
    expression: FilterExpression, given: Mapping[str, str], field: str = "filterValues"
) -> AppliedFilter:
    """The expression with these values, which the caller names `field`.

    InvalidInput for an INCLUDE without values for its placeholders, and for a value without one.
    """
    # An EXCLUDE without values for its placeholders is left out, as Amazon documents it.
    values = read_values(given, field)
    for name in values:
        if name not in expression.parameters:
            known = ", ".join(f"${each}" for each in sorted(expression.parameters)) or "none"
            raise InvalidInput(
                f"the filter has no placeholder ${name}: it has {known}", field=f"{field}.{name}"
            )
    clauses = []
    for clause in expression.clauses:
        missing = min(clause.parameters - values.keys(), default=None)
        if missing is None:
            clauses.append(clause)
        elif clause.action is Action.INCLUDE:
            raise InvalidInput(
                f"the filter's INCLUDE needs a value of ${missing}: send it in {field}",
                field=f"{field}.{missing}",
            )
    return AppliedFilter(FilterExpression(tuple(clauses)) if clauses else None, values)


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
_SOURCES = {source.lower(): source for source in Source}
_SUBJECTS = {subject.lower(): subject for subject in Subject}


@lru_cache(_KEPT)
def parse(text: str) -> FilterExpression:
    """Parse and check a filter; InvalidInput names the column, its text and what may follow."""
    if len(text) > MAX_LENGTH:
        raise InvalidInput(
            f"a filter expression may have {MAX_LENGTH} characters, not {len(text)}:"
            " make two filters of it",
            field="expression",
        )
    try:
        tree = _parser().parse(text)
    except lark.UnexpectedInput as error:
        raise _explained(text, error) from error
    clauses: list[Clause] = []
    for child in tree.children:
        assert isinstance(child, lark.Tree)
        clauses.append(_clause(child, clauses[0].subject if clauses else None))
    expression = FilterExpression(tuple(clauses))
    check_size(expression)
    return expression


@cache
def _parser() -> "lark.Lark":
    return lark.Lark(_GRAMMAR.read_text(encoding="utf-8"), parser="lalr", maybe_placeholders=False)


def _clause(tree: "Tree[Token]", wanted: Subject | None) -> Clause:
    action, named, where, *current_user = tree.children
    assert isinstance(action, lark.Token)
    assert isinstance(named, lark.Token)
    subject = _SUBJECTS[named.lower()]
    if wanted not in {None, subject}:
        _refuse(named, f"the expressions of one filter all speak of {wanted}: make two filters")
    assert isinstance(where, lark.Tree)
    any_of = tuple(_conditions(one) for one in where.children)
    first = any_of[0][0][0].attribute.source
    for condition, token in (pair for conjunction in any_of for pair in conjunction):
        if reason := misplacement(condition, subject, first):
            _refuse(token, reason)
    only_if = tuple(pair for one in current_user for pair in _conditions(one))
    for condition, token in only_if:
        if reason := misplaced_after_if(condition, subject):
            _refuse(token, reason)
    return Clause(
        Action(action.upper()),
        subject,
        tuple(tuple(each for each, _ in conjunction) for conjunction in any_of),
        tuple(each for each, _ in only_if),
    )


def _conditions(tree: "Token | Tree[Token]") -> "tuple[tuple[Condition, Token], ...]":
    assert isinstance(tree, lark.Tree)
    return tuple(_condition(child) for child in tree.children)


def _condition(tree: "Token | Tree[Token]") -> "tuple[Condition, Token]":
    assert isinstance(tree, lark.Tree)
    field, sign, *values = (child for child in tree.children if isinstance(child, lark.Token))
    operator = Operator(" ".join(sign.upper().split()))
    operands = tuple(map(_operand, values))
    condition = Condition(_attribute(field), operator, operands)
    for operand, token in zip(operands, values, strict=True):
        if reason := unfit(condition, operand, is_star=token.type == "STAR"):
            _refuse(token, reason)
    return condition, field


def _operand(token: "Token") -> Operand:
    match token.type:
        case "TEXT":
            return re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL)
        case "NUMBER":
            number = float(token)
            if number in {float("inf"), float("-inf")}:
                _refuse(token, "this number is too large")
            return number
        case "PARAMETER":
            return Parameter(token[1:])
        case "FIELD":
            return _attribute(token)
        case _:
            return str(token)


def _attribute(token: "Token") -> Attribute:
    source, _, name = token.partition(".")
    known = _SOURCES.get(source.lower())
    if known is None:
        _refuse(token, f"there is no {source}: use one of {', '.join(Source)}")
    return Attribute(known, name.upper())


def _refuse(token: "Token", reason: str) -> NoReturn:
    assert token.start_pos is not None
    raise _refusal(token.start_pos + 1, str(token), reason)


def _refusal(column: int, found: str, reason: str) -> InvalidInput:
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
        return _refusal(len(text) + 1, "the end", expected)
    at: int = vars(error)["pos_in_stream"]  # its class declares None
    found = _TOKEN.match(text, at)
    return _refusal(at + 1, found[0] if found else text[at : at + 1], expected)
