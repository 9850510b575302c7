"""Where jobs may read and write: in a bucket that machines share."""

from pathlib import Path

import pytest

from pawsonalize.archive.base import ObjectStore
from pawsonalize.archive.objects import open_objects
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.job_files import Outputs, Sources

URL = "gs://bucket/pets"


@pytest.fixture
def bucket(tmp_path: Path) -> ObjectStore:
    """What lies below URL."""
    return open_objects(str(tmp_path))


def opened(tmp_path: Path, url: str) -> ObjectStore:
    assert url.startswith(URL), "no other bucket is asked"
    return open_objects(str(tmp_path / url.removeprefix(URL).strip("/")))


def test_a_job_reads_a_file_or_all_below_a_folder(bucket: ObjectStore, tmp_path: Path) -> None:
    for name in ("a.csv", "more/b.csv", "more/notes.txt"):
        bucket.put(f"imports/{name}", name.encode())
    sources = Sources((), None, lambda url: opened(tmp_path, url), f"{URL}/imports")

    def read_of(location: str) -> dict[str, bytes]:
        found = {}
        for source in sources.files(f"{URL}/{location}"):
            with source.open() as stream:
                found[source.name] = stream.read()
        return found

    read = {
        location: read_of(location) for location in ("imports/a.csv", "imports/more/", "imports")
    }
    assert read == {
        "imports/a.csv": {"a.csv": b"a.csv"},
        "imports/more/": {"more/b.csv": b"more/b.csv"},
        "imports": {"a.csv": b"a.csv", "more/b.csv": b"more/b.csv"},
    }


def test_a_job_writes_below_the_exports(bucket: ObjectStore, tmp_path: Path) -> None:
    outputs = Outputs((), None, lambda url: opened(tmp_path, url), f"{URL}/exports")
    with outputs.at(f"{URL}/exports/job/").file("a.csv") as file:
        file.write(b"a")
    assert bucket.get("exports/job/a.csv") == b"a"


@pytest.mark.parametrize(
    "location",
    [f"{URL}/models/v1", f"{URL}/exports-of-others/a.csv", f"{URL}/exports/../models/a.csv"],
)
def test_no_job_reads_or_writes_elsewhere_in_the_bucket(location: str, tmp_path: Path) -> None:
    def open_store(url: str) -> ObjectStore:
        return opened(tmp_path, url)

    with pytest.raises(InvalidInput, match="cannot read from gs://"):
        Sources((), None, open_store, f"{URL}/exports").files(location)
    with pytest.raises(InvalidInput, match="cannot write to gs://"):
        Outputs((), None, open_store, f"{URL}/exports").at(location)


def test_where_files_belong_is_said_of_those_that_lie_elsewhere(tmp_path: Path) -> None:
    sources = Sources((), None, open_objects, f"{URL}/imports")
    with pytest.raises(InvalidInput, match=f"put the file below {URL}/imports, or set"):
        sources.files(tmp_path.as_uri())
    outputs = Outputs((), None, open_objects, f"{URL}/exports")
    with pytest.raises(InvalidInput, match=f"choose a folder below {URL}/exports"):
        outputs.at(tmp_path.as_uri())
