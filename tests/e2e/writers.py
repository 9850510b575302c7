"""Clients that write as fast as they are answered, and remember each acknowledgement."""

import threading
from collections import Counter

import httpx

from tests.e2e.conftest import Server
from tests.service_data import CATS, DOGS, view

_GROUPS = (*CATS, *DOGS)


class Writers:
    """Threads that send events to servers until they are stopped or the servers are gone.

    Each rests so long between two calls.
    """

    def __init__(
        self, name: str, *servers: Server, threads: int = 4, rest_seconds: float = 0.0
    ) -> None:
        self.acknowledged: list[str] = []
        self.refused: Counter[int] = Counter()
        self.sent: list[str] = []
        self._name = name
        self._rest_seconds = rest_seconds
        self._stop = threading.Event()
        self._progress = threading.Condition()
        self._threads = [
            threading.Thread(target=self._write, args=(servers[n % len(servers)], n), daemon=True)
            for n in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def wait_for(self, count: int) -> None:
        """Until that many events are acknowledged."""
        with self._progress:
            assert self._progress.wait_for(lambda: len(self.acknowledged) >= count, timeout=60)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _write(self, server: Server, thread: int) -> None:
        with server.client() as client:
            number = 0
            while not self._stop.wait(self._rest_seconds):
                ids = [f"{self._name}-{thread}-{number}-{n}" for n in range(1 + number % 3)]
                number += 1
                self.sent += ids
                try:
                    answer = client.post("/v1/events", json=[form(each) for each in ids])
                except httpx.TransportError:
                    return
                if answer.status_code != 202:
                    self.refused[answer.status_code] += 1
                    continue
                assert answer.json()["accepted"] == len(ids)
                with self._progress:
                    self.acknowledged += ids
                    self._progress.notify_all()


def form(event_id: str) -> dict[str, object]:
    """The event of an id: all of one name's events belong to one user."""
    user = event_id.partition("-")[0]
    return view(user, _GROUPS[len(event_id) % len(_GROUPS)], eventId=event_id)
