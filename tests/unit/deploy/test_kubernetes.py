"""The kustomize base renders, validates strictly, and gives no privilege, holds no secret and has no loose end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from docward.runtime.service import STOP_S
from docward.runtime.settings import Settings

Manifest = dict[str, Any]

OLDEST, NEWEST = "1.32", "1.37"
"""The Kubernetes versions that the base is checked against. `preStop: sleep` came with 1.30."""
SECRETS = {"docward-keyring", "docward-postgres"}
"""What an overlay brings."""


def render(folder: Path) -> list[Manifest]:
    """What `kustomize build` gives, for the features that the base uses."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    assert set(kustomization) == {"apiVersion", "kind", "resources", "images"}
    files = sorted(path.name for path in folder.glob("*.yaml") if path.name != "kustomization.yaml")
    assert sorted(kustomization["resources"]) == files
    tags = {image["name"]: image["newTag"] for image in kustomization["images"]}
    manifests = []
    for name in kustomization["resources"]:
        for manifest in yaml.safe_load_all((folder / name).read_text(encoding="utf-8")):
            for container in containers(manifest):
                container["image"] = f"{container['image']}:{tags[container['image']]}"
            manifests.append(manifest)
    return manifests


def pod_spec(manifest: Manifest) -> dict[str, Any]:
    spec: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return spec


def containers(manifest: Manifest) -> list[dict[str, Any]]:
    if manifest["kind"] not in {"Deployment", "StatefulSet"}:
        return []
    found: list[dict[str, Any]] = pod_spec(manifest)["containers"]
    return found


@pytest.fixture(scope="session")
def base(root: Path) -> list[Manifest]:
    return render(root / "deploy/k8s/base")


@pytest.fixture(scope="session")
def workloads(base: list[Manifest]) -> dict[str, Manifest]:
    """By service."""
    return {m["metadata"]["name"].removeprefix("docward-"): m for m in base if containers(m)}


def named(base: list[Manifest], kind: str) -> dict[str, Manifest]:
    return {m["metadata"]["name"]: m for m in base if m["kind"] == kind}


