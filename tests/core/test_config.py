"""Settings as they are written: nothing is passed over in silence, and errors say what to write."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pawsonalize.app.cli.main import app, main
from pawsonalize.app.settings import Settings, read_settings
from pawsonalize.core.errors import InvalidInput

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder with a `config` in it, and no variables of ours."""
    monkeypatch.chdir(tmp_path)
    for variable in ("PAWSONALIZE_ENV", "PAWSONALIZE_CONFIG", "PAWSONALIZE_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "config").mkdir()
    return tmp_path


def write(text: str, name: str = "dev.yaml") -> None:
    Path("config", name).write_text(text)


def refused() -> str:
    with pytest.raises(InvalidInput) as caught:
        read_settings()
    return caught.value.message


def test_a_misspelt_setting_in_the_file_is_an_error_with_the_right_name() -> None:
    write("promotion_treshold: 0.02\n")
    assert refused() == (
        "config/dev.yaml: there is no setting promotion_treshold: did you mean promotion_threshold?"
    )
    write("colour: red\n")
    assert "settings.md" in refused()


def test_a_misspelt_variable_is_a_warning_with_the_right_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PAWSONALIZE_DATADIR", "/srv")
    monkeypatch.setenv("PAWSONALIZE_port", "1")
    monkeypatch.setenv("PAWSONALIZE_COLOUR", "red")
    monkeypatch.setenv("PAWSONALIZE_TEST_POSTGRES_URL", "postgresql://…")
    settings, written = read_settings()
    assert settings == Settings.of()
    assert sorted(written.warnings) == [
        "the variable PAWSONALIZE_COLOUR is without effect: there is no setting of that name",
        "the variable PAWSONALIZE_DATADIR is without effect: did you mean PAWSONALIZE_DATA_DIR?",
        "the variable PAWSONALIZE_port is without effect: did you mean PAWSONALIZE_PORT?",
    ]


def test_commands_print_the_warnings_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PAWSONALIZE_DATADIR", "/srv")
    monkeypatch.setattr("sys.argv", ["pawsonalize", "runs", "ls"])
    with pytest.raises(SystemExit):
        main()
    printed = capsys.readouterr()
    assert "warning: the variable PAWSONALIZE_DATADIR is without effect" in printed.err
    assert printed.out == ""


def test_an_environment_without_its_file_names_the_file_and_those_that_are_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_settings()[0] == Settings.of(), "the default environment may have none"
    write("port: 1\n")
    monkeypatch.setenv("PAWSONALIZE_ENV", "prod")
    message = refused()
    assert f"there is no file {folder}/config/prod.yaml" in message
    assert "dev.yaml" in message
    write("port: 9000\n", "prod.yaml")
    assert read_settings()[0].port == 9000


def test_yml_is_read_as_well_but_not_beside_yaml() -> None:
    write("port: 9001\n", "dev.yml")
    settings, written = read_settings()
    assert settings.port == 9001
    assert written.file == Path("config/dev.yml")
    write("port: 9002\n", "dev.yaml")
    assert "config/dev.yaml and config/dev.yml are both there" in refused()


def test_a_variable_names_the_file_wherever_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("port: 1\n")
    monkeypatch.setenv("PAWSONALIZE_CONFIG", str(folder / "ours.yml"))
    assert f"{folder}/ours.yml, and there is no such file" in refused()
    (folder / "ours.yml").write_text("port: 9003\n")
    assert read_settings()[0].port == 9003


def test_a_wrong_file_is_one_clear_error(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, str]] = [
        ("- port\n", "must hold `name: value` lines, and holds ['port']"),
        ("port 80\n", "must hold `name: value` lines, and holds 'port 80'"),
        ("port: 1\nhost: a\nport: 2\n", "port is set twice, again in line 3"),
        ("1: 2\n", "1 is not the name of a setting"),
        ("port: 1: 2\n", "config/dev.yaml cannot be read"),
        ("exploration_weight: 0.1\nexplorationWeight: 0.2\n", "twice, as exploration_weight and"),
        ("port: many\n", "the setting port 'many' (from config/dev.yaml) is wrong: write a whole"),
        ("port: 70000\n", "is wrong: write a whole number <= 65535"),
        ("port:\n", "the setting port None (from config/dev.yaml) is wrong: write a whole number"),
        ("log_level: loud\n", "write one of debug, info, warning, error"),
        ("aws_account_id: 123456789012\n", "text, in quotes"),
        ("data_dir: 5\n", "the setting data_dir 5 (from config/dev.yaml) is wrong: write text"),
        ("reranking_enabled: maybe\n", "write true or false"),
        ("public_url: pets.example.org\n", "matching regex '^(|https?://.+)$'"),
    ]
    for text, said in cases:
        with subtests.test(text=text, said=said):
            write(text)
            assert said in refused()


