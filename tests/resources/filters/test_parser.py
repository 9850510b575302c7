"""Text to filter expression, and back."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.errors import InvalidInput
from pawsonalize.resources.filters import (
    Action,
    Attribute,
    Clause,
    Condition,
    FilterExpression,
    Operator,
    Parameter,
    Source,
    Subject,
    parse,
)
from tests.filter_expressions import EVENT_TYPE, expressions

BREED = Attribute(Source.ITEMS, "BREED")
AGE = Attribute(Source.CURRENT_USER, "AGE")
TAKEN = Attribute(Source.ACTION_INTERACTIONS, "EVENT_TYPE")


def included(*conditions: Condition, only_if: tuple[Condition, ...] = ()) -> Clause:
    return Clause(Action.INCLUDE, Subject.ITEM, (conditions,), only_if)


def excluded(subject: Subject, *condition: Any) -> Clause:
    return Clause(Action.EXCLUDE, subject, ((where(*condition),),))


def where(attribute: Attribute, operator: Operator, *operands: Any) -> Condition:
    return Condition(attribute, operator, operands)


def price(operator: Operator, operand: Any) -> Condition:
    return where(Attribute(Source.ITEMS, "PRICE"), operator, operand)


GOLDENS = [
    (
        'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("adopted", "applied")',
        excluded(Subject.ITEM, EVENT_TYPE, Operator.IN, "adopted", "applied"),
    ),
    (
        'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")',
        included(where(EVENT_TYPE, Operator.IN, "*")),
    ),
    (
        'exclude itemId where INTERACTIONS.event_type in ("Purchase")',
        excluded(Subject.ITEM, EVENT_TYPE, Operator.IN, "Purchase"),
    ),
    (
        "INCLUDE ItemID WHERE Items.PRICE <= $FEE",
        included(price(Operator.AT_MOST, Parameter("FEE"))),
    ),
    (
        "INCLUDE ItemID WHERE Items.PRICE > ($FEE) AND Items.PRICE != (3)",
        included(price(Operator.GREATER, Parameter("FEE")), price(Operator.NOT_EQUAL, 3.0)),
    ),
    (
        'INCLUDE ItemID WHERE Items.BREED IN ("Pug", $more) AND Items.price != -2.50',
        included(
            where(BREED, Operator.IN, "Pug", Parameter("more")), price(Operator.NOT_EQUAL, -2.5)
        ),
    ),
    (
        "INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE AND Items.BREED IN CurrentItem.BREED",
        included(
            price(Operator.LESS, Attribute(Source.CURRENT_ITEM, "PRICE")),
            where(BREED, Operator.IN, Attribute(Source.CURRENT_ITEM, "BREED")),
        ),
    ),
    (
        "INCLUDE ItemID WHERE Items.PRICE > 30 IF CurrentUser.AGE >= 18 AND CurrentUser.AGE < $MAX",
        included(
            price(Operator.GREATER, 30.0),
            only_if=(
                where(AGE, Operator.AT_LEAST, 18.0),
                where(AGE, Operator.LESS, Parameter("MAX")),
            ),
        ),
    ),
    (
        "EXCLUDE UserID WHERE Users.AGE < $AGE",
        excluded(Subject.USER, Attribute(Source.USERS, "AGE"), Operator.LESS, Parameter("AGE")),
    ),
    (
        'EXCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ("TAKEN")',
        excluded(Subject.ACTION, TAKEN, Operator.IN, "TAKEN"),
    ),
]


def test_the_documented_forms_are_read(subtests: pytest.Subtests) -> None:
    for text, clause in GOLDENS:
        with subtests.test(text=text, clause=clause):
            assert parse(text) == FilterExpression((clause,))


def test_and_binds_more_than_or() -> None:
    clause = parse("INCLUDE ItemID WHERE Items.A = 1 OR Items.B = 2 AND Items.C = 3").clauses[0]
    assert [[each.attribute.name for each in one] for one in clause.any_of] == [["A"], ["B", "C"]]


def test_expressions_are_joined_by_a_pipe() -> None:
    text = 'INCLUDE ItemID WHERE Items.A = 1|EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("x")'
    assert [clause.action for clause in parse(text).clauses] == [Action.INCLUDE, Action.EXCLUDE]


def test_quoted_text_may_hold_anything() -> None:
    text = r'INCLUDE ItemID WHERE Items.A IN ("a \"b\" \\ | AND", "Straße, 5", "")'
    [[condition]] = parse(text).clauses[0].any_of
    assert condition.operands == ('a "b" \\ | AND', "Straße, 5", "")


@given(st.sampled_from(Subject).flatmap(expressions))
def test_what_is_written_parses_to_the_same(expression: FilterExpression) -> None:
    assert parse(str(expression)) == expression


@given(st.text(max_size=20), st.floats(allow_nan=False, allow_infinity=False))
def test_any_text_and_any_number_survive(text: str, number: float) -> None:
    clause = included(Condition(BREED, Operator.IN, (text, number)))
    assert parse(str(clause)) == FilterExpression((clause,))


@given(st.text())
def test_any_text_is_read_or_refused_with_its_column(text: str) -> None:
    for each in (text, f"INCLUDE ItemID WHERE Items.A {text}"):
        with suppress(InvalidInput), _named_column():
            parse(each)


@contextmanager
def _named_column() -> Iterator[None]:
    try:
        yield
    except InvalidInput as error:
        if not error.message.startswith("column ") or error.field != "expression":
            raise AssertionError(error.message) from error
        raise


def test_an_error_names_the_column_the_token_and_the_next_move(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, str]] = [
        ("", "column 1, at the end: expected INCLUDE or EXCLUDE"),
        ("INCLUD ItemID", "column 1, at INCLUD: expected INCLUDE or EXCLUDE"),
        ("INCLUDE GroupID WHERE", "column 9, at GroupID: expected ItemID, UserID or ActionID"),
        ("INCLUDE ActionID WHERE Items.A = 1", "column 24, .* Actions or of Action_Interactions"),
        (
            "INCLUDE ActionID WHERE Actions.A = 1 IF CurrentUser.B = 1",
            "column 41, .*leave the IF out",
        ),
        ("INCLUDE ItemID Items.A = 1", "column 16, at Items.A: expected WHERE"),
        ("INCLUDE ItemID WHERE A = 1", "column 22, at A: expected a field such as Items.GENRE"),
        ("INCLUDE ItemID WHERE Items.A LIKE 1", r"column 30, at LIKE: expected =, .* or IN"),
        ('INCLUDE ItemID WHERE Items.A IN "x"', r'column 33, at "x": expected a field .* or \('),
        ('INCLUDE ItemID WHERE Items.A IN ("x)', r'column 34, at "x\): expected text in double'),
        ("INCLUDE ItemID WHERE (Items.A = 1)", r"column 22, at \(: expected a field"),
        (
            'INCLUDE ItemID WHERE Items.A IN ("x") Items.B IN ("y")',
            r"column 39, at Items.B: expected \|, the end, AND, IF or OR",
        ),
        ("INCLUDE ItemID WHERE Items.A = 1 |", "column 35, at the end: expected INCLUDE"),
        (
            "INCLUDE ItemID WHERE Items.A = 1 IF CurrentUser.B = 1 OR CurrentUser.C = 1",
            r"column 55, at OR: expected \|, the end or AND",
        ),
        ("INCLUDE ItemID WHERE Cats.A = 1", "column 22, at Cats.A: there is no Cats: use one of"),
        (
            "INCLUDE ItemID WHERE Users.AGE = 1",
            "column 22, at Users.AGE: of the user an item filter asks after IF",
        ),
        ("INCLUDE UserID WHERE Items.A = 1", "column 22, .* Users or of Interactions"),
        (
            'INCLUDE ItemID WHERE Items.A = 1 AND Interactions.EVENT_TYPE IN ("x")',
            r"column 38, at Interactions.EVENT_TYPE: .* put Interactions into one of its own",
        ),
        ("INCLUDE ItemID WHERE Interactions.PRICE IN (1)", "column 22, .* only .*EVENT_TYPE"),
        ("INCLUDE ItemID WHERE Interactions.EVENT_TYPE < 3", "column 48, at 3: .* use IN"),
        ("INCLUDE ItemID WHERE Items.A = 1 IF Items.B = 1", r"column 37, .*CurrentUser\.B"),
        ("INCLUDE UserID WHERE Users.A = 1 IF CurrentUser.B = 1", "column 37, .*leave the IF out"),
        ("INCLUDE ItemID WHERE Items.A = Items.B", r"column 32, .*CurrentItem\.B"),
        ("INCLUDE UserID WHERE Users.A = CurrentItem.B", "column 32, .*only fields of Items"),
        ("INCLUDE ItemID WHERE Items.A NOT IN ($B)", r"column 38, at \$B: .* EXCLUDE instead"),
        ('INCLUDE ItemID WHERE Items.A > "x"', "column 32, .* without quotes, or use IN"),
        ("INCLUDE ItemID WHERE Items.A IN (*)", r"column 34, at \*: \* stands for any event type"),
        ("INCLUDE ItemID WHERE Items.A = 1e999", "column 32, .* too large"),
        (f"INCLUDE ItemID WHERE Items.A = ${'b' * 51}", "column 32, .* 50 characters, not 51"),
        (
            "INCLUDE ItemID WHERE Items.A = 1 | INCLUDE UserID WHERE Users.A = 1",
            "column 44, at UserID: .* all speak of ItemID: make two filters",
        ),
    ]
    for text, message in cases:
        with (
            subtests.test(text=text, message=message),
            pytest.raises(InvalidInput, match=f"^{message}"),
        ):
            parse(text)


def test_a_filter_is_no_longer_than_amazons() -> None:
    text = 'INCLUDE ItemID WHERE Items.A IN ("{}")'
    parse(text.format("x" * (2_500 - len(text) + 2)))
    with pytest.raises(InvalidInput, match="may have 2500 characters, not 2501: make two"):
        parse(text.format("x" * (2_501 - len(text) + 2)))


def test_a_filter_speaks_of_ten_fields_at_most() -> None:
    fields = [f"Items.F{n} = 1" for n in range(11)]
    parse(f"INCLUDE ItemID WHERE {' AND '.join(fields[:10])} OR Items.f1 = 2")
    with pytest.raises(InvalidInput, match="10 fields, not 11"):
        parse(f"INCLUDE ItemID WHERE {' AND '.join(fields)}")


def test_a_filter_has_25_placeholders_at_most() -> None:
    text = "INCLUDE ItemID WHERE Items.A IN ({})"
    parse(text.format(", ".join(f"$P{n}" for n in range(25))))
    with pytest.raises(InvalidInput, match="25 placeholders, not 26"):
        parse(text.format(", ".join(f"$P{n}" for n in range(26))))
