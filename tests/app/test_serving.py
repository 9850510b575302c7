"""The live models of a server, beside other processes of the same machine."""

from pathlib import Path

from pawsonalize.app.adapters import opened
from pawsonalize.core.work.leases import held
from pawsonalize.resources.defaults import RECOMMENDER
from tests.event_data import T0
from tests.service_data import make_service
from tests.training import train_and_serve


def test_while_another_process_of_the_machine_loads_this_one_serves_on(tmp_path: Path) -> None:
    settings = make_service(tmp_path / "data")
    with opened(settings) as adapters:
        live = adapters.live_models()[RECOMMENDER]
        with held(settings.data_dir):
            assert live.refresh(T0 + 2000), "there is nothing to serve on with"
            first = live.current.version.name
            second = train_and_serve(adapters, T0 + 3000).name
            assert not live.refresh(T0 + 4000)
            assert live.current.version.name == first
        assert live.refresh(T0 + 5000)
        assert live.current.version.name == second
