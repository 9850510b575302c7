"""A plugin and a recipe of other distributions, installed beside the service and used."""

import csv
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import boto3
import numpy as np
import pytest

from pawsonalize.core import clock
from tests.e2e.conftest import Start, environment

ROOT = Path(__file__).parents[2]
_DAY = 86_400_000


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which both examples are installed from wheels, as `pip install --target`."""
    folder = tmp_path_factory.mktemp("extensions")
    for name in ("plugin", "recipe"):
        source = folder / "sources" / name
        shutil.copytree(ROOT / "examples" / name, source)
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        subprocess.run(build, cwd=source, check=True, capture_output=True)
    installed = folder / "installed"
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(installed)
    return installed


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A folder with a plugin whose endpoints do not import."""
    (tmp_path / "paws_broken").mkdir()
    text = "from pawsonalize import Plugin\n"
    text += 'PLUGIN = Plugin("broken", package=__name__, operations="endpoints:OPERATIONS")\n'
    (tmp_path / "paws_broken" / "__init__.py").write_text(text)
    (tmp_path / "paws_broken" / "endpoints.py").write_text("import no_such_package\n")
    about = tmp_path / "broken-2.5.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: paws-broken\nVersion: 2.5\n")
    (about / "entry_points.txt").write_text("[pawsonalize.plugins]\nbroken = paws_broken:PLUGIN\n")
    return tmp_path


