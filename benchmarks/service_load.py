"""Ask a server for a running study with many readers, and see what it costs both.

    python benchmarks/service_load.py --rounds 3

One server, and in every round the same study twice, undisturbed and while the readers ask, in
alternating order. Every reader holds a connection of its own and asks `GET /v1/studies/NAME` every
two seconds, as an open page does; a request counts from the moment at which it was due. Server,
study and readers share two cores. The study's speed is its trainings by the time between its first
and its last stored one. The server's CPU time is what the system counts of its process. Prints a
line a study, then the goals; exits 1 if one is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, func, select

from qsched.files import bundled
from qsched.storage.tables import runs, studies

TIMEOUT = 30.0
GOALS = {"p99, ms": 300.0, "failed requests": 0.0, "slowdown, %": 10.0}


@dataclass
class Load:
    """What the readers met, and what they cost.

    Attributes:
        seconds: of every answer.
        failed: how many requests failed.
        cpu: seconds that the server computed meanwhile.
    """

    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    cpu: float = 0.0

    @property
    def cost(self) -> float:
        """CPU time of the server in milliseconds a request, all that it does besides included."""
        return 1000 * self.cpu / len(self.seconds) if self.seconds else 0.0

    def add(self, other: Load) -> None:
        """Add what other readers met."""
        self.seconds += other.seconds
        self.failed += other.failed
        self.cpu += other.cpu

    def percentile(self, share: float) -> float:
        """Return the time in milliseconds in which ``share`` of the requests were answered."""
        ranked = sorted(self.seconds)
        return 1000 * ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else 0.0


class Server:
    """A server in a process of its own, with an empty database."""

    def __init__(self, folder: Path) -> None:
        self.database = f"sqlite:///{folder / 'qsched.db'}"
        self._program = str(Path(sys.executable).with_name("qsched"))
        create = [self._program, "token", "create", "--role", "editor", "--tokens", "tokens.json"]
        self.token = subprocess.check_output(
            create, cwd=folder, text=True, stderr=subprocess.DEVNULL
        ).strip()
        line = [self._program, "serve", "--port", "0", "--db", self.database]
        self._process = subprocess.Popen(
            [*line, "--tokens", "tokens.json"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().split()[0].rstrip("/")
        self.port = int(self.url.rpartition(":")[2])

    def ask(self, path: str, body: str | None = None) -> Any:
        """Return the answer to one request."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/yaml"}
        data = body.encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data, headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return json.load(answer)

    def cpu(self) -> float:
        """Return the seconds that the server's process has computed so far."""
        text = Path(f"/proc/{self._process.pid}/stat").read_text()
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End the server."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)


async def read(server: Server, name: str, every: float, load: Load, end: asyncio.Event) -> None:
    """Ask for a study until ``end``, every ``every`` seconds."""
    request = (
        f"GET /v1/studies/{name} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Authorization: Bearer {server.token}\r\n\r\n"
    ).encode()
    due = time.perf_counter() + random.random() * every
    streams = None
    while not end.is_set():
        await asyncio.sleep(due - time.perf_counter())
        try:
            streams = streams or await asyncio.open_connection("127.0.0.1", server.port)
            status = await asyncio.wait_for(_answer(*streams, request), TIMEOUT)
            load.failed += status != 200
        except (OSError, EOFError, TimeoutError):
            load.failed += 1
            streams = None
        load.seconds.append(time.perf_counter() - due)
        due = max(due + every, time.perf_counter())
    if streams is not None:
        streams[1].close()


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> int:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    await reader.readexactly(int(found[1]) if found else 0)
    return int(head.split()[1])


async def watch(server: Server, name: str, readers: int, every: float) -> Load:
    """Wait until a study has ended, while ``readers`` ask for it."""
    load, end = Load(), asyncio.Event()
    while not (await asyncio.to_thread(server.ask, f"/v1/studies/{name}"))["runs"]:
        await asyncio.sleep(1)
    begin = server.cpu()
    tasks = [asyncio.create_task(read(server, name, every, load, end)) for _ in range(readers)]
    state = "running"
    while state not in ("finished", "failed", "interrupted"):
        await asyncio.sleep(2)
        state = (await asyncio.to_thread(server.ask, f"/v1/studies/{name}"))["state"]
    end.set()
    await asyncio.gather(*tasks)
    load.cpu = server.cpu() - begin
    if state != "finished":
        raise SystemExit(f"the study {name} is {state}")
    return load


def speed(database: str, name: str) -> float:
    """Return the trainings in a second of a study, start and verdict left out."""
    engine = create_engine(database)
    query = select(func.count(), func.min(runs.c.created), func.max(runs.c.created))
    query = query.select_from(runs.join(studies)).where(studies.c.name == name)
    with engine.connect() as connection:
        count, first, last = connection.execute(query).one()
    engine.dispose()
    return float(count / (last - first).total_seconds())


def study_file(name: str, trials: int) -> str:
    """Return `digits-ana` under another name and with another budget."""
    text = (bundled("studies") / "digits-ana.yaml").read_text(encoding="utf-8")
    text = re.sub(r"(?m)^name: .*$", f"name: {name}", text)
    return re.sub(r"\btrials: \d+", f"trials: {trials}", text)


def measure(
    server: Server, name: str, args: argparse.Namespace, readers: int
) -> tuple[Load, float]:
    """Run one study; return what its readers met and its speed."""
    server.ask("/v1/studies", study_file(name, args.trials))
    load = asyncio.run(watch(server, name, readers, args.every))
    pace = speed(server.database, name)
    words = f"{name}: {readers} readers, {pace:.1f} trainings/s"
    if load.seconds:
        words += (
            f", {len(load.seconds)} requests, p50 {load.percentile(0.5):.0f} ms, "
            f"p99 {load.percentile(0.99):.0f} ms, {load.failed} failed, "
            f"server {load.cost:.2f} CPU-ms a request"
        )
    print(words, flush=True)
    return load, pace


def main() -> int:
    """Measure, print, and return whether all goals are met."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument(
        "--every", type=float, default=2.0, help="seconds between a reader's requests"
    )
    parser.add_argument("--trials", type=int, default=128, help="candidates of the study")
    args = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    total, ratios = Load(), []
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        try:
            measure(server, "warm-up", argparse.Namespace(trials=1, every=args.every), 0)
            for i in range(args.rounds):
                paces = {}
                for readers in (0, args.readers) if i % 2 == 0 else (args.readers, 0):
                    load, paces[readers] = measure(server, f"round-{i}-{readers}", args, readers)
                    if readers:
                        total.add(load)
                ratios.append(paces[args.readers] / paces[0])
        finally:
            server.close()
    measured = {
        "p99, ms": total.percentile(0.99),
        "failed requests": float(total.failed),
        "slowdown, %": 100 * (1 - statistics.median(ratios)),
    }
    print(f"p50, ms: {total.percentile(0.5):.1f}")
    print(f"server, CPU-ms a request: {total.cost:.2f}")
    for what, goal in GOALS.items():
        met = "met" if measured[what] <= goal else "missed"
        print(f"{what}: {measured[what]:.1f} (goal: at most {goal:g}; {met})")
    return int(any(measured[what] > goal for what, goal in GOALS.items()))


if __name__ == "__main__":
    sys.exit(main())