def test_an_error_names_the_variable_and_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWSONALIZE_WORKERS", "two")
    assert "workers 'two' (from the variable PAWSONALIZE_WORKERS) is wrong" in refused()
    monkeypatch.delenv("PAWSONALIZE_WORKERS")
    write("notify_smtp_url: [hunter2]\n")
    assert "notify_smtp_url (from config/dev.yaml) is wrong: write text" in refused()
    assert "hunter2" not in refused()


def test_an_empty_file_sets_nothing_and_says_so() -> None:
    write("# nothing yet\n")
    settings, written = read_settings()
    assert settings == Settings.of()
    assert written.warnings == ("config/dev.yaml is empty: nothing is set by it",)


def test_the_knobs_of_awss_deployment_are_mapped_or_named() -> None:
    write(
        "vpcId: vpc-1\nkeyArnPath: /a\ns3NameSsmPath: /b\ns3SeedNameSsmPath: /b2\n"
        "kinesisStreamNameSsmPath: /c\neventTrackerIdSsmPath: /d\ncampaignArnPath: /e\n"
        "promotionThreshold: 0.02\nrerankingEnabled: false\nexplorationWeight: 0.3\n"
        "explorationItemAgeCutOff: 30\nminProvisionedTPS: 2\nrerankMinProvisionedTPS: 3\n"
    )
    settings, written = read_settings()
    assert settings.promotion_threshold == 0.02
    assert settings.reranking_enabled is False
    assert settings.exploration_weight == 0.3
    assert settings.exploration_item_age_cut_off == 30
    assert settings.min_provisioned_tps == 2
    assert settings.rerank_min_provisioned_tps == 3
    assert written.warnings == ()
    assert len(written.notes) == 7
    assert written.notes[0] == (
        "config/dev.yaml: vpcId names a network of AWS: `pawsonalize-deploy` reads it, nothing here"
        " does"
    )


def test_the_config_file_of_the_reference_is_accepted_and_each_key_acts_or_is_explained() -> None:
    file = ROOT.parent / "shared/data/reference/config/dev.yaml"
    if not file.is_file():
        pytest.skip("the reference is not here")
    write(file.read_text())
    done = CliRunner().invoke(app, ["config", "check"])
    assert done.exit_code == 0, done.output
    *notes, said = done.output.splitlines()
    assert len(notes) == 12
    assert all("`pawsonalize-deploy` reads it" in note for note in notes)
    assert "can be used: 6 settings are given" in said


def test_a_misspelt_knob_is_refused_beside_those_of_aws() -> None:
    write("getRecommendationNamePath: /a\nexplorationWait: 0.1\n")
    with pytest.raises(InvalidInput, match=r"explorationWait: did you mean exploration_weight\?"):
        read_settings()


def test_the_doctor_says_which_settings_are_given_and_what_is_without_effect(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("port: 9004\n")
    monkeypatch.setenv("PAWSONALIZE_WORKERS", "2")
    monkeypatch.setenv("PAWSONALIZE_DATADIR", "/srv")
    monkeypatch.setenv("COLUMNS", "400")
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert f"{folder}/config/dev.yaml; given: port (from config/dev.yaml)" in done.output
    assert "workers (from the variable PAWSONALIZE_WORKERS)" in done.output
    assert "did you mean PAWSONALIZE_DATA_DIR?" in done.output
