"""What holds for every command before it runs."""

import os

import pytest

from pawsonalize.app.cli import main


@pytest.mark.parametrize(("said", "heard"), [(None, "1"), ("4", "4")])
def test_linear_algebra_takes_one_thread_unless_told(
    monkeypatch: pytest.MonkeyPatch, said: str | None, heard: str
) -> None:
    if said is None:
        monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    else:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", said)
    seen: list[str] = []
    monkeypatch.setattr(main, "app", lambda: seen.append(os.environ["OPENBLAS_NUM_THREADS"]))
    main.main()
    assert seen == [heard]
