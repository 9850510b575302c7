"""Filter expressions of every form, for tests that hold for all of them."""

from hypothesis import strategies as st

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
)

FIELDS = ("KIND", "WEIGHT", "CODE")
TEXTS = ("cat", "dog", "3", "03")
NUMBERS = (0.0, 2.5, 3.0, -1e20)
PARAMETERS = ("A", "b_2")
EVENT_TYPE = Attribute(Source.INTERACTIONS, "EVENT_TYPE")
_SOURCES = {
    Subject.ITEM: (Source.ITEMS, Source.INTERACTIONS),
    Subject.USER: (Source.USERS, Source.INTERACTIONS),
    Subject.ACTION: (Source.ACTIONS, Source.ACTION_INTERACTIONS),
}


def _operands(source: Source, operator: Operator) -> st.SearchStrategy[Operand]:
    """What the operator may compare a field of the source with."""
    choices: list[st.SearchStrategy[Operand]] = [st.sampled_from(NUMBERS)]
    if not operator.is_order:
        choices.append(st.sampled_from(TEXTS))
    if operator is not Operator.NOT_IN:
        choices.append(st.sampled_from(PARAMETERS).map(Parameter))
    if source is Source.ITEMS and not operator.is_list:
        choices.append(st.builds(Attribute, st.just(Source.CURRENT_ITEM), st.sampled_from(FIELDS)))
    return st.one_of(choices)


@st.composite
def conditions(draw: st.DrawFn, source: Source) -> Condition:
    """A condition on a field of the source."""
    if source.is_of_events:
        operator = draw(st.sampled_from([Operator.IN, Operator.NOT_IN]))
        types = draw(st.lists(st.sampled_from(["click", "VIEW", "*"]), min_size=1, max_size=2))
        return Condition(Attribute(source, EVENT_TYPE.name), operator, tuple(types))
    attribute = Attribute(source, draw(st.sampled_from(FIELDS)))
    operator = draw(st.sampled_from(Operator))
    if not operator.is_list:
        return Condition(attribute, operator, (draw(_operands(source, operator)),))
    if source is Source.ITEMS and draw(st.booleans()):
        current = Attribute(Source.CURRENT_ITEM, draw(st.sampled_from(FIELDS)))
        return Condition(attribute, operator, (current,))
    operands = draw(st.lists(_operands(source, operator), min_size=1, max_size=3))
    return Condition(attribute, operator, tuple(operands))


@st.composite
def clauses(draw: st.DrawFn, subject: Subject) -> Clause:
    """One of the expressions that `|` joins."""
    source = draw(st.sampled_from(_SOURCES[subject]))
    conjunctions = st.lists(conditions(source), min_size=1, max_size=3).map(tuple)
    any_of = draw(st.lists(conjunctions, min_size=1, max_size=3))
    only_if = []
    if subject is Subject.ITEM:
        only_if = draw(st.lists(conditions(Source.CURRENT_USER), max_size=2))
    return Clause(draw(st.sampled_from(Action)), subject, tuple(any_of), tuple(only_if))


def expressions(subject: Subject) -> st.SearchStrategy[FilterExpression]:
    """Whole filters of items, of users or of actions."""
    some = st.lists(clauses(subject), min_size=1, max_size=3)
    return some.map(lambda each: FilterExpression(tuple(each)))
