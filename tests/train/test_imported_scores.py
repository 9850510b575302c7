"""`imported-scores`: a model that was trained elsewhere is read, judged and served."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import Visitor
from pawsonalize.core.objects.stores import open_objects
from pawsonalize.events.erasure.erased_archive import NamedErasure, ignore_progress
from pawsonalize.events.erasure.tables import ErasedLookup, ErasedNames, Erasure, ErasureTable
from pawsonalize.events.job_files import Sources
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.evaluation.gate_settings import GateSettings
from pawsonalize.models.recipes.catalogue import BROUGHT, recipe_of, refreshed
from pawsonalize.models.recipes.contract import Context, Model
from pawsonalize.models.recipes.imported_scores import OWNER, ImportedScores
from pawsonalize.recommend.live_model import RefreshedCounts, load_model
from pawsonalize.recommend.query import context_of
from pawsonalize.resources.artefacts import ArtefactStore
from pawsonalize.resources.kind import Status
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.testing.recipe_checks import context, training_data
from pawsonalize.train.evidence import Gate
from pawsonalize.train.imported_files import ScoreFiles
from pawsonalize.train.kept_rows import ErasedRows
from pawsonalize.train.refresh import CountRefresher
from pawsonalize.train.trainer import Trainer
from pawsonalize.train.versions import SolutionVersions
from tests.event_data import T0, event

ITEMS = [f"2-B-1-{number}" for number in range(4)]
Train = Callable[..., SolutionVersion]


@pytest.fixture
def files(tmp_path: Path, database: Database) -> ScoreFiles:
    (tmp_path / "imports").mkdir()
    return ScoreFiles(Sources((tmp_path / "imports",), None, open_objects), ErasedLookup(database))


@pytest.fixture
def train(
    log: EventLog, catalogue: Catalogue, registry: Registry, artefacts: ArtefactStore,
    versions: SolutionVersions, files: ScoreFiles, tmp_path: Path,
) -> Train:  # fmt: skip
    """Trains a version on the file `scores.csv`, which gets this text; the log has 3 users."""
    log.append(
        [
            event(f"{n}", user=f"u{n % 3}", item=ITEMS[n % 4 // 2 if n < 18 else n - 16], at=n)
            for n in range(20)
        ]
    )
    trainer = Trainer(registry, log, catalogue, artefacts, now=lambda: T0, imported=files)

    def train(
        text: str | None, recipe: str = "imported-scores", **wishes: object
    ) -> SolutionVersion:
        path = tmp_path / "imports" / "scores.csv"
        if text is not None:
            path.write_text(text)
        settings = {"location": path.as_uri()}
        created = versions.create(
            "recommender",
            as_of=T0 + 1000,
            now=T0,
            recipe=recipe,
            settings=settings,
            **wishes,  # type: ignore[arg-type]  # any
        )
        return trainer.train(created.name)

    return train


def bind(files: ScoreFiles, path: Path, recipe: str = "imported-scores") -> ImportedScores:
    bare = BROUGHT[recipe]
    assert isinstance(bare, ImportedScores)
    return files.bind(bare, path.as_uri(), "pawsonalize")


def ranked(model: Model, visitor: Context) -> list[str]:
    scores = model.score_catalogue(visitor)
    assert float(scores.sum()) == pytest.approx(1)
    return [model.item_ids[place] for place in np.argsort(-scores, kind="stable").tolist()]


SCORES = (
    f"user_id,item_id,score\nu0,{ITEMS[3]},9\nu0,{ITEMS[2]},4.5\nu0,gone,3\nstranger,{ITEMS[1]},1\n"
)


def test_a_file_of_scores_is_served_by_user_and_popularity_stands_for_what_it_lacks(
    train: Train, log: EventLog, artefacts: ArtefactStore
) -> None:
    version = train(SCORES)
    assert version.status is Status.ACTIVE
    model = load_model(artefacts, version)
    mine = context_of(log, Visitor("u0"), T0 + 2000)
    # Twice the score is twice the weight; then the popular, of which the log has two.
    assert ranked(model, mine)[:2] == [ITEMS[3], ITEMS[2]]
    assert set(ranked(model, mine)[2:]) == {ITEMS[0], ITEMS[1]}
    first, second = np.sort(model.score_catalogue(mine))[::-1][:2]
    assert first == pytest.approx(2 * second)
    assert (model.score(mine, ITEMS) == model.score_catalogue(mine)).all()
    total = sum(model.contributions(mine, [*ITEMS, "gone", "?"]).values())
    np.testing.assert_allclose(total, model.score(mine, [*ITEMS, "gone", "?"]))
    for nobody in (Visitor("u1"), Visitor(None, "u0"), Visitor()):  # a session is no user
        assert set(ranked(model, context_of(log, nobody, T0 + 2000))[:2]) == set(ITEMS[:2])


def test_the_same_file_gives_the_same_bytes_and_the_card_names_it(
    train: Train, artefacts: ArtefactStore
) -> None:
    one, two = (artefacts.load(train(SCORES).artefact or "") for _ in range(2))
    assert one[0] == two[0]
    assert {name: array.tobytes() for name, array in one[1].items()} == {
        name: array.tobytes() for name, array in two[1].items()
    }
    source = one[0].extra["imported"]
    assert (source["rows"], len(source["sha256"])) == (4, 64)
    other = artefacts.load(train(SCORES.replace("9", "8")).artefact or "")[0]
    assert other.extra["imported"]["sha256"] != source["sha256"]


def test_an_item_is_followed_by_its_similar_ones_and_is_no_answer_itself(
    train: Train, artefacts: ArtefactStore
) -> None:
    text = f"ITEM;SIMILAR_ITEM;SCORE\n{ITEMS[0]};{ITEMS[3]};.5\n{ITEMS[0]};{ITEMS[0]};.9\n"
    model = load_model(artefacts, train(text, recipe="imported-similar-items"))
    assert ranked(model, context(ITEMS[0]))[0] == ITEMS[3]
    assert model.score(context(ITEMS[0]), [ITEMS[0]]) == [0]
    assert model.score_catalogue(context(ITEMS[0]))[model.item_ids.index(ITEMS[0])] == 0
    assert recipe_of(model).needs_item


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("user,item,score\nu,i,1\nu,j,much\n", "scores.csv, line 3: SCORE is 'much'"),
        ("user,item,score\nu,i,nan\n", "scores.csv, line 2: SCORE is 'nan'.* leave out rows"),
        ("user,item,score\nu,i,-0.5\n", r"line 2: SCORE is '-0.5'.*write exp\(score\)"),
        ("user,item,score\nu,i,1e39\n", "line 2: SCORE is '1e39'"),
        ("user,item,score\nu,i\n", "scores.csv, line 2: the row has 2 fields"),
        ("user,item,score\n,i,1\n", "scores.csv, line 2: USER must have 1 to 256"),
        ("user,item,score\nu,i,1\nv,i,1\nu,i,2\n", "1 rows score what another .* i: leave one"),
        ("user,item\nu,i\n", "lacks the column SCORE: it must have USER, ITEM, SCORE"),
        ("user,item,score\n", "scores.csv has no scores: write its rows"),
        ("", "scores.csv.*empty|the file is empty"),
    ],
)
def test_a_row_that_is_no_score_fails_the_version_and_names_line_value_and_next_move(
    train: Train, registry: Registry, text: str, wrong: str
) -> None:
    with pytest.raises(InvalidInput, match=wrong):
        train(text)
    (version,) = registry.all(SolutionVersion)
    assert version.status is Status.CREATE_FAILED
    assert version.failure_reason


def test_parquet_says_the_same_as_csv(files: ScoreFiles, tmp_path: Path) -> None:
    csv, parquet = tmp_path / "imports" / "a.csv", tmp_path / "imports" / "b.parquet"
    csv.write_text("userId,itemId,score\n1,i7,0.5\n2,i8,3\n".replace("Id", "_id"))
    table = pyarrow.table({"user_id": [1, 2], "item_id": ["i7", "i8"], "score": [0.5, 3.0]})
    pyarrow.parquet.write_table(table, parquet)
    one, two = (bind(files, path).rows for path in (csv, parquet))
    assert one is not None
    assert two is not None
    assert all(
        (a == b).all() for a, b in zip(one.arrays().values(), two.arrays().values(), strict=True)
    )
    bad = pyarrow.table({"user": ["u", "u"], "item": ["i", "j"], "score": [0.5, None]})
    pyarrow.parquet.write_table(bad, parquet)
    with pytest.raises(InvalidInput, match=r"b.parquet, line 2: SCORE is None"):
        bind(files, parquet)
    parquet.write_bytes(b"PAR1 is no Parquet")
    with pytest.raises(InvalidInput, match="cannot be read as Parquet"):
        bind(files, parquet)


def test_a_training_reads_only_files_that_import_jobs_may_read(
    files: ScoreFiles, tmp_path: Path
) -> None:
    (tmp_path / "secret.csv").write_text(SCORES)
    (tmp_path / "imports" / "link.csv").symlink_to(tmp_path / "secret.csv")
    recipe = ImportedScores()
    for location, wrong in (
        (recipe.settings().location, "cannot read from file:///: put the file below"),
        ((tmp_path / "secret.csv").as_uri(), "put the file below"),
        ((tmp_path / "imports" / "link.csv").as_uri(), "is a link"),
        (f"file://{tmp_path}/imports/../secret.csv", "must not contain"),
        ("http://169.254.169.254/scores.csv", "write file:///folder/file.csv"),
    ):
        with pytest.raises(InvalidInput, match=wrong):
            files.bind(recipe, location, "pawsonalize")


def test_without_a_training_the_recipe_says_that_it_needs_one() -> None:
    recipe = BROUGHT["imported-scores"]
    with pytest.raises(InvalidInput, match="set location, train a version"):
        recipe.fit(training_data([("u", "i", T0)]), recipe.settings(), 0)


def test_new_counts_keep_the_scores_that_were_imported(
    train: Train, log: EventLog, registry: Registry, catalogue: Catalogue, artefacts: ArtefactStore
) -> None:
    version = train(SCORES)
    log.append([event(f"n{n}", user=f"new{n}", item="2-B-1-9", at=1500) for n in range(9)])
    counts = CountRefresher(registry, log, catalogue, artefacts).refresh(version.name, T0 + 3000)
    assert counts is not None
    card, arrays = artefacts.load(counts.location)
    model = BROUGHT["imported-scores"].load(card, arrays)
    mine = context_of(log, Visitor("u0"), T0 + 3000)
    assert ranked(model, mine)[:3] == [ITEMS[3], ITEMS[2], "2-B-1-9"]
    assert card.extra["imported"]["rows"] == 4
    fresh = refreshed(model, training_data([("u", ITEMS[1], T0)], ITEMS))
    assert ranked(fresh, mine)[:3] == [ITEMS[3], ITEMS[2], ITEMS[1]]


def test_an_erased_visitor_is_gone_from_model_and_counts_and_comes_back_by_no_training(
    train: Train, log: EventLog, registry: Registry, catalogue: Catalogue, artefacts: ArtefactStore,
    database: Database, tmp_path: Path,
) -> None:  # fmt: skip
    version = train(SCORES)
    assert version.artefact is not None
    stored = b"".join(path.read_bytes() for path in (tmp_path / "models").rglob("*.*"))
    assert b"stranger" not in stored  # nor before
    log.append([event("late", user="u1", item=ITEMS[0], at=1500)])
    CountRefresher(registry, log, catalogue, artefacts).refresh(version.name, T0 + 9000)
    erasure = Erasure("e", "pawsonalize", T0, 99, tables_at=T0 + 1)
    named = [NamedErasure(erasure, ErasedNames(("stranger",), ("u0",)))]
    rows = ErasedRows(registry, artefacts, lambda: T0)
    assert list(rows.purge(named, ignore_progress)) == []
    kept = artefacts.array(registry.get(SolutionVersion, version.name).artefact or "", OWNER)
    assert kept is not None
    assert len(kept) == 0
    left = [place for place in artefacts.locations("") if RefreshedCounts.is_at(place)]
    assert left == []
    table = ErasureTable(database)
    table.note("e", "pawsonalize", T0, users=("stranger",))
    again = artefacts.load(train(None).artefact or "")[0]
    assert again.extra["imported"]["rows"] == 3  # the file still has four


def test_the_gate_judges_the_scores_themselves_beside_the_live_version(
    log: EventLog, catalogue: Catalogue, registry: Registry, artefacts: ArtefactStore,
    versions: SolutionVersions, files: ScoreFiles, tmp_path: Path,
) -> None:  # fmt: skip
    # Each user likes three of 60 items, which only one of the files knows.
    dice, items = np.random.default_rng(5), [f"2-B-{n % 4}-{n}" for n in range(60)]
    files_of = {"random": ["user,item,score"], "scores": ["user,item,score"]}
    sent = []
    for user in (f"u{n}" for n in range(200)):
        own = dice.choice(items, 3, replace=False).tolist()
        files_of["scores"] += [f"{user},{item},{2 + n}" for n, item in enumerate(own)]
        files_of["random"] += [f"{user},{item},{dice.random()}" for item in items]
        times = enumerate(np.sort(dice.integers(9_000, size=6)).tolist())
        sent += [event(f"{user}-{n}", user=user, item=own[n % 3], at=at) for n, at in times]
    log.append(sent)
    for name, lines in files_of.items():
        (tmp_path / "imports" / f"{name}.csv").write_text("\n".join(lines))
    trainer = Trainer(registry, log, catalogue, artefacts, now=lambda: T0, imported=files)
    made = []
    for name in ("random", "scores"):
        settings = {"location": (tmp_path / "imports" / f"{name}.csv").as_uri()}
        version = versions.create(
            "recommender",
            as_of=T0 + 10_000,
            now=T0,
            recipe="imported-scores",
            settings=settings,
            name=name,
        )
        made.append(trainer.train(version.name))
    live, new = made
    # Test users of a training are known by digests alone, and get their scores all the same.
    assert new.metrics["normalized_discounted_cumulative_gain_at_5"] > 0.5
    assert live.metrics["normalized_discounted_cumulative_gain_at_5"] < 0.2
    gate = Gate(log, catalogue, versions, lambda one: load_model(artefacts, one), GateSettings())
    judged = gate.judge(new, live, T0 + 10_000)
    assert judged is not None
    evidence, _ = judged
    assert evidence is not None
    assert evidence.ndcg_at_5.mean > 0.5
    assert evidence.live is not None
    assert evidence.live.comparison.lead.mean > 0.3


def test_a_file_takes_some_bytes_a_row(files: ScoreFiles, tmp_path: Path) -> None:
    path, rows = tmp_path / "imports" / "many.parquet", 400_000
    users, items = np.repeat(np.arange(rows // 100), 100), np.tile(np.arange(100), rows // 100)
    table = pyarrow.table({"user": users, "item": items, "score": np.ones(rows, np.float32)})
    pyarrow.parquet.write_table(table, path)
    tracemalloc.start()
    read = bind(files, path).rows
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read is not None
    assert len(read.score) == rows
    assert peak / rows < 100  # of which a batch of 50,000 rows takes its part
