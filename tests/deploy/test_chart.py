"""The Helm chart, rendered and checked by Helm itself (its SDK; there is no cluster here)."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

import pawsonalize
from pawsonalize.app.settings import kinds_of_settings, read_settings
from tests.deploy.dockerfile import ROOT

CHART = ROOT / "deploy/helm/pawsonalize"
KUBERNETES = ("1.31", "1.35")
SECRETS = {
    "PAWSONALIZE_DATABASE_URL": "postgresql://pawsonalize:secret@db/pawsonalize",
    "PAWSONALIZE_ACCESS_KEY_ROOT": "a1" * 32,
}
LEAST: dict[str, Any] = {
    "settings": {"artefact_url": "s3://bucket/pets"},
    "secrets": {"values": SECRETS},
}
ALL: dict[str, Any] = {
    "settings": {
        "artefact_url": "s3://bucket/pets",
        "max_body_bytes": 5242880,
        "retrain_here": True,
        "exploration_weight": 0.2,
        "event_types": {"DetailView": "view"},
    },
    "environment": {"AWS_REGION": "eu-central-1"},
    "secrets": {"values": {**SECRETS, "PAWSONALIZE_STREAM_URL": "nats://n0/EVENTS"}},
    "serve": {"autoscaling": {"enabled": True}, "nodeSelector": {"disk": "fast"}},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "hosts": ["pets.example"],
        "tls": [{"secretName": "pets-tls", "hosts": ["pets.example"]}],
    },
    "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/p"}},
    "networkPolicy": {"from": [{"namespaceSelector": {}}]},
    "podMonitor": {"enabled": True, "authorization": {"name": "pawsonalize-monitor"}},
    "imagePullSecrets": [{"name": "ours"}],
}


def rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    """The documents that an installation makes."""
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        files = chart.render(values, name="pets", namespace="shelter")
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    return [one for text in texts for one in yaml.safe_load_all(text) if one]


def of(kind: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in rendered(values) if one["kind"] == kind]


def pods(values: dict[str, Any]) -> list[dict[str, Any]]:
    """What each pod is made from: of the Deployments and the Job."""
    made = [*of("Deployment", values), *of("Job", values)]
    assert len(made) == 3
    return [one["spec"]["template"]["spec"] for one in made]


def refused(values: dict[str, Any]) -> str:
    with (
        helm_python.Chart.load(CHART) as chart,
        pytest.raises(helm_python.HelmValuesError) as caught,
    ):
        chart.validate_schema(values)
    return str(caught.value)


@pytest.mark.parametrize("values", [LEAST, ALL], ids=["least", "all"])
def test_helm_finds_no_mistake(values: dict[str, Any]) -> None:
    report = helm_python.lint(CHART, values, strict=True)
    assert report["errors"] == []
    assert [one["error"] for one in report["messages"]] == ["icon is recommended"]


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("values", [LEAST, ALL], ids=["least", "all"])
def test_every_document_is_one_of_kubernetes(values: dict[str, Any], version: str) -> None:
    for one in rendered(values):
        if one["kind"] != "PodMonitor":  # the Prometheus operator's
            kubernetes_validate.validate(one, version, strict=True)


def test_what_is_always_there_and_what_is_asked_for() -> None:
    least = {"ConfigMap", "Deployment", "Job", "NetworkPolicy", "PodDisruptionBudget", "Secret"}
    least |= {"Service", "ServiceAccount"}
    assert {one["kind"] for one in rendered(LEAST)} == least
    more = {"HorizontalPodAutoscaler", "Ingress", "PodMonitor"}
    assert {one["kind"] for one in rendered(ALL)} == least | more


def test_no_pod_has_rights_and_none_writes_but_to_its_folders() -> None:
    for pod in pods(LEAST):
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        mounts = {one["mountPath"] for one in container["volumeMounts"]}
        assert mounts == {"/var/lib/pawsonalize", "/tmp"}
        assert "memory" in container["resources"]["limits"]


def test_a_service_of_our_name_is_no_setting_of_ours() -> None:
    """Kubernetes would set PAWSONALIZE_PORT=tcp://… in every pod beside a Service of that name."""
    assert [pod["enableServiceLinks"] for pod in pods(LEAST)] == [False] * 3


def test_pods_that_answer_are_asked_whether_they_live_and_whether_they_are_ready() -> None:
    deployments = of("Deployment", LEAST)
    assert deployments
    for deployment in deployments:
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        asked = {name: container[f"{name}Probe"]["httpGet"] for name in ("liveness", "readiness")}
        assert asked["liveness"] == {"path": "/healthz", "port": "http"}
        assert asked["readiness"] == {"path": "/readyz?without=models", "port": "http"}
        assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_each_part_has_its_roles_and_the_service_leads_to_those_that_answer() -> None:
    roles = {}
    for deployment in of("Deployment", LEAST):
        template = deployment["spec"]["template"]
        (given,) = template["spec"]["containers"][0]["env"]
        roles[template["metadata"]["labels"]["app.kubernetes.io/component"]] = given["value"]
    assert roles == {"serve": "serve", "work": "work,consume"}
    (service,) = of("Service", LEAST)
    selected = service["spec"]["selector"].items()
    leads = [
        one["metadata"]["name"]
        for one in of("Deployment", LEAST)
        if selected <= one["spec"]["template"]["metadata"]["labels"].items()
    ]
    assert leads == ["pets-pawsonalize-serve"]


