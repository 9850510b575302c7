"""Fetching from a real server."""

import threading
from collections.abc import Iterator

import pytest

from pawsonalize.core.errors import InvalidInput, NotFetched
from pawsonalize.core.fetch import Limits, Validators, fetch
from tests.feed_server import Answer, FeedServer, feed_server

SECRET = {"Authorization": "Bearer s3cret", "X-Key": "k3y"}


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with feed_server() as found:
        yield found


@pytest.fixture
def other() -> Iterator[FeedServer]:
    with feed_server() as found:
        yield found


def test_headers_are_sent_and_the_version_is_kept(server: FeedServer) -> None:
    modified = "Wed, 25 Nov 2026 08:00:00 GMT"
    server.answers["/a?key=1"] = Answer(b"id", headers={"ETag": '"v1"', "Last-Modified": modified})
    found = fetch(f"{server.url}/a?key=1", SECRET)
    assert found is not None
    assert (found.content, found.modified_at) == (b"id", 1_795_593_600_000)
    assert found.validators == Validators('"v1"', modified)
    (_, headers) = server.asked[0]
    assert (headers["authorization"], headers["x-key"]) == ("Bearer s3cret", "k3y")
    assert fetch(f"{server.url}/a?key=1", SECRET, found.validators) is None


def test_redirects_take_the_headers_no_further_than_their_server(
    server: FeedServer, other: FeedServer
) -> None:
    server.answers["/a"] = Answer(status=302, headers={"Location": "/b"})
    server.answers["/b"] = Answer(status=301, headers={"Location": f"{other.url}/c"})
    other.answers["/c"] = Answer(b"there")
    found = fetch(f"{server.url}/a", SECRET)
    assert found is not None
    assert found.content == b"there"
    assert server.asked[1][1]["x-key"] == "k3y"
    assert not {"authorization", "x-key"} & set(other.asked[0][1])


@pytest.mark.parametrize("to", ["ftp://127.0.0.1/x", "file:///etc/passwd", "data:,x"])
def test_a_redirect_leads_to_http_alone(server: FeedServer, to: str) -> None:
    server.answers["/a"] = Answer(status=302, headers={"Location": to})
    with pytest.raises((NotFetched, InvalidInput)):
        fetch(f"{server.url}/a", {})


def test_a_circle_of_redirects_ends(server: FeedServer) -> None:
    server.answers["/a"] = Answer(status=302, headers={"Location": "/a"})
    with pytest.raises(NotFetched, match="302"):
        fetch(f"{server.url}/a", {})
    assert len(server.asked) < 9


def test_what_goes_wrong_is_told_without_the_secrets_of_the_address(server: FeedServer) -> None:
    url = f"{server.url}/feed?password=hidden"
    server.answers["/feed?password=hidden"] = Answer(status=503)
    with pytest.raises(NotFetched, match="/feed answered 503") as error:
        fetch(url, SECRET)
    assert "hidden" not in error.value.message
    assert "s3cret" not in error.value.message


def test_an_answer_that_is_cut_short_is_none(server: FeedServer) -> None:
    server.answers["/a"] = Answer(b"id,species\n", length=999)
    with pytest.raises(NotFetched, match="cut short: 11 of 999"):
        fetch(f"{server.url}/a", {})


def test_an_answer_that_is_too_long_is_not_read(server: FeedServer) -> None:
    server.answers["/a"] = Answer(b"x" * 3000)
    with pytest.raises(NotFetched, match="more than"):
        fetch(f"{server.url}/a", {}, limits=Limits(size=2000))


def test_silence_ends_and_so_does_a_server_that_stops(server: FeedServer) -> None:
    over = threading.Event()
    server.answers["/a"] = Answer(b"x", length=99, silent=over)
    try:
        with pytest.raises(NotFetched, match="did not answer"):
            fetch(f"{server.url}/a", {}, limits=Limits(silence=0.2))
        with pytest.raises(NotFetched, match="the server stops"):
            fetch(f"{server.url}/a", {}, stopped=lambda: True)
        with pytest.raises(NotFetched, match="took longer"):
            fetch(f"{server.url}/a", {}, limits=Limits(total=-1))
    finally:
        over.set()


def test_a_server_that_is_not_there_is_named() -> None:
    with feed_server() as gone:
        url = gone.url
    with pytest.raises(NotFetched, match=f"{url}/a did not answer"):
        fetch(f"{url}/a", {})


@pytest.mark.parametrize("url", ["ftp://x/y", "x", "https://user:pw@x/y", "https:///y", "http://["])
def test_an_address_that_is_none_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(InvalidInput, match="https://host/path") as error:
        fetch(url, {})
    assert "pw" not in error.value.message
