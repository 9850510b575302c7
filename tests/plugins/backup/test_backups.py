"""A backup holds the whole service as of one moment, and comes back as it was elsewhere."""

import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import zstandard

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.database import copies
from pawsonalize.core.database.copies import copied
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import Conflict, InvalidInput, NotReady
from pawsonalize.core.scopes import Scope
from pawsonalize.events.archive.archiver import Compaction
from pawsonalize.events.archive.reading import verify
from pawsonalize.plugins.backup.backups import back_up, restore
from pawsonalize.resources.solutions import SolutionVersion
from tests.event_data import T0, event
from tests.service_data import SETTINGS, client_of, make_key, make_service
from tests.training import train


@pytest.fixture
def service(tmp_path: Path) -> Settings:
    """With two models, an access key, and an archive."""
    settings = make_service(tmp_path / "data")
    make_key(settings, Scope.SITE)
    with opened(settings) as adapters:
        adapters.archiver.archive_once()
        adapters.refresher.refresh(*_served(settings))
    return settings


def _served(settings: Settings) -> tuple[str, int]:
    with opened(settings) as adapters:
        (name,) = adapters.artefacts.locations("recommender")
        adapters.log.append([event("new", at=2_000)])
    return name, clock.now()


def saved(settings: Settings, target: Path, **options: Any) -> Any:
    with opened(settings, must_exist=True) as adapters:
        return back_up(settings, adapters, target, clock.now, **options)


def answers(settings: Settings) -> list[Any]:
    """What the service answers to some visitors, as of a moment."""
    with client_of(build_app(settings)) as client:
        return [
            client.post(
                "/v1/recommendations?detail=full", json={"userId": user, "at": T0 + 9_000}
            ).json()[part]
            for user in ("seed 0", "seed 1", "nobody")
            for part in ("solutionVersion", "recommendations")
        ]


def elsewhere(tmp_path: Path, **more: Any) -> Settings:
    return Settings.of(data_dir=tmp_path / "restored", **SETTINGS, **more)


def test_it_comes_back_with_the_same_answers(service: Settings, tmp_path: Path) -> None:
    before = answers(service)
    made = saved(service, tmp_path / "b.tar.zst")
    other = elsewhere(tmp_path)
    assert restore(other, tmp_path / "b.tar.zst") == made
    assert answers(other) == before


def test_events_keys_counts_and_archive_come_back(service: Settings, tmp_path: Path) -> None:
    made = saved(service, tmp_path / "b.tar.zst")
    other = elsewhere(tmp_path)
    restore(other, tmp_path / "b.tar.zst")
    with opened(service) as was, opened(other, must_exist=True) as now:
        assert now.log.count() == made.events == 55
        assert now.artefacts.locations("") == was.artefacts.locations("")
        assert any(".counts-" in one for one in now.artefacts.locations(""))
        key = next(now.access_keys.all()).name
        assert now.access_keys.find(key) == was.access_keys.find(key)
        assert verify(now.log, now.ledger, now.objects, lambda *_: None).findings == ()
    assert not list(service.data_dir.glob(".draft-*"))


def test_the_archive_may_stay_where_it_is(service: Settings, tmp_path: Path) -> None:
    made = saved(service, tmp_path / "b.tar.zst", with_archive=False)
    assert not made.has_archive
    restore(elsewhere(tmp_path), tmp_path / "b.tar.zst")
    assert not (tmp_path / "restored/archive").exists()


def test_only_its_owner_may_read_the_file(service: Settings, tmp_path: Path) -> None:
    saved(service, tmp_path / "b.tar.zst")
    assert stat.S_IMODE((tmp_path / "b.tar.zst").stat().st_mode) == 0o600


def test_a_file_that_is_there_stays(service: Settings, tmp_path: Path) -> None:
    (tmp_path / "b.tar.zst").write_text("mine")
    with pytest.raises(Conflict, match="there already"):
        saved(service, tmp_path / "b.tar.zst")
    assert (tmp_path / "b.tar.zst").read_text() == "mine"


