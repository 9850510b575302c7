"""Filters applied to real tables: interactions, users, and what is known of items."""

import pytest

from pawsonalize.animals.tables.catalogue import Catalogue, Item, User
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import Visitor
from pawsonalize.core.times import MINUTE
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.recommend.filtering import INTERACTIONS_PER_TYPE, Filtering, MetadataReader
from pawsonalize.recommend.query import Query
from pawsonalize.resources.filters import AppliedFilter, apply, parse
from tests.event_data import T0, event

BEAGLE, PUG, SIAMESE = ITEMS = ("2-Beagle-2-3", "2-Pug-1-1", "1-Siamese-1-1")
ANN = Visitor("ann")


@pytest.fixture
def filtering(log: EventLog, catalogue: Catalogue) -> Filtering:
    return Filtering(log, catalogue)


@pytest.fixture
def metadata(filtering: Filtering) -> MetadataReader:
    return filtering.metadata


def applied(text: str, **values: str) -> AppliedFilter:
    return apply(parse(text), values)


def passing(
    filtering: Filtering, text: str, query: Query, items: tuple[str, ...] = ITEMS
) -> list[str]:
    mask = filtering.items(applied(text), items, query)
    return [item for item, passes in zip(items, mask, strict=True) if passes]


def query_of(visitor: Visitor = ANN, at: int = T0 + 99, item_id: str | None = None) -> Query:
    return Query(visitor, at, T0, item_id=item_id)


UNSEEN = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("View")'


def test_an_interaction_counts_from_the_next_question_on(
    log: EventLog, filtering: Filtering
) -> None:
    assert passing(filtering, UNSEEN, query_of()) == [BEAGLE, PUG, SIAMESE]
    log.append([event("e1", item=PUG)])
    assert passing(filtering, UNSEEN, query_of()) == [BEAGLE, SIAMESE]
    assert passing(filtering, UNSEEN, query_of(at=T0 - 1)) == [BEAGLE, PUG, SIAMESE]
    assert passing(filtering, UNSEEN, query_of(Visitor("bob"))) == [BEAGLE, PUG, SIAMESE]
    assert passing(filtering, UNSEEN, query_of(Visitor())) == [BEAGLE, PUG, SIAMESE]
    assert passing(filtering, UNSEEN, query_of(Visitor(session_id="s1"))) == [BEAGLE, SIAMESE]


def test_the_newest_hundred_interactions_of_each_type_count(
    log: EventLog, filtering: Filtering
) -> None:
    log.append([event("bought", item=SIAMESE, event_type="buy"), event("first", item=BEAGLE)])
    views = [event(f"e{n}", item=PUG, at=1 + n) for n in range(INTERACTIONS_PER_TYPE)]
    log.append(views[:-1])
    text = 'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("view", "buy")'
    later = query_of(at=T0 + 999)
    assert passing(filtering, text, later) == [BEAGLE, PUG, SIAMESE]
    log.append(views[-1:])
    assert passing(filtering, text, later) == [PUG, SIAMESE]


def test_groups_have_attributes_by_their_id_unless_the_dataset_says_otherwise(
    catalogue: Catalogue, filtering: Filtering
) -> None:
    catalogue.put_items([Item(PUG, {"ANIMAL_AGE": "9", "FEE": 50.0, "ANIMAL_SIZE": None})])
    for where, items in (
        ('Items.ANIMAL_TYPE IN ("2")', [BEAGLE, PUG]),
        ('Items.ANIMAL_BREED NOT IN ("Pug")', [BEAGLE, SIAMESE]),
        ("Items.ANIMAL_AGE >= 3", [BEAGLE, PUG]),
        ("Items.ANIMAL_SIZE = 1", [PUG, SIAMESE]),
        ("Items.FEE <= 50", [PUG]),
        (f'Items.ITEM_ID IN ("{SIAMESE}")', [SIAMESE]),
    ):
        assert passing(filtering, f"INCLUDE ItemID WHERE {where}", query_of()) == items


def test_creation_times_are_seconds(catalogue: Catalogue, filtering: Filtering) -> None:
    catalogue.put_items([Item(PUG, {}, T0), Item(BEAGLE, {}, T0 + 2_000)])
    text = f"INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP > {T0 // 1000 + 1}"
    assert passing(filtering, text, query_of()) == [BEAGLE]


CHEAP = "INCLUDE ItemID WHERE Items.FEE < 100"


def test_changed_items_are_seen_with_the_next_look_or_after_a_minute(
    catalogue: Catalogue, filtering: Filtering, metadata: MetadataReader
) -> None:
    catalogue.put_items([Item(PUG, {"FEE": 500.0})])
    metadata.refresh(T0)  # nobody has asked yet: nothing is read
    assert passing(filtering, CHEAP, query_of()) == []
    catalogue.put_items([Item(PUG, {"FEE": 50.0})])
    assert passing(filtering, CHEAP, query_of()) == []
    metadata.refresh(T0 + 1)
    assert passing(filtering, CHEAP, query_of()) == [PUG]
    catalogue.put_items([Item(BEAGLE, {"FEE": 5.0})])
    late = Query(ANN, T0, T0 + MINUTE + 2)
    assert passing(filtering, CHEAP, late) == [BEAGLE, PUG]


