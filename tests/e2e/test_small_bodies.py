"""Small bodies with millions of bad rows take little memory, and the answer counts them."""

import gzip
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import Server, Start

_UPLOAD = "/v1/animals/uploads?source=north"
_MILLION = 1_000_000


def packed(start: bytes, row: bytes, count: int, end: bytes = b"") -> Callable[[], bytes]:
    return lambda: gzip.compress(start + row * count + end, 9)


def plain(start: bytes, row: bytes, count: int, end: bytes) -> Callable[[], bytes]:
    return lambda: start + row * count + end


_TABLE = b"id,species\n"
CASES = {
    "one field": (_UPLOAD, packed(_TABLE, b"a\n", 2 * _MILLION), 200, "5,000 rows"),
    "no species": (_UPLOAD, packed(_TABLE, b"a,\n", _MILLION), 200, "5,000 rows"),
    "one animal": (_UPLOAD, packed(_TABLE, b"a,dog\n", _MILLION), 200, "5,000 rows"),
    "objects": (_UPLOAD, packed(b"", b"{}\n", _MILLION), 200, "5,000 rows"),
    "zeros": (_UPLOAD, packed(b"[", b"0,", _MILLION, b"0]"), 400, "split it"),
    "events": ("/v1/events", plain(b"[", b"0,", 2 * _MILLION, b"0]"), 400, "2000001: split it"),
    "records": (
        "/v1/events",
        plain(b'{"records":[', b'{"data":""},', 400_000, b'{"data":""}]}'),
        400,
        "400001: split it",
    ),
    "animals": ("/v1/animals", plain(b"[", b"{},", _MILLION, b"{}]"), 400, "1000001: split it"),
}
LONG = {
    "64 MB of one field": (_UPLOAD, packed(_TABLE, b"a\n", 30 * _MILLION), 200, "5,000 rows"),
    "64 MB of one animal": (_UPLOAD, packed(_TABLE, b"a,dog\n", 10 * _MILLION), 200, "5,000 rows"),
    "64 MB of zeros": (_UPLOAD, packed(b"[", b"0,", 30 * _MILLION, b"0]"), 400, "split it"),
}


def peak_of(server: Server, call: Callable[[], object]) -> tuple[float, float]:
    """The memory that a call takes of a server beside what it has, in MB, and its seconds."""
    process = Path(f"/proc/{server.process.pid}")
    (process / "clear_refs").write_text("5")  # from here on, the peak is that of the call

    def read(name: str) -> int:
        lines = (process / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name))

    before, began = read("VmRSS"), time.monotonic()
    call()
    return (read("VmHWM") - before) / 1024, time.monotonic() - began


@pytest.mark.parametrize(
    ("cases", "most"), [(CASES, 250), pytest.param(CASES | LONG, 350, marks=pytest.mark.nightly)]
)
def test_bad_rows_cost_little_whichever_way_they_come(
    start: Start,
    tmp_path: Path,
    cases: dict[str, tuple[str, Callable[[], bytes], int, str]],
    most: float,
    subtests: pytest.Subtests,
) -> None:
    server = start(tmp_path / "data")
    with server.client() as client:
        client.timeout = 120
        for name, (path, body, status, words) in cases.items():
            with subtests.test(name=name):
                content = body()
                method = "PUT" if path == "/v1/animals" else "POST"
                kind = {"Content-Type": "application/json"}

                def send() -> None:
                    answer = client.request(method, path, content=content, headers=kind)  # noqa: B023
                    text = answer.text.replace("\\u00a0", " ")
                    assert (answer.status_code, words in text) == (status, True), text  # noqa: B023

                peak, seconds = peak_of(server, send)
                assert peak < most, f"{len(content):,} bytes took {peak:.0f} MB"
                assert seconds < 60