def test_nothing_is_written_over(service: Settings, tmp_path: Path) -> None:
    saved(service, tmp_path / "b.tar.zst")
    before = answers(service)
    with pytest.raises(Conflict, match="is not empty"):
        restore(service, tmp_path / "b.tar.zst")
    assert answers(service) == before


def test_no_object_of_an_archive_elsewhere_is_written_over(
    service: Settings, tmp_path: Path
) -> None:
    saved(service, tmp_path / "b.tar.zst")
    first = next((service.data_dir / "archive").rglob("*.zst"))
    taken = tmp_path / "lake" / first.relative_to(service.data_dir / "archive")
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"of another service")
    with pytest.raises(Conflict, match="there are other bytes already"):
        restore(elsewhere(tmp_path, archive_url=str(tmp_path / "lake")), tmp_path / "b.tar.zst")
    assert taken.read_bytes() == b"of another service"


@pytest.mark.parametrize("damage", ["cut off", "changed", "another file", "a member more"])
def test_a_damaged_file_is_refused_and_nothing_is_written(
    service: Settings, tmp_path: Path, damage: str
) -> None:
    file = tmp_path / "b.tar.zst"
    saved(service, file)
    content = file.read_bytes()
    if damage == "cut off":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "changed":
        middle = len(content) // 2
        file.write_bytes(content[:middle] + b"?" + content[middle + 1 :])
    elif damage == "another file":
        file.write_text("hello")
    else:
        _add_member(file, tmp_path)
    with pytest.raises(InvalidInput, match="nothing was restored"):
        restore(elsewhere(tmp_path), file)
    assert not (tmp_path / "restored").exists()


def _add_member(file: Path, tmp_path: Path) -> None:
    (tmp_path / "evil").write_text("evil")
    plain = tmp_path / "plain.tar"
    plain.write_bytes(zstandard.ZstdDecompressor().stream_reader(file.read_bytes()).readall())
    with tarfile.open(plain, "a") as tar:
        tar.add(tmp_path / "evil", "models/evil")
    file.write_bytes(zstandard.ZstdCompressor().compress(plain.read_bytes()))


def test_a_member_may_not_leave_the_folder(tmp_path: Path) -> None:
    (tmp_path / "evil").write_text("evil")
    plain = tmp_path / "plain.tar"
    with tarfile.open(plain, "w") as tar:
        tar.add(tmp_path / "evil", "../../evil2")
    (tmp_path / "b.tar.zst").write_bytes(zstandard.ZstdCompressor().compress(plain.read_bytes()))
    with pytest.raises(InvalidInput, match="nothing was restored"):
        restore(elsewhere(tmp_path), tmp_path / "b.tar.zst")
    assert not (tmp_path.parent / "evil2").exists()


def test_what_is_joined_or_deleted_meanwhile_is_looked_for_again(
    service: Settings, tmp_path: Path
) -> None:
    with opened(service) as adapters:
        adapters.log.append([event("later", at=3_000)])
        adapters.archiver.archive_once()

        def say(what: str) -> None:
            if what == "database":  # between the models and the copy of the database
                Compaction(adapters.ledger, adapters.objects).compact(clock.now())
                for counts in adapters.artefacts.locations("recommender")[1:]:
                    adapters.artefacts.remove(counts)

        made = back_up(service, adapters, tmp_path / "b.tar.zst", clock.now, show=say)
    restore(elsewhere(tmp_path), tmp_path / "b.tar.zst")
    assert made.events == 56
    with opened(elsewhere(tmp_path), must_exist=True) as now:
        assert verify(now.log, now.ledger, now.objects, lambda *_: None).findings == ()