def test_columns_are_made_once_as_long_as_no_item_changes(
    catalogue: Catalogue, metadata: MetadataReader
) -> None:
    catalogue.put_items([Item(PUG, {"FEE": 50.0})])
    first = metadata.columns(ITEMS, T0)
    metadata.refresh(T0 + 1)
    assert metadata.columns(ITEMS, T0 + 1) is first
    assert metadata.columns(ITEMS[:2], T0 + 1) is not first


def test_of_a_list_pass_known_and_unknown_items_alike(
    catalogue: Catalogue, filtering: Filtering
) -> None:
    catalogue.put_items([Item("new", {"FEE": 50.0})])
    listed = ["new", "nobody's", "2-Never_Seen-1-1", "new"]
    assert filtering.listed(applied(CHEAP), listed, query_of()) == {"new"}
    dogs = applied('INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("2")')
    assert filtering.listed(dogs, listed, query_of()) == {"2-Never_Seen-1-1"}


def test_the_current_user_is_looked_up(catalogue: Catalogue, filtering: Filtering) -> None:
    catalogue.put_users([User("ann", {"HAS_CAT": "yes"})])
    text = 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("1") IF CurrentUser.HAS_CAT = "yes"'
    assert passing(filtering, text, query_of()) == [SIAMESE]
    assert passing(filtering, text, query_of(Visitor("bob"))) == [BEAGLE, PUG, SIAMESE]


def test_the_current_item_is_looked_up_and_must_be_named(filtering: Filtering) -> None:
    text = "INCLUDE ItemID WHERE Items.ANIMAL_SIZE IN CurrentItem.ANIMAL_SIZE"
    assert passing(filtering, text, query_of(item_id="1-Manx-2-9")) == [BEAGLE]
    with pytest.raises(InvalidInput, match="ask about an item, with its itemId"):
        passing(filtering, text, query_of())


def test_a_filter_of_users_is_for_segments_and_one_of_items_for_answers(
    log: EventLog, catalogue: Catalogue, filtering: Filtering
) -> None:
    catalogue.put_users([User("ann", {"AGE": 30.0}), User("bob", {"AGE": 17.0})])
    log.append([event("e1", user="bob", session="s2"), event("e2", user="cleo", session="s3")])
    everybody = ["bob", "cleo", "ann"]
    for text, users in (
        ("INCLUDE UserID WHERE Users.AGE >= 18", ["ann"]),
        ('EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("VIEW")', ["ann"]),
        ('INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("*")', ["bob", "cleo"]),
        ("EXCLUDE UserID WHERE Users.AGE < $AGE", everybody),
    ):
        assert filtering.users(applied(text), everybody, T0 + 9) == users
    with pytest.raises(InvalidInput, match="of UserID, and here it must be of ItemID"):
        passing(filtering, "INCLUDE UserID WHERE Users.AGE = 1", query_of())
    with pytest.raises(InvalidInput, match="of ItemID, and here it must be of UserID"):
        filtering.users(applied(CHEAP), everybody, T0)


def test_an_exclude_without_its_values_is_left_out_and_an_include_is_refused() -> None:
    text = "EXCLUDE ItemID WHERE Items.A IN ($B) | INCLUDE ItemID WHERE Items.C = $D"
    assert str(applied(text, D="1").expression) == "INCLUDE ItemID WHERE Items.C = $D"
    assert applied("EXCLUDE ItemID WHERE Items.A IN ($B)").expression is None
    with pytest.raises(InvalidInput, match=r"INCLUDE needs a value of \$D"):
        applied(text, B="1")
    with pytest.raises(InvalidInput, match=r"no placeholder \$d: it has \$B, \$D"):
        applied(text, d="1")


def test_metadata_columns_are_given_as_asked(
    catalogue: Catalogue, metadata: MetadataReader
) -> None:
    catalogue.put_items([Item("a", {"GENRES": "x|y", "FEE": 2.5})])
    wanted = {"ITEMS": ["genres", "ANIMAL_TYPE", "FEE"]}
    assert metadata.select_columns(["a", PUG], wanted, T0) == [
        {"GENRES": "x|y", "ANIMAL_TYPE": None, "FEE": 2.5},
        {"GENRES": None, "ANIMAL_TYPE": "2", "FEE": None},
    ]
    with pytest.raises(InvalidInput, match="knows the dataset ITEMS, not USERS"):
        metadata.select_columns(["a"], {"USERS": ["AGE"]}, T0)
    with pytest.raises(InvalidInput, match="10 columns, not 11"):
        metadata.select_columns(["a"], {"ITEMS": [f"C{n}" for n in range(11)]}, T0)
