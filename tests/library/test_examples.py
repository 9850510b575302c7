"""The notebook and the snippet of the README, run as they stand."""

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def test_the_notebook_runs_and_each_cell_shows_what_it_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for cell in json.loads((ROOT / "examples" / "notebook.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert list(names["result"].measured)[-1] == "Next"
    assert names["result"].table()["ndcg@10"][-1] > names["result"].table()["ndcg@10"][0]
    assert "<table>" in names["result"]._repr_html_()


def test_the_snippet_of_the_readme_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        f"u{user},m{(user * 3 + step) % 9},{1_700_000_000 + user * 50 + step}"
        for user in range(30)
        for step in range(6)
    ]
    (tmp_path / "interactions.csv").write_text("userId,movieId,timestamp\n" + "\n".join(rows))
    monkeypatch.chdir(tmp_path)
    exec((ROOT / "README.md").read_text().partition("```python\n")[2].partition("```")[0], {})
    printed = capsys.readouterr().out
    assert "Popularity(unseen=True)" in printed
    assert "MyModel" in printed
    assert "difference" in printed
    assert "u2" in printed