def test_what_is_archived_after_the_copy_is_not_in_the_restored_archive(
    service: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(service) as adapters:

        @contextmanager
        def copy_then_archive(*arguments: Any) -> Iterator[Database]:
            with copied(*arguments) as database:
                adapters.log.append([event("later", at=3_000)])
                assert adapters.archiver.archive_once()
                yield database

        monkeypatch.setattr("pawsonalize.core.database.copies.copied", copy_then_archive)
        back_up(service, adapters, tmp_path / "b.tar.zst", clock.now)
    restore(elsewhere(tmp_path), tmp_path / "b.tar.zst")
    with opened(elsewhere(tmp_path), must_exist=True) as now:
        now.log.append([event("another", at=3_000)])  # at the offset that "later" had
        now.archiver.archive_once()
        assert verify(now.log, now.ledger, now.objects).findings == ()


@pytest.fixture
def postgres_urls(
    postgres: Callable[..., AbstractContextManager[str]],
) -> Iterator[tuple[str, str]]:
    with postgres() as one, postgres() as other:
        yield one, other


def test_postgresql_comes_back_into_an_empty_database(
    postgres_urls: tuple[str, str], tmp_path: Path
) -> None:
    one, other = postgres_urls
    settings = make_service(tmp_path / "data", database_url=one)
    before = answers(settings)
    saved(settings, tmp_path / "b.tar.zst")
    with pytest.raises(Conflict, match="is in use"):
        restore(elsewhere(tmp_path, database_url=one), tmp_path / "b.tar.zst")
    with pytest.raises(InvalidInput, match="name an empty PostgreSQL"):
        restore(elsewhere(tmp_path), tmp_path / "b.tar.zst")
    restored = elsewhere(tmp_path, database_url=other)
    restore(restored, tmp_path / "b.tar.zst")
    assert answers(restored) == before


def test_numbers_of_a_backup_are_those_that_come_back_whatever_is_written_meanwhile(
    postgres_urls: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For SQLite another test shows it, where an object is archived meanwhile."""
    one, other = postgres_urls
    settings = make_service(tmp_path / "data", database_url=one)
    with opened(settings) as adapters:
        run = copies._run

        def write_and_run(program: str, *arguments: str) -> str:
            done = run(program, *arguments)
            adapters.log.append([event(f"after {program}", at=3_000)])
            assert adapters.archiver.archive_once()
            train(adapters, T0 + 5_000)
            return done

        monkeypatch.setattr(copies, "_run", write_and_run)
        made = back_up(settings, adapters, tmp_path / "b.tar.zst", clock.now)
        assert adapters.log.count() == made.events + 1
    monkeypatch.undo()
    restored = elsewhere(tmp_path, database_url=other)
    restore(restored, tmp_path / "b.tar.zst")
    with opened(restored, must_exist=True) as now:
        assert (now.log.count(), now.log.head()) == (made.events, made.head)
        versions = list(now.registry.all(SolutionVersion))
        assert made.models == sum(one.artefact is not None for one in versions)
        assert verify(now.log, now.ledger, now.objects).findings == ()


def test_without_the_programs_of_postgresql_it_says_what_to_install(
    postgres_urls: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_service(tmp_path / "data", database_url=postgres_urls[0], train=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotReady, match="install its client programs"):
        saved(settings, tmp_path / "b.tar.zst")
    assert not (tmp_path / "b.tar.zst").exists()


def test_models_of_a_bucket_come_back_in_another(tmp_path: Path) -> None:
    buckets = [f"file://{tmp_path / name}" for name in ("one", "other")]
    secret: dict[str, Any] = {"access_key_root": "0" * 64}
    settings = make_service(tmp_path / "data", artefact_url=buckets[0], **secret)
    before = answers(settings)
    saved(settings, tmp_path / "b.tar.zst")
    restored = elsewhere(tmp_path, artefact_url=buckets[1], **secret)
    restore(restored, tmp_path / "b.tar.zst")
    assert list((tmp_path / "other/models").iterdir())
    assert answers(restored) == before
