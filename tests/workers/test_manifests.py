"""Files for clusters: valid for Kubernetes, KubeRay and `ray up`, and as closed as compose's."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
import ray
from jsonschema import Draft7Validator

import qsched
from tests.workers.files import ROOT, documents, faults, schema

MANIFEST = documents("workers/kuberay.yaml")
[CLUSTER] = documents("workers/ray-cluster.yaml")
[COMPOSE] = documents("docker-compose.yml")
KINDS = {
    "Deployment": "io.k8s.api.apps.v1.Deployment",
    "StatefulSet": "io.k8s.api.apps.v1.StatefulSet",
    "Service": "io.k8s.api.core.v1.Service",
    "PersistentVolumeClaim": "io.k8s.api.core.v1.PersistentVolumeClaim",
    "NetworkPolicy": "io.k8s.api.networking.v1.NetworkPolicy",
}


def named(document: dict[str, Any]) -> str:
    return f"{document['kind']} {document['metadata']['name']}"


def rules(document: dict[str, Any]) -> dict[str, Any]:
    if document["kind"] == "RayCluster":
        return schema("raycluster.json")
    return {"$ref": f"kubernetes-1.34.json#/$defs/{KINDS[document['kind']]}"}


def pods() -> list[dict[str, Any]]:
    """Return the specifications of all pods."""
    found: list[dict[str, Any]] = []

    def search(node: object) -> None:
        if isinstance(node, dict):
            if "containers" in node:
                found.append(node)
            for value in node.values():
                search(value)
        elif isinstance(node, list):
            for value in node:
                search(value)

    search(MANIFEST)
    return found


PODS = pods()
CONTAINERS = [
    each for pod in PODS for each in (*pod.get("initContainers", ()), *pod["containers"])
]


@pytest.mark.parametrize("document", MANIFEST, ids=named)
def test_every_object_follows_its_schema(document: dict[str, Any]) -> None:
    assert faults(document, rules(document)) == []


@pytest.mark.parametrize("document", MANIFEST, ids=named)
def test_a_misspelt_field_is_noticed(document: dict[str, Any]) -> None:
    wrong = copy.deepcopy(document)
    wrong["spec"]["replica"] = 2
    assert faults(wrong, rules(wrong))


def test_a_misspelt_field_of_a_pod_in_a_ray_cluster_is_noticed() -> None:
    [cluster] = [each for each in MANIFEST if each["kind"] == "RayCluster"]
    wrong = copy.deepcopy(cluster)
    wrong["spec"]["headGroupSpec"]["template"]["spec"]["container"] = []
    assert faults(wrong, rules(wrong))


@pytest.mark.parametrize("pod", PODS, ids=lambda pod: pod["containers"][0]["name"])
def test_pods_run_without_root_and_rights(pod: dict[str, Any]) -> None:
    context = pod["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] >= 999
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert "hostNetwork" not in pod
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        own = container["securityContext"]
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        mounted = {mount["name"] for mount in container.get("volumeMounts", ())}
        templates = {"data"} if container["name"] == "postgres" else set()
        assert mounted <= {volume["name"] for volume in pod.get("volumes", ())} | templates


def test_images_are_pinned_and_those_of_compose() -> None:
    images = {service["image"] for service in COMPOSE["services"].values()}
    base = re.findall(r"^FROM (\S+)", (ROOT / "workers" / "Dockerfile").read_text(), flags=re.M)
    for image in [*images, *base]:
        assert re.search(r":\d+\.\d+(\.\d+)?(-[a-z-]+)?$", image), image
    assert f"qsched:{qsched.__version__}" in images
    assert {container["image"] for container in CONTAINERS} == images
    assert CLUSTER["docker"]["image"] in images


def test_secrets_stand_in_no_file() -> None:
    for container in CONTAINERS:
        for entry in container.get("env", ()):
            if any(word in entry["name"] for word in ("PASSWORD", "AUTH_TOKEN")):
                assert set(entry["valueFrom"]) == {"secretKeyRef"}
                assert entry["valueFrom"]["secretKeyRef"]["name"] == "qsched"
    assert "PASSWORD=" not in json.dumps(CLUSTER)


def test_nothing_has_an_address_outside_and_only_the_service_is_let_in() -> None:
    for document in MANIFEST:
        if document["kind"] == "Service":
            assert document["spec"].get("type", "ClusterIP") == "ClusterIP"
    policies = {d["metadata"]["name"]: d["spec"] for d in MANIFEST if d["kind"] == "NetworkPolicy"}
    [inside] = policies["qsched"]["ingress"]
    assert inside["from"] == [{"podSelector": policies["qsched"]["podSelector"]}]
    assert policies["qsched-service"]["ingress"] == [{"ports": [{"port": 8000}]}]
    part = policies["qsched"]["podSelector"]["matchLabels"]
    for labels in found_labels():
        assert part.items() <= labels.items()


def found_labels() -> list[dict[str, str]]:
    """Return the labels of all pods."""
    found = []
    for document in MANIFEST:
        spec = document["spec"]
        if document["kind"] == "RayCluster":
            groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
            found += [group["template"]["metadata"]["labels"] for group in groups]
        elif "template" in spec:
            found.append(spec["template"]["metadata"]["labels"])
            assert spec["selector"]["matchLabels"].items() <= found[-1].items()
    return found


def test_ray_is_the_one_that_is_pinned() -> None:
    [cluster] = [each for each in MANIFEST if each["kind"] == "RayCluster"]
    assert cluster["spec"]["rayVersion"] == ray.__version__
    head = f"{cluster['metadata']['name']}-head-svc:6379"
    [service] = [c for c in CONTAINERS if c["name"] == "service"]
    assert {"name": "RAY_HEAD", "value": head} in service["env"]


def test_ray_up_takes_the_cluster_file() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    rule = json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())
    prepared = prepare_config(copy.deepcopy(CLUSTER))
    validate_config(prepared)
    assert list(Draft7Validator(rule).iter_errors(prepared)) == []
    assert prepared["available_node_types"]["local.cluster.node"]["min_workers"] == 2
    wrong = {**CLUSTER, "setup_command": []}
    assert list(Draft7Validator(rule).iter_errors(wrong))
