"""A server fetches the feeds that its settings list."""

from pathlib import Path

from tests.e2e.conftest import Start
from tests.feed_server import Answer, feed_server
from tests.waiting import wait_until


def test_a_feed_on_a_schedule_is_fetched_by_one_of_the_workers(
    start: Start, tmp_path: Path
) -> None:
    feeds_file = tmp_path / "feeds.yaml"
    with feed_server() as feeds:
        feeds.answers["/cats"] = Answer(b"id,species\na,cat\n")
        header = 'headers: {X-Key: "${PAWSONALIZE_FEEDS_FILE}"}'  # any variable
        when = 'schedule: "0 0 1 1 *"'  # an hour may begin meanwhile, hardly a year
        feeds_file.write_text(f'north: {{url: "{feeds.url}/cats", {when}, {header}}}\n')
        server = start(tmp_path / "data", "--workers", "2", feeds_file=str(feeds_file))
        with server.client() as client:
            wait_until(
                lambda: client.get("/v1/animals/a").status_code == 200,
                told=server.output.read_text,
            )
        assert [headers["x-key"] for _, headers in feeds.asked] == [str(feeds_file)]
