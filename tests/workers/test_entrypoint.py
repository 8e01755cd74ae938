"""The entrypoint of the image: the script itself, with Ray on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.workers.files import ENTRYPOINT, documents

HEAD = "127.0.0.1:6390"


def environment(path: Path, **values: str) -> dict[str, str]:
    """Return an environment in which the programs in ``path`` come first."""
    kept = {key: os.environ[key] for key in ("HOME", "LANG") if key in os.environ}
    return {**kept, "PATH": f"{path}:{os.environ['PATH']}", **values}


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    """Programs that print how they were called; the head answers at the second try."""
    folder = tmp_path / "bin"
    folder.mkdir()
    tried = tmp_path / "tried"
    ray = (
        "if [[ $1 == health-check ]]; then [[ $3 != silent:* && -e TRIED ]] && exit 0; "
        'touch TRIED; exit 1; fi\necho "ray $*"\n'
    ).replace("TRIED", str(tried))
    for name, body in (("ray", ray), ("qsched", 'echo "qsched $*"\n')):
        (folder / name).write_text(f"#!/bin/bash\n{body}")
        (folder / name).chmod(0o755)
    return folder


def called(stubs: Path, *arguments: str, **values: str) -> list[str]:
    """Return the calls of a role, in their order."""
    done = subprocess.run(
        [ENTRYPOINT, *arguments],
        env=environment(stubs, **values),
        text=True,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
    )
    return done.stdout.splitlines()


def test_the_head_takes_no_work_and_has_no_dashboard(stubs: Path) -> None:
    [call] = called(stubs, "head", NODE_IP="10.0.0.1")
    assert call == (
        "ray start --head --block --port 6379 --num-cpus 0 --num-gpus 0 --node-ip-address "
        "10.0.0.1 --include-dashboard=false --disable-usage-stats"
    )


def test_a_worker_waits_for_the_head_and_offers_what_it_is_told(stubs: Path) -> None:
    [call] = called(stubs, "worker", RAY_HEAD=HEAD, WORKER_CPUS="3", WORKER_GPUS="1")
    assert call == (
        f"ray start --block --address {HEAD} --node-ip-address 127.0.0.1 --num-cpus 3 "
        "--num-gpus 1 --disable-usage-stats"
    )


@pytest.mark.parametrize(
    ("role", "command"), [("run", "run"), ("service", "serve --host 0.0.0.0")]
)
def test_study_and_service_join_the_cluster_without_taking_work(
    stubs: Path, role: str, command: str
) -> None:
    calls = called(stubs, role, "--db", "sqlite:///a b.db", RAY_HEAD=HEAD)
    assert calls == [
        f"ray start --address {HEAD} --node-ip-address 127.0.0.1 --num-cpus 0 --num-gpus 0 "
        "--disable-usage-stats",
        f"qsched {command} --address auto --db sqlite:///a b.db",
    ]


def test_without_a_head_studies_train_where_they_are(stubs: Path) -> None:
    assert called(stubs, "run", "digits-ana") == ["qsched run digits-ana"]
    assert called(stubs, "service") == ["qsched serve --host 0.0.0.0"]


@pytest.mark.parametrize(
    "arguments", [(), ("--help",), ("report", "my study"), ("head-quarters",)]
)
def test_all_else_is_a_command(stubs: Path, arguments: tuple[str, ...]) -> None:
    assert called(stubs, *arguments) == [" ".join(["qsched", *arguments]).ljust(7)]


def test_ray_up_gets_its_shell(stubs: Path) -> None:
    assert called(stubs, "bash", "-c", "echo here") == ["here"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "RAY_HEAD must name the head"),
        ({"RAY_HEAD": "silent:1", "HEAD_SECONDS": "0"}, "no Ray head answers at silent:1"),
    ],
)
def test_a_worker_without_a_head_says_so(stubs: Path, values: dict[str, str], reason: str) -> None:
    done = subprocess.run(
        [ENTRYPOINT, "worker"],
        env=environment(stubs, **values),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert reason in done.stderr


class Cluster:
    """Roles of the entrypoint as processes of this machine, on loopback, with a token."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.values = {
            "RAY_HEAD": f"127.0.0.1:{self.port}",
            "RAY_PORT": str(self.port),
            "NODE_IP": "127.0.0.1",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": "a-token-for-this-test-alone-0123456789",
            "RAY_TMPDIR": str(folder),
            "WORKER_CPUS": "3",
            "HEAD_SECONDS": "200",
        }
        self._roles: list[subprocess.Popen[bytes]] = []
        self._seen: set[psutil.Process] = set()

    def environment(self) -> dict[str, str]:
        return environment(Path(sys.executable).parent, **self.values)

    def start(self, role: str) -> subprocess.Popen[bytes]:
        with open(self._folder / f"{role}.log", "wb") as log:
            process = subprocess.Popen(
                [ENTRYPOINT, role],
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._roles.append(process)
        return process

    def log(self, role: str) -> str:
        return (self._folder / f"{role}.log").read_text()

    def nodes(self) -> list[float]:
        """Return the CPUs of the nodes that are alive, seen by a client of the cluster."""
        code = (
            "import ray, sys; ray.init(address=sys.argv[1], logging_level='ERROR'); "
            "print(*sorted(n['Resources'].get('CPU', 0) for n in ray.nodes() if n['Alive']))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, self.values["RAY_HEAD"]],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        return [float(number) for number in done.stdout.split()]

    def stop(self) -> None:
        for role in self._roles:
            with suppress(psutil.NoSuchProcess):
                self._seen.update(psutil.Process(role.pid).children(recursive=True))
        for role in self._roles[::-1]:
            role.terminate()
            try:
                role.wait(20)
            except subprocess.TimeoutExpired:
                role.kill()
                role.wait()
        for process in self._seen:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(self._seen, timeout=20)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    # Ray's sockets lie in the folder; their paths may have 107 characters, and pytest's are long.
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as folder:
        found = Cluster(Path(folder))
        yield found
        found.stop()


def worker_probe() -> list[str]:
    """Return what Kubernetes runs to ask whether a worker is ready."""
    [cluster] = [
        each for each in documents("workers/kuberay.yaml") if each["kind"] == "RayCluster"
    ]
    [group] = cluster["spec"]["workerGroupSpecs"]
    [worker] = group["template"]["spec"]["containers"]
    assert worker["livenessProbe"]["exec"] == worker["readinessProbe"]["exec"]
    program, *arguments = worker["readinessProbe"]["exec"]["command"]
    assert program == "qsched-entrypoint"
    return [str(ENTRYPOINT), *arguments]


def test_a_worker_joins_the_head_with_the_token_and_nobody_without(cluster: Cluster) -> None:
    def probed(*command: str) -> int:
        return subprocess.run(command, env=cluster.environment(), timeout=120).returncode

    assert probed(*worker_probe()) == 1
    worker, head = cluster.start("worker"), cluster.start("head")
    end, seen = time.monotonic() + 240, list[float]()
    while time.monotonic() < end and seen != [0.0, 3.0]:
        assert worker.poll() is None, cluster.log("worker")
        assert head.poll() is None, cluster.log("head")
        time.sleep(1)
        if "Ray runtime started" in cluster.log("worker"):
            seen = cluster.nodes()
    assert seen == [0.0, 3.0], cluster.log("worker")
    assert probed(*worker_probe()) == 0
    healthy = (str(ENTRYPOINT), "healthy")
    assert probed(*healthy) == 0
    cluster.values["RAY_AUTH_TOKEN"] = "another-token-0123456789-0123456789"
    assert probed(*healthy) != 0
    cluster.stop()
    assert probed(*worker_probe()) == 1
