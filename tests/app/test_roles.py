"""What a server does, by its roles; and what one says that does not answer."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from pawsonalize.app.app import opened_app, plugin_tasks, start_plugins
from pawsonalize.app.asgi import build_app
from pawsonalize.app.cli.serve import run_server
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import InvalidInput
from tests.service_data import client_of, make_service


def tasks(settings: Settings, **more: str) -> set[str]:
    """What a server with these settings does again and again."""
    settings = settings.changed(**more)
    with opened_app(settings) as app, ExitStack() as stack:
        shared = start_plugins(app, stack)
        found = [*app.tasks(), *plugin_tasks(app, shared)]
        app.close()
    return {one.name for one in found}


def test_the_roles_share_all_tasks_out(tmp_path: Path) -> None:
    settings = make_service(tmp_path, train=False, stream_url="nats://localhost/EVENTS")
    serve, work, consume = (tasks(settings, roles=role) for role in ("serve", "work", "consume"))
    assert serve | work | consume == tasks(settings)
    everybody = {"tell problems", "deliver due log", "deliver to destinations"}
    everybody |= {"look at refusals", "forget removed models"}
    assert serve & work == work & consume == serve & consume == everybody
    assert {"archive new", "erase visitors", "train when due", "fetch feeds"} < work
    assert {"follow campaigns", "log impressions"} < serve
    assert consume == {*everybody, "read the stream"}


def test_a_server_without_the_role_serve_says_so_and_is_ready_all_the_same(tmp_path: Path) -> None:
    settings = make_service(tmp_path, roles="work")
    with client_of(build_app(settings)) as client:
        for path in ("/v1/recommendations", "/aws/recommendations", "/nowhere"):
            refused = client.post(path, json={})
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "not_serving")
        ready = client.get("/readyz").json()
        assert client.get("/healthz").status_code == 200
        assert client.get("/metrics").status_code == 200
    assert (ready["status"], ready["roles"], ready["campaigns"]) == ("ready", ["work"], [])


def test_a_training_that_is_asked_of_a_server_that_only_answers_waits_for_one_that_works(
    tmp_path: Path,
) -> None:
    settings = make_service(tmp_path, roles="serve")
    with client_of(build_app(settings)) as client:
        answer = client.post("/v1/solution-versions", json={"solution": "recommender"})
        assert answer.json()["status"] == "CREATE PENDING"
        assert client.get("/readyz").json()["roles"] == ["serve"]


@pytest.mark.parametrize("roles", ["serve,wrok", "", "serve work", "serve,"])
def test_a_misspelt_role_is_one_error_that_lists_the_roles(roles: str) -> None:
    with pytest.raises(InvalidInput, match="is no role: write one or more of serve, work, consume"):
        Settings(roles=roles)


def test_roles_may_have_spaces_between() -> None:
    assert Settings(roles=" consume , serve").own_roles == ("serve", "consume")


def test_a_server_that_could_only_read_streams_and_has_none_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="would do nothing"):
        run_server(Settings(data_dir=tmp_path, roles="consume"))
