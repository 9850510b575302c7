"""A filter expression as frozen values; `str()` writes it so that it parses to the same again."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """Whether what fits stays or goes."""

    INCLUDE = "INCLUDE"
    EXCLUDE = "EXCLUDE"


class Subject(StrEnum):
    """Kind of thing that is filtered: items of an answer, or users of a segment."""

    ITEM = "ItemID"
    USER = "UserID"


class Source(StrEnum):
    """Owner of an attribute: a dataset, or whoever or whatever the query is about."""

    INTERACTIONS = "Interactions"
    ITEMS = "Items"
    USERS = "Users"
    CURRENT_USER = "CurrentUser"
    CURRENT_ITEM = "CurrentItem"


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
        """Whether it compares with a list of values."""
        return self in {Operator.IN, Operator.NOT_IN}

    @property
    def is_order(self) -> bool:
        """Whether only numbers can be compared by it."""
        return not self.is_list and self not in {Operator.EQUAL, Operator.NOT_EQUAL}

    @property
    def is_negative(self) -> bool:
        """Whether it holds where the opposite does not."""
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

ANY_EVENT_TYPE = "*"


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
    """One of the expressions that `|` joins.

    Fits what meets all conditions of one of `any_of`; counts only if the current user meets
    all of `only_if`.
    """

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
        """Whether it has an attribute of that source."""
        return any(attribute.source is source for attribute in self.attributes)


def number_text(number: float) -> str:
    """A number at its shortest: `3`, `2.5`."""
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