def test_a_node_that_is_drained_takes_one_pod_of_a_part_at_a_time() -> None:
    budgets = of("PodDisruptionBudget", LEAST)
    assert [one["spec"]["maxUnavailable"] for one in budgets] == [1, 1]
    for deployment, budget in zip(of("Deployment", LEAST), budgets, strict=True):
        assert budget["spec"]["selector"] == deployment["spec"]["selector"]


def test_only_this_namespace_comes_in_and_only_what_is_needed_goes_out() -> None:
    (policy,) = of("NetworkPolicy", LEAST)
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert policy["spec"]["ingress"][0]["from"] == [{"podSelector": {}}]
    ports = {one["port"] for one in policy["spec"]["egress"][0]["ports"]}
    assert ports == {53, 443, 5432, 4222}


def test_an_autoscaled_part_has_no_number_of_its_own() -> None:
    serve = next(one for one in of("Deployment", ALL) if one["metadata"]["name"].endswith("serve"))
    assert "replicas" not in serve["spec"]


def test_an_image_by_its_digest_wins_over_a_tag() -> None:
    digest = f"sha256:{'0' * 64}"
    image = {"repository": "ours/pawsonalize", "tag": "1", "digest": digest}
    for pod in pods({**LEAST, "image": image}):
        assert pod["containers"][0]["image"] == f"ours/pawsonalize@{digest}"


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == pawsonalize.__version__


def test_what_the_pods_are_given_is_read_as_it_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PAWSONALIZE")]:
        monkeypatch.delenv(name)
    (config,), (secret,) = of("ConfigMap", ALL), of("Secret", ALL)
    given = {**config["data"], **secret["stringData"]}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings, written = read_settings()
    assert written.warnings == ()
    assert settings.max_body_bytes == 5242880
    assert settings.retrain_here is True
    assert settings.event_types == {"DetailView": "view"}
    assert settings.database_url == SECRETS["PAWSONALIZE_DATABASE_URL"]
    assert given["AWS_REGION"] == "eu-central-1"


def test_a_secret_of_your_own_is_used_and_none_is_made() -> None:
    values = {**LEAST, "secrets": {"existing": "mine"}}
    assert of("Secret", values) == []
    for pod in pods(values):
        assert {"secretRef": {"name": "mine"}} in pod["containers"][0]["envFrom"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"settings": {"artefact_url": ""}}, "/settings/artefact_url"),
        ({"settings": {"artefact_url": "s3://b/p", "prot": 80}}, "'prot' not allowed"),
        ({"settings": {"artefact_url": "s3://b/p", "exploration_weight": 2}}, "maximum"),
        ({"settings": {"artefact_url": "s3://b/p", "host": "0.0.0.0"}}, "'host' not allowed"),
        (
            {"settings": {"artefact_url": "s3://b/p", "database_url": "postgresql://p"}},
            "'database_url' not allowed",
        ),
        ({"secrets": {"values": {}}}, "PAWSONALIZE_DATABASE_URL"),
        ({"secrets": {"values": {**SECRETS, "PAWSONALIZE_STREM_URL": "x"}}}, "STREM_URL"),
        ({"environment": {"PAWSONALIZE_PORT": "80"}}, "PAWSONALIZE_PORT"),
        ({"image": {"digest": "latest"}}, "/image/digest"),
        ({"ingress": {"enabled": True}}, "/ingress/hosts"),
        ({"podMonitor": {"enabled": True}}, "/podMonitor/authorization"),
        ({"terminationGracePeriodSeconds": 5}, "/terminationGracePeriodSeconds"),
        ({"replicas": 3}, "'replicas' not allowed"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_values_that_cannot_be_are_refused_by_their_name(
    changed: dict[str, Any], said: str
) -> None:
    assert said in refused({**LEAST, **changed})


def test_without_any_value_it_says_what_is_missing() -> None:
    said = refused({})
    assert "/settings/artefact_url" in said
    assert "PAWSONALIZE_DATABASE_URL" in said


def test_the_schema_knows_every_setting_that_is_not_secret() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    known = schema["$defs"]["settings"]["properties"].keys()
    elsewhere = {name for name in kinds_of_settings() if name not in known}
    assert elsewhere == {
        *("data_dir", "data_access", "host", "port", "roles"),
        *("database_url", "stream_url", "access_key_root"),
        *("notify_smtp_url", "notify_webhook_url", "notify_webhook_secret"),
    }


def test_the_schema_is_one() -> None:
    check = str(Path(sys.executable).parent / "check-jsonschema")
    done = subprocess.run(
        [check, "--check-metaschema", str(CHART / "values.schema.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_value_is_in_the_schema_and_every_part_of_the_schema_is_a_value() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert values.keys() == schema["properties"].keys() - {"global"}


def test_the_notes_say_how_to_get_the_first_key() -> None:
    with helm_python.Chart.load(CHART) as chart:
        notes = chart.render(LEAST, name="pets", namespace="shelter")
    (job,) = of("Job", LEAST)
    assert f"logs job/{job['metadata']['name']}" in notes["pawsonalize/templates/NOTES.txt"]