def command(folder: Path, *words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """One command of a service beside which the folder's packages are installed."""
    return subprocess.run(
        [sys.executable, "-m", "pawsonalize.app.cli.main", *words],
        env=environment(**settings) | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_installed_plugin_has_its_endpoint_command_page_task_and_table(
    packages: Path, start: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    start(folder).stop()  # so that there is a database without its table
    server = start(folder, program=str(packages), visit_days="0")
    soon = clock.now() + _DAY
    with server.client() as client:
        booked = {"animalId": "a1", "at": soon, "name": "Ann"}
        assert client.post("/v1/visits", json=booked).status_code == 201
        taken = client.post("/v1/visits", json=booked | {"name": "Bob"})
        assert (taken.status_code, taken.json()["error"]["code"]) == (409, "conflict")
        unnamed = client.post("/v1/visits", json={"animalId": "a1", "at": soon})
        assert "name" in unnamed.json()["error"]["message"]
        assert client.get("/v1/console/visits").json()["visits"][0]["name"] == "Ann"
        assert "Ann" in client.get("/console/visits").text
        assert "/v1/visits" in client.get("/openapi.json").text
    assert server.stop() == 0
    listed = command(packages, "visits", "--data-dir", str(folder))
    assert listed.stdout.split() == [str(soon), "a1", "Ann"], listed.stderr
    assert "visit_days" in command(packages, "config", "show").stdout


def test_a_plugin_that_does_not_load_is_named_and_the_rest_runs(
    broken: Path, start: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    server = start(folder, program=str(broken))
    with server.client() as client:
        assert client.post("/v1/recommendations", json={"userId": "u"}).status_code in {200, 503}
        assert "The plugin broken of paws-broken 2.5 is left out" in client.get("/console").text
    server.stop()
    log = server.output.read_text().splitlines()
    lines = [line for line in log if "[error" in line]
    assert len(lines) == 1
    assert "no_such_package" in lines[0]
    for words in (("doctor",), ("status",)):
        said = command(broken, *words, "--json", "--data-dir", str(folder)).stdout
        assert "broken of paws-broken 2.5 is left out" in said, words


def test_a_plugin_that_does_not_start_is_a_problem_and_its_endpoints_are_unavailable(
    broken: Path, start: Start, tmp_path: Path
) -> None:
    text = "from pawsonalize import SITE, Operations, Plugin\nOPERATIONS = Operations(SITE)\n"
    text += '@OPERATIONS.add("GET", "/v1/broken")\nasync def get_broken(request) -> dict:\n'
    text += '    """Get it."""\n    return request.app.state.plugins["broken"]\n'
    text += "def started(adapters, services):\n    raise OSError('no such device')\n"
    text += 'PLUGIN = Plugin("broken", package=__name__, started=":started",'
    text += ' operations=":OPERATIONS")\n'
    (broken / "paws_broken" / "__init__.py").write_text(text)
    server = start(tmp_path / "data", program=str(broken))
    with server.client() as client:
        refused = client.get("/v1/broken")
        assert refused.status_code == 503
        assert "the plugin broken did not start" in refused.json()["error"]["message"]
        assert "tart the plugin broken" in client.get("/console").text
        assert client.get("/healthz").status_code == 200


def test_an_installed_recipe_runs_the_checks_that_every_recipe_passes(packages: Path) -> None:
    test = str(ROOT / "examples" / "recipe" / "test_favourites.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", test],
        env=environment() | {"PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "35 passed" in done.stdout


def test_an_installed_recipe_is_trained_judged_served_and_known_to_boto3_programs(
    packages: Path, start: Start, tmp_path: Path
) -> None:
    settings = {
        "recipe": "paws-favourites",
        "data_dir": str(tmp_path / "data"),
        "gate_max_top_item_share": "1",  # that few items are popular with everybody here
    }
    own_of: dict[str, list[str]] = {}
    rows, dice, now = tmp_path / "interactions.csv", np.random.default_rng(3), clock.now()
    with rows.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"))
        for user in range(400):  # each has an animal of their own, and many want the same few
            own = int(dice.integers(60))
            for step in range(6):
                item = own if dice.random() < 0.4 else min(int(dice.geometric(0.4)) - 1, 59)
                at = now // 1000 - int(dice.integers(86_400)) - (5 - step) * 86_400
                writer.writerow((f"u{user}", f"i{item}", at, "view"))
                own_of.setdefault(f"u{user}", []).append(f"i{item}")
    imported = command(packages, "import", "--interactions", str(rows), **settings)
    assert imported.returncode == 0, imported.stderr
    trained = command(packages, "retrain", **settings)
    assert trained.returncode == 0, trained.stderr
    folder = Path(settings.pop("data_dir"))
    server = start(folder, program=str(packages), **settings)
    with server.client() as client:
        (run,) = client.get("/v1/runs").json()["runs"]
        of_recipe = next(one for one in run["halves"] if one["campaign"] == "recommender")
        assert of_recipe["fate"] == "promoted", run["reason"]
        answer = client.post("/v1/recommendations", json={"userId": "u0", "limit": 5}).json()
        assert answer[0] == {"id": max(set(own_of["u0"]), key=own_of["u0"].count)}
    personalize = boto3.client(
        "personalize",
        endpoint_url=f"{server.url}/aws",
        region_name="eu-west-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    with server.client() as client:
        listed = {one["name"]: one for one in client.get("/v1/recipes").json()["recipes"]}
    days, _ = listed["paws-favourites"]["settings"]
    assert days["description"] == "Days after which a choice counts half."
    names = [one["name"] for one in personalize.list_recipes()["recipes"]]
    assert "paws-favourites" in names
    arn = "arn:aws:personalize:::recipe/paws-favourites"
    assert personalize.describe_recipe(recipeArn=arn)["recipe"]["status"] == "ACTIVE"
    group = personalize.create_dataset_group(name="cats")["datasetGroupArn"]
    made = personalize.create_solution(name="mine", datasetGroupArn=group, recipeArn=arn)
    solution = personalize.describe_solution(solutionArn=made["solutionArn"])["solution"]
    assert solution["recipeArn"] == arn
    assert server.stop() == 0
    without = start(folder, recipe="popularity-count")  # the recipe is gone
    with without.client() as client:
        refused = client.post("/v1/recommendations", json={"userId": "u0"})
    assert refused.status_code == 503
    assert "there is no recipe paws-favourites" in refused.json()["error"]["message"]
