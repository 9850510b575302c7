"""Where jobs may read and write: in a bucket that machines share."""

from pathlib import Path

import pytest

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.objects.store import ObjectStore
from pawsonalize.core.objects.stores import open_objects
from pawsonalize.events.job_files import Outputs, Sources

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


@pytest.mark.parametrize("link", ["exports/linked", "exports/mine/linked"])
@pytest.mark.parametrize("bucket", [False, True])
def test_a_job_writes_through_no_link_below_its_root(
    tmp_path: Path, link: str, bucket: bool
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "exports" / "mine").mkdir(parents=True)
    (tmp_path / link).symlink_to(tmp_path / "etc")
    outputs = Outputs((tmp_path / "exports",), tmp_path if bucket else None, open_objects)
    location = f"s3://{link}/deep/" if bucket else f"file://{tmp_path / link}/deep/"
    with pytest.raises(InvalidInput, match="linked is a link: name the folder itself"):
        outputs.at(location)
    assert list((tmp_path / "etc").iterdir()) == []


def test_a_link_that_comes_while_a_job_works_leads_it_nowhere(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    output = Outputs((tmp_path / "exports",), None, open_objects).at(
        f"file://{tmp_path / 'exports' / 'mine'}/"
    )

    def work() -> None:
        with output.file("job/out.csv") as file:
            file.write(b"rows")
            (tmp_path / "exports").mkdir()
            (tmp_path / "exports" / "mine").symlink_to(tmp_path / "etc")

    with pytest.raises(InvalidInput, match="mine is a link"):
        work()
    assert list((tmp_path / "etc").iterdir()) == []
