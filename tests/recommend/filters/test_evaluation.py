"""Which rows pass: the vectorised evaluator beside a naive one that goes row by row."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pawsonalize.core.errors import InvalidInput
from pawsonalize.recommend.filtering import AttributeColumns, Facts, Texts, passing_rows, texts_of
from pawsonalize.resources.filters import (
    Action,
    Attribute,
    Clause,
    Condition,
    FilterExpression,
    Operand,
    Operator,
    Parameter,
    Source,
    Subject,
    parse,
)
from tests.filter_expressions import FIELDS, PARAMETERS, expressions

Row = Mapping[str, str | float | None]

ROWS = st.dictionaries(
    st.sampled_from(FIELDS),
    st.sampled_from(["cat", "dog", "dog|cat", "3", "03", "", None, 2.5, 3.0, -1e20]),
)
TYPES = st.sets(st.sampled_from(["click", "view", "buy"]))


class Naive:
    """The language as its documentation says it, one row at a time."""

    def __init__(self, values: Mapping[str, str], user: Row, item: Row) -> None:
        self.values = values
        self.user = user
        self.item = item

    def passes(self, expression: FilterExpression, row: Row, types: Iterable[str]) -> bool:
        fits: dict[Action, list[bool]] = {Action.INCLUDE: [], Action.EXCLUDE: []}
        for clause in expression.clauses:
            if all(self.meets(each, self.user, ()) for each in clause.only_if):
                fits[clause.action].append(self.fits(clause, row, types))
        included = any(fits[Action.INCLUDE]) or not fits[Action.INCLUDE]
        return included and not any(fits[Action.EXCLUDE])

    def fits(self, clause: Clause, row: Row, types: Iterable[str]) -> bool:
        return any(all(self.meets(each, row, types) for each in one) for one in clause.any_of)

    def meets(self, condition: Condition, row: Row, types: Iterable[str]) -> bool:
        if condition.attribute.source is Source.INTERACTIONS:
            wanted = {str(each).lower() for each in condition.operands}
            hit = any(each in wanted or "*" in wanted for each in types)
            return bool(types) and hit is not condition.operator.is_negative
        value = row.get(condition.attribute.name)
        operands = [self.operand(each, condition.operator) for each in condition.operands]
        if value in (None, "") or operands in ([None], [""]):
            return False
        if condition.operator.is_list:
            wanted = {text for each in operands for text in texts(each)}
            return bool(wanted & {*texts(value)}) is not condition.operator.is_negative
        [operand] = operands
        if isinstance(operand, str) and not condition.operator.is_order:
            return bool({*texts(value)} & {*texts(operand)}) is not condition.operator.is_negative
        left, right = number(value), number(operand)
        if math.isnan(left) or math.isnan(right):
            return False
        return bool(eval(f"left {sign(condition.operator)} right"))

    def operand(self, operand: Operand, operator: Operator) -> str | float | None:
        if isinstance(operand, Attribute):
            return self.item.get(operand.name)
        if isinstance(operand, Parameter):
            value = self.values[operand.name]
            return value if operator.is_list else float(value)
        return operand


def sign(operator: Operator) -> str:
    return "==" if operator is Operator.EQUAL else operator.value


def texts(value: Any) -> list[str]:
    if isinstance(value, float):
        return ["3" if value == 3 else "0" if value == 0 else repr(value)]
    return [text for text in value.split("|") if text]


def number(value: Any) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan


@given(
    expressions(Subject.ITEM),
    st.lists(st.tuples(ROWS, TYPES), max_size=6),
    ROWS,
    ROWS,
    st.fixed_dictionaries({name: st.sampled_from(["3", "2.5", "7"]) for name in PARAMETERS}),
)
def test_the_evaluator_says_what_going_row_by_row_says(
    expression: FilterExpression,
    rows: Sequence[tuple[Row, set[str]]],
    user: Row,
    item: Row,
    values: Mapping[str, str],
) -> None:
    columns = AttributeColumns([str(place) for place in range(len(rows))], [row for row, _ in rows])
    pairs = ((place, each) for place, (_, types) in enumerate(rows) for each in types)
    given = {name: (value,) for name, value in values.items()}
    facts = Facts(given, Texts.of(pairs, len(rows)), user, item)
    naive = Naive(values, user, item)
    expected = [naive.passes(expression, row, types) for row, types in rows]
    assert passing_rows(expression, columns, facts).tolist() == expected


ANIMALS = AttributeColumns(
    ["rex", "tom", "max", "who"],
    [
        {"KIND": "dog|hound", "WEIGHT": 30.0, "CODE": "3"},
        {"KIND": "cat", "WEIGHT": 4.5, "CODE": "03"},
        {"KIND": "dog", "WEIGHT": None, "CODE": "x"},
        {},
    ],
)
EVERYBODY = list(ANIMALS.ids)


def passed(text: str, **facts: Any) -> list[str]:
    mask = passing_rows(parse(text), ANIMALS, replace(Facts({}), **facts))
    return [name for name, passes in zip(ANIMALS.ids, mask, strict=True) if passes]


def test_what_a_condition_means(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, list[str]]] = [
        ('Items.KIND IN ("hound", "cat")', ["rex", "tom"]),
        ('Items.KIND IN ("dog|hound")', []),
        ('Items.KIND NOT IN ("hound")', ["tom", "max"]),
        ('Items.KIND = "dog"', ["rex", "max"]),
        ('Items.KIND IN ("DOG")', []),
        ("Items.WEIGHT >= 4.5", ["rex", "tom"]),
        ("Items.WEIGHT != 30", ["tom"]),
        ("Items.WEIGHT > 4 AND Items.WEIGHT < 20", ["tom"]),
        ("Items.CODE IN (3)", ["rex"]),
        ("Items.CODE = 3", ["rex", "tom"]),
        ("Items.CODE <= 3", ["rex", "tom"]),
        ('Items.NOBODY_HAS_IT NOT IN ("x")', []),
        ('Items.KIND IN ("cat") OR Items.WEIGHT = 30', ["rex", "tom"]),
    ]
    for where, names in cases:
        with subtests.test(where=where, names=names):
            assert passed(f"INCLUDE ItemID WHERE {where}") == names
            rest = [name for name in EVERYBODY if name not in names]
            assert passed(f"EXCLUDE ItemID WHERE {where}") == rest


def test_includes_unite_and_excludes_are_taken_away_in_any_order() -> None:
    parts = [
        'INCLUDE ItemID WHERE Items.KIND IN ("dog")',
        'INCLUDE ItemID WHERE Items.KIND IN ("cat")',
        "EXCLUDE ItemID WHERE Items.WEIGHT > 20",
    ]
    assert passed(" | ".join(parts)) == passed(" | ".join(reversed(parts))) == ["tom", "max"]


def test_what_the_current_user_does_not_meet_does_not_count() -> None:
    text = 'INCLUDE ItemID WHERE Items.KIND IN ("cat") IF CurrentUser.AGE > 17'
    assert passed(text, current_user={"AGE": 20.0}) == ["tom"]
    assert passed(text, current_user={"AGE": 17.0}) == EVERYBODY
    assert passed(text) == EVERYBODY, "of an unknown user nothing is known"


def test_the_current_item_is_compared_with() -> None:
    heavier = "INCLUDE ItemID WHERE Items.WEIGHT > CurrentItem.WEIGHT"
    alike = "INCLUDE ItemID WHERE Items.KIND IN CurrentItem.KIND"
    assert passed(heavier, current_item={"WEIGHT": 5.0}) == ["rex"]
    assert passed(alike, current_item={"KIND": "hound|cat"}) == ["rex", "tom"]
    assert passed(alike, current_item={}) == []


def test_event_types_match_in_any_case_and_a_star_stands_for_all() -> None:
    seen = Texts.of([(0, "view"), (0, "adopted"), (1, "view")], 4)
    for where, names in (
        ('IN ("VIEW")', ["rex", "tom"]),
        ('IN ("*")', ["rex", "tom"]),
        ('NOT IN ("adopted")', ["tom"]),
        ('IN ("view") AND Interactions.EVENT_TYPE IN ("adopted")', ["rex"]),
    ):
        text = f"INCLUDE ItemID WHERE Interactions.EVENT_TYPE {where}"
        assert passed(text, interactions=seen) == names


def test_a_star_is_only_a_star_among_other_texts() -> None:
    assert passed('INCLUDE ItemID WHERE Items.KIND IN ("*")') == []


def test_a_placeholder_of_a_comparison_needs_one_number() -> None:
    lighter = "INCLUDE ItemID WHERE Items.WEIGHT < $KG"
    assert passed(lighter, values={"KG": ("5",)}) == ["tom"]
    assert passed("INCLUDE ItemID WHERE Items.KIND = $K", values={"K": ("cat",)}) == ["tom"]
    with pytest.raises(InvalidInput, match=r"\$KG is heavy: send a number"):
        passed(lighter, values={"KG": ("heavy",)})
    with pytest.raises(InvalidInput, match=r"\$KG has 2: send one"):
        passed(lighter, values={"KG": ("1", "2")})


def test_a_whole_number_is_its_own_text() -> None:
    assert texts_of(3) == texts_of(3.0) == ["3"]
