"""The manifests of deploy/kubernetes: what kustomize renders is valid, and holds what an operator relies on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.proxies import make_key
from tests.support.services import program, run
from wormhole_tunnel.config.settings import TunnelSettings, environment_source, program_settings, tunnel_settings

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
OVERLAYS = ("server", "sidecar")
DRAIN = TunnelSettings().drain_timeout
HARDENED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}

Manifests = dict[str, dict[str, Any]]


@pytest.fixture(params=OVERLAYS)
def rendered(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file with what an overlay makes, out of a copy with a key."""
    copy = tmp_path / "kubernetes"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("key.yaml", "status-token"))
    make_key(copy / "base")
    (copy / "base" / "status-token").write_text("0123456789abcdef")
    file = tmp_path / "rendered.yaml"
    file.write_text(run("kubectl", "kustomize", copy / "overlays" / request.param))
    return file


@pytest.fixture
def manifests(rendered: Path) -> Manifests:
    return {each["kind"]: each for each in yaml.safe_load_all(rendered.read_text())}


def pod(manifests: Manifests) -> dict[str, Any]:
    found = manifests["Deployment"]["spec"]["template"]["spec"]
    assert isinstance(found, dict)
    return found


def containers(manifests: Manifests) -> Iterator[dict[str, Any]]:
    yield from pod(manifests).get("initContainers", [])
    yield from pod(manifests)["containers"]


def proxy(manifests: Manifests) -> dict[str, Any]:
    [found] = [each for each in containers(manifests) if each["image"] == "wormhole:latest"]
    return found


def test_it_is_valid_without_a_field_too_many(rendered: Path) -> None:
    validate = Path(sys.executable).parent / "kubernetes-validate"
    done = subprocess.run([validate, "--strict", rendered], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_container_keeps_to_the_restricted_standard(manifests: Manifests) -> None:
    assert manifests["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    context = pod(manifests)["securityContext"]
    assert (context["runAsNonRoot"], context["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
    for container in containers(manifests):
        assert container["securityContext"] == HARDENED
        assert "memory" in container["resources"]["limits"]


def test_the_grace_period_is_longer_than_the_drain(manifests: Manifests) -> None:
    assert pod(manifests)["terminationGracePeriodSeconds"] >= DRAIN + 5


def test_only_readiness_depends_on_more_than_the_process(manifests: Manifests) -> None:
    container = proxy(manifests)
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "status"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "status"}


def test_the_proxy_takes_its_environment(manifests: Manifests) -> None:
    given = {each["name"]: each["value"] for each in proxy(manifests)["env"]}
    source = environment_source(given)
    assert len(source.values) == sum(name.startswith("WORMHOLE_") for name in given), "each is an option's"
    settings = tunnel_settings([source])
    assert program_settings([source]).status_token_file == "/etc/wormhole/status-token"
    limit = proxy(manifests)["resources"]["limits"]["memory"]
    assert settings.max_memory <= int(limit.removesuffix("Mi")) * 2**20 // 2


def test_the_secret_is_what_the_proxy_mounts(manifests: Manifests) -> None:
    secret = manifests["Secret"]
    assert set(secret["data"]) == {"key.yaml", "status-token"}
    [volume] = [each["secret"] for each in pod(manifests)["volumes"]]
    assert (volume["secretName"], volume["defaultMode"]) == (secret["metadata"]["name"], 0o440)
    assert [each["mountPath"] for each in proxy(manifests)["volumeMounts"]] == ["/etc/wormhole"]


def test_selectors_mean_the_pods(manifests: Manifests) -> None:
    labels = manifests["Deployment"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        manifests["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ]
    if service := manifests.get("Service"):
        selectors.append(service["spec"]["selector"])
        assert service["spec"]["clusterIP"] == "None", "headless: each pod has its address in the name"
    for selector in selectors:
        assert selector.items() <= labels.items()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_without_a_key_nothing_is_rendered(overlay: str, tmp_path: Path) -> None:
    copy = tmp_path / "kubernetes"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("key.yaml", "status-token"))
    command = [program("kubectl"), "kustomize", str(copy / "overlays" / overlay)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "key.yaml" in done.stderr