def references(value: Any, key: str) -> Iterator[Any]:
    """Everything that stands under `key`, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key:
                yield inner
            yield from references(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner, key)


@pytest.mark.parametrize("kubernetes", [OLDEST, NEWEST])
def test_every_manifest_is_valid(base: list[Manifest], kubernetes: str) -> None:
    for manifest in base:
        kubernetes_validate.validate(manifest, kubernetes, strict=True)


def test_validation_is_strict(base: list[Manifest]) -> None:
    wrong = named(base, "ConfigMap")["docward"] | {"dta": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, NEWEST, strict=True)


def test_nothing_is_declared_twice(base: list[Manifest]) -> None:
    identities = [(m["kind"], m["metadata"]["name"]) for m in base]
    assert len(set(identities)) == len(identities)


def test_a_base_names_no_namespace_and_holds_no_secret(base: list[Manifest]) -> None:
    assert [m for m in base if "namespace" in m["metadata"]] == []
    assert named(base, "Secret") == {}
    assert {ref["name"] for key in ("secretRef", "secretKeyRef") for ref in references(base, key)} == SECRETS


def test_only_the_gateway_is_stateless_and_scales_by_load(
    base: list[Manifest], workloads: dict[str, Manifest], services: tuple[str, ...]
) -> None:
    kinds = {service: workload["kind"] for service, workload in workloads.items()}
    assert kinds == dict.fromkeys(services, "StatefulSet") | {"gateway": "Deployment"}
    scalers = named(base, "HorizontalPodAutoscaler")
    assert set(scalers) == {"docward-gateway"}
    assert scalers["docward-gateway"]["spec"]["scaleTargetRef"]["name"] == "docward-gateway"
    assert "replicas" not in workloads["gateway"]["spec"]  # the two would undo each other at every apply


def test_images_have_the_projects_version(workloads: dict[str, Manifest], service: str, version: str) -> None:
    assert [c["image"] for c in containers(workloads[service])] == [f"docward-{service}:{version}"]


def test_a_service_accepts_its_environment(
    base: list[Manifest],
    workloads: dict[str, Manifest],
    service: str,
    started_with: Callable[[str, Mapping[str, str]], Settings],
) -> None:
    key = "5e" * 32
    secrets = {
        "docward-keyring": {"gateway": key, "converter": key, "analyzer": key, "projector": key, "partner": key},
        "docward-postgres": {service: f"postgresql://{service}@postgres/docward"},
    }
    container = containers(workloads[service])[0]
    environment: dict[str, str] = {}
    for source in container["envFrom"]:
        prefix = source.get("prefix", "")
        values = (
            named(base, "ConfigMap")[source["configMapRef"]["name"]]["data"]
            if "configMapRef" in source
            else secrets[source["secretRef"]["name"]]
        )
        environment |= {prefix + name: value for name, value in values.items()}
    for variable in container["env"]:
        source = variable.get("valueFrom", {})
        if "secretKeyRef" in source:
            environment[variable["name"]] = secrets[source["secretKeyRef"]["name"]][source["secretKeyRef"]["key"]]
        elif "fieldRef" in source:
            assert source["fieldRef"] == {"fieldPath": "metadata.name"}
            environment[variable["name"]] = f"docward-{service}-0"
        else:
            environment[variable["name"]] = variable["value"]
    settings = started_with(service, environment)
    assert settings.signing.key_id == service
    assert settings.keyring[service] == settings.signing.key
    assert "partner" in settings.keyring
    assert settings.http.port == container["ports"][0]["containerPort"]
    if service != "gateway":
        assert settings.instance == f"docward-{service}-0"


def test_every_variable_is_one_of_the_settings(
    base: list[Manifest], workloads: dict[str, Manifest], service: str, field_of: Callable[[str], str | None]
) -> None:
    names = [variable["name"] for variable in containers(workloads[service])[0]["env"]]
    names += named(base, "ConfigMap")["docward"]["data"]
    assert [name for name in names if field_of(name) is None] == []


def test_pods_meet_the_restricted_standard(workloads: dict[str, Manifest], service: str) -> None:
    spec = pod_spec(workloads[service])
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False  # they would set DOCWARD_… variables of their own
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/var/lib/docward/objects", "/tmp"}  # noqa: S108  # a mount, not a file


def test_probes_and_resources(workloads: dict[str, Manifest], service: str) -> None:
    (container,) = containers(workloads[service])
    assert container["livenessProbe"]["httpGet"] == {"path": "/health/live", "port": "http"}
    assert container["startupProbe"]["httpGet"] == {"path": "/health/live", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/health/ready", "port": "http"}
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]


def test_a_pod_has_the_time_to_stop(workloads: dict[str, Manifest], service: str) -> None:
    (container,) = containers(workloads[service])
    before = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert pod_spec(workloads[service])["terminationGracePeriodSeconds"] >= before + STOP_S + 10


def test_selectors_find_the_pods_of_their_service_and_no_others(
    base: list[Manifest], workloads: dict[str, Manifest], service: str
) -> None:
    labels = workloads[service]["spec"]["template"]["metadata"]["labels"]
    name = f"docward-{service}"
    selectors = [
        workloads[service]["spec"]["selector"]["matchLabels"],
        named(base, "Service")[name]["spec"]["selector"],
        named(base, "PodDisruptionBudget")[name]["spec"]["selector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert selector["app.kubernetes.io/name"] == name


def test_everything_that_a_pod_names_is_there(
    base: list[Manifest], workloads: dict[str, Manifest], service: str
) -> None:
    spec = pod_spec(workloads[service])
    assert spec["serviceAccountName"] in named(base, "ServiceAccount")
    assert {ref["name"] for ref in references(spec, "configMapRef")} <= set(named(base, "ConfigMap"))
    claims = {ref["claimName"] for ref in references(spec, "persistentVolumeClaim")}
    assert claims == set(named(base, "PersistentVolumeClaim"))
    if workloads[service]["kind"] == "StatefulSet":
        governing = named(base, "Service")[workloads[service]["spec"]["serviceName"]]
        assert governing["spec"]["clusterIP"] == "None"


def test_the_network_is_closed_but_for_what_is_needed(base: list[Manifest]) -> None:
    policies = named(base, "NetworkPolicy")
    everything = {"matchLabels": {"app.kubernetes.io/part-of": "docward"}}
    assert policies["docward-default-deny"]["spec"] == {"podSelector": everything, "policyTypes": ["Ingress", "Egress"]}
    leaving = [rule for policy in policies.values() for rule in policy["spec"].get("egress", [])]
    assert {port["port"] for rule in leaving for port in rule["ports"]} == {53, 9092, 5432, 4318}
    for name, policy in policies.items():
        for rule in policy["spec"].get("ingress", []):
            assert "from" in rule or name == "docward-gateway"
