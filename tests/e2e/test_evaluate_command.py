"""`pawsonalize evaluate` as somebody runs it."""

import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import load_settings
from pawsonalize.plugins.demo.commands import store_world
from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.world import generate
from pawsonalize.train.evaluator import Evaluation
from tests import forked
from tests.house.test_code_blocks import blocks_of, commands

END = 1_779_000_000_000


def evaluate(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return forked.run(["evaluate", "--data-dir", str(data_dir), *arguments], timeout=300)


@pytest.fixture(scope="module")
def demo_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    world = generate(WorldSettings(animals=60, adopters=200, days=60, events=3_000), 7, END)
    with opened(load_settings({"data_dir": folder})) as adapters:
        store_world(adapters, world)
    return folder


def test_it_prints_tables_and_words_and_writes_a_report_and_a_picture(
    demo_data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    quickly = ("--set", "max_requests=400")
    done = evaluate(demo_data, "--at", str(END), "--out", str(out), *quickly)
    assert done.returncode == 0, done.stderr
    for expected in (
        "Held-out users",
        "Held-out days",
        "NDCG@5",
        "repeat own history",
        "shuffled order",
        "history: 1 to 4",
        "Calibration",
        "of the targets repeat an item",
        "evaluation.json",
    ):
        assert expected in done.stdout
    report = msgspec.json.decode((out / "evaluation.json").read_bytes(), type=Evaluation)
    assert [split.split for split in report.splits] == ["personalize", "time"]
    picture = ElementTree.parse(out / "evaluation.svg").getroot()
    texts = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("repeat own history") == 2


def test_the_answer_for_machines_is_the_report(demo_data: Path) -> None:
    done = evaluate(
        demo_data,
        *("--recipe", "popularity-count", "--set", "half_life_days=7", "--split", "time"),
        *("--seed", "3", "--at", str(END), "--json"),
    )
    assert done.returncode == 0, done.stderr
    report = msgspec.json.decode(done.stdout, type=Evaluation)
    assert report == msgspec.json.decode(
        (demo_data / "evaluation" / "evaluation.json").read_bytes(), type=Evaluation
    )
    assert (report.recipe, report.seed, report.as_of) == ("popularity-count", 3, END)
    assert report.settings["half_life_days"] == 7
    assert [split.split for split in report.splits] == ["time"]


def test_recipes_and_versions_are_compared_and_their_predictions_written(
    demo_data: Path, tmp_path: Path
) -> None:
    at, folder = ("--at", str(END)), ("--data-dir", str(demo_data))
    trained = forked.run(["train", *folder, *at, "--recipe", "item-knn", "--json"], timeout=300)
    assert trained.returncode == 0, trained.stderr
    version = msgspec.json.decode(trained.stdout)[0]["name"]
    named = ("--recipe", "ease", "--recipe", "random", "--version", version, "--split", "time")
    out, rows = ("--out", str(tmp_path / "report")), tmp_path / "best.csv"
    done = evaluate(demo_data, *named, *at, *out, "--predictions", str(rows))
    assert done.returncode == 0, done.stderr
    words = " ".join(done.stdout.split())
    for model in ("random", version):
        assert f"than {model} (" in words or f"apart from {model} (" in words
    assert f"{version} is fitted anew" in words
    assert str(rows) in words
    header, *lines = rows.read_text().splitlines()
    assert header == "split,model,user,item,score,rank"
    assert {line.split(",")[1] for line in lines} == {"ease", "random", version}
    again = evaluate(demo_data, "--version", version, "--set", "neighbours=3", *at)
    assert (again.returncode, "--set is for a recipe" in again.stderr) == (2, True)


def test_the_commands_of_the_page_on_judging_a_change_run_in_their_order(
    demo_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(demo_data, "pawsonalize-data")
    names = {"recommender": last_name("train", "--solution", "recommender", "--set", "trees=2")}
    for block in blocks_of(Path("docs/how-to/judge-a-change.md")):
        for line in commands(block):
            words = [
                names[word.partition("-2026")[0]] if "-2026" in word else word for word in line
            ]
            if words[:2] == ["train", "--solution"]:
                names["trial"] = last_name(*words)
            elif words[0] == "retrain":
                names["retrain"] = last_name(*words)
            else:
                done = forked.run(words, timeout=300)
                assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    assert {"recommender", "trial", "retrain"} == names.keys()
    assert Path("lists.csv").read_text().startswith("split,model,user,item,score,rank")
    assert "Not enough to tell" in forked.run(["ope", "--policy", names["trial"]]).stdout


def last_name(*words: str) -> str:
    """The name of what a training or a retraining made."""
    done = forked.run([*words, "--json"], timeout=300)
    assert done.returncode == 0, done.stderr
    made = msgspec.json.decode(done.stdout)
    name: str = made["run_id"] if isinstance(made, dict) else made[0]["name"]
    return name


def test_an_empty_folder_is_told_what_to_do(tmp_path: Path) -> None:
    done = evaluate(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"no database {tmp_path}" in done.stderr
    assert "pawsonalize import" in done.stderr
    assert list(tmp_path.iterdir()) == []
