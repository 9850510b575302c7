"""URLs of PostgreSQL: one server or several, and no password shown."""

import pytest

from pawsonalize.core.database.urls import display_url, read_url

SEVERAL = "postgresql://paws:secret@one:5432,two:5433/pets"


def test_of_several_servers_the_one_that_writes_is_wanted() -> None:
    assert read_url(SEVERAL).query == {
        "host": ("one:5432", "two:5433"),
        "target_session_attrs": "read-write",
    }
    assert read_url(SEVERAL).database == "pets"


def test_what_the_url_says_of_the_session_stays() -> None:
    found = read_url(SEVERAL + "?target_session_attrs=any&application_name=paws")
    assert found.query["target_session_attrs"] == "any"
    assert found.query["application_name"] == "paws"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (SEVERAL, "postgresql://paws:***@one:5432,two:5433/pets?target_session_attrs=read-write"),
        ("postgresql://one,two/pets?target_session_attrs=any", None),
        ("postgresql://paws:secret@one:5432/pets", "postgresql://paws:***@one:5432/pets"),
        ("postgresql://one/pets?password=secret", "postgresql://one/pets?password=***"),
        ("sqlite:////var/lib/pets.sqlite3", None),
    ],
)
def test_a_url_is_shown_as_it_was_written_and_without_passwords(url: str, text: str | None) -> None:
    assert display_url(read_url(url)) == (text or url)
