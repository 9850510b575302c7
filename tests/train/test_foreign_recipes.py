"""Recipes of other distributions: what they do wrong fails their version, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pawsonalize.app.asgi import build_app
from pawsonalize.aws.recipes import recipe_of
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.recipes import catalogue
from pawsonalize.models.recipes.contract import Context
from pawsonalize.recommend.live_model import LiveModel, load_model
from pawsonalize.resources.artefacts import ArtefactStore
from pawsonalize.resources.kind import Status
from pawsonalize.resources.registry import Campaigns, Registry
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.train.trainer import Trainer
from pawsonalize.train.versions import SolutionVersions
from tests.event_data import T0, event
from tests.service_data import client_of, make_service

_CODE = """
import numpy as np

class Plain:
    def fit(self, data):
        self.counts = np.bincount(data.item, minlength=len(data.item_ids)).astype(float)
        self.items = list(data.item_ids)

    def score(self, context, items):
        return [self.counts[self.items.index(item)] if item in self.items else 0 for item in items]

class Stored(Plain):
    def arrays(self):
        return {"counts": self.counts, "items": np.array([ord(one[-1]) for one in self.items])}

    @classmethod
    def load(cls, arrays):
        made = cls()
        made.counts = arrays["counts"]
        made.items = [f"2-B-1-{chr(one)}" for one in arrays["items"]]
        return made

class Raises(Stored):
    def fit(self, data):
        raise RuntimeError("out of ideas")

class NotANumber(Stored):
    def score(self, context, items):
        return [float("nan")] * len(items)

class Short(Stored):
    def score(self, context, items):
        return [1.0] * (len(items) - 1)
"""
_NAMES = ("Plain", "Stored", "Raises", "NotANumber", "Short")


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A distribution with these classes, found by its entry points."""
    folder = tmp_path / "site"
    about = folder / "theirs-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "theirs_models.py").write_text(_CODE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    lines = [f"{name.lower()} = theirs_models:{name}" for name in _NAMES]
    lines.append("ease = theirs_models:Plain")  # a name that is taken
    (about / "entry_points.txt").write_text("\n".join(["[pawsonalize.recipes]", *lines]))
    monkeypatch.syspath_prepend(folder)
    catalogue._others.cache_clear()
    yield
    monkeypatch.undo()
    catalogue._others.cache_clear()


def test_a_plain_class_is_trained_stored_and_served(
    log: EventLog, versions: SolutionVersions, trainer: Trainer, artefacts: ArtefactStore,
    campaigns: Campaigns, live: LiveModel,
) -> None:  # fmt: skip
    rows = [(f"u{n % 3}", f"2-B-1-{n % 4 // 2}", n) for n in range(9)]
    log.append([event(f"{at}", user=user, item=item, at=at) for user, item, at in rows])
    created = versions.create("recommender", as_of=T0 + 1000, now=T0, recipe="stored")
    version = trainer.train(created.name)
    assert version.metrics["coverage"] > 0
    model = load_model(artefacts, version)
    scores = model.score_catalogue(Context((), T0))
    assert dict(zip(model.item_ids, scores.tolist(), strict=True)) == pytest.approx(
        {"2-B-1-0": 5 / 9, "2-B-1-1": 4 / 9}
    )
    assert (model.score(Context((), T0), ["2-B-1-1", "?"]) == [scores[1], 0]).all()
    assert np.allclose(model.contributions(Context((), T0), model.item_ids)["stored"], scores)
    campaigns.update("recommender", version.name, T0)
    assert live.refresh(T0)
    assert live.current.version.name == version.name


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        ("raises", "out of ideas"),
        ("notanumber", "notanumber gives scores of shape .* 4 of them NaN"),
        ("short", r"shape \(3,\) for 4 items"),
        ("plain", r"can be compared but not stored: give it arrays\(\)"),
    ],
)
def test_what_a_recipe_does_wrong_fails_its_version_and_the_live_one_goes_on(
    log: EventLog, versions: SolutionVersions, trainer: Trainer, registry: Registry,
    campaigns: Campaigns, live: LiveModel, recipe: str, why: str,
) -> None:  # fmt: skip
    log.append([event(f"{n}", user=f"u{n % 3}", item=f"2-B-1-{n % 4}", at=n) for n in range(20)])
    good = versions.create("recommender", as_of=T0 + 1000, now=T0, recipe="popularity-count")
    campaigns.update("recommender", trainer.train(good.name).name, T0)
    live.refresh(T0)
    bad = versions.create("recommender", as_of=T0 + 1000, now=T0, recipe=recipe)
    with pytest.raises(Exception, match=why):
        trainer.train(bad.name)
    failed = registry.get(SolutionVersion, bad.name)
    assert failed.status is Status.CREATE_FAILED
    assert failed.failure_reason
    assert not live.refresh(T0 + 1)
    assert live.current.version.name == good.name
    assert live.fault is None


def test_recipes_are_listed_with_what_their_settings_say_of_themselves(tmp_path: Path) -> None:
    settings = make_service(tmp_path / "data", train=False)
    with client_of(build_app(settings)) as client:
        recipes = {one["name"]: one for one in client.get("/v1/recipes").json()["recipes"]}
        page = client.get("/console/models/recipes").text
    assert {"user-personalization", "imported-scores", "http-scorer", "stored"} <= recipes.keys()
    assert recipes["stored"]["builtIn"] is False
    assert recipes["stored"]["distribution"] == "theirs 1.0"
    assert recipes["ease"]["builtIn"] is True
    assert recipes["ease"]["distribution"] is None
    assert "theirs 1.0" in page
    assert "its class has no docstring" in page
    assert "ease of theirs 1.0 is left out" in page
    assert recipes["stored"]["settings"] == []
    assert recipes["similar-items"]["needsItem"] is True
    location, _ = recipes["imported-scores"]["settings"]
    assert location["default"] == "file:///"
    assert location["description"].startswith("CSV or Parquet to read")
    arn = "arn:aws:personalize:::recipe/stored"
    assert recipe_of(arn).recipe == "stored"
