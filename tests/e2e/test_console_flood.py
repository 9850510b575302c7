"""Many people look at the console all the time, and visitors' answers keep coming."""

import http.client
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path

from tests.e2e.conftest import Start
from tests.service_data import make_service

OPERATORS = 40
ANSWERS = 60
PAGES = ("/console", "/console/models", "/console/outcomes", "/v1/console/overview")


def test_a_flood_of_pages_costs_no_answer_and_is_told_to_come_again(
    start: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    make_service(folder)
    server = start(folder, "--workers", "1")
    pages, over = Counter[int](), threading.Event()

    def look(place: int) -> None:
        with closing(
            http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        ) as connection:
            while not over.is_set():
                connection.request("GET", PAGES[place % len(PAGES)])
                answer = connection.getresponse()
                answer.read()
                pages[answer.status] += 1

    threads = [threading.Thread(target=look, args=(place,)) for place in range(OPERATORS)]
    with server.client() as client:
        asked = {"userId": "seed 1"}
        assert client.post("/v1/recommendations", json=asked).status_code == 200
        for thread in threads:
            thread.start()
        while pages.total() < OPERATORS:
            pass  # they are at work
        answers = [client.post("/v1/recommendations", json=asked) for _ in range(ANSWERS)]
    over.set()
    for thread in threads:
        thread.join()
    assert {one.status_code for one in answers} == {200}
    assert set(pages) == {200, 503}, "pages have a capacity, and beyond it nobody waits"
