"""``qsched learn``."""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from qsched.cli.options import JsonOption
from qsched.cli.output import duration, print_json

__all__ = ["learn"]


def learn(
    bench: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="SchedBench. Default: as shipped."),
    ] = None,
    confirmed: Annotated[
        Path | None,
        typer.Option("--confirmed", metavar="DIR", help="The claims' runs. Default: as shipped."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of heuristics and card.")
    ] = Path("qsched-out/learned"),
    as_json: JsonOption = False,
) -> None:
    """Learn from SchedBench: importance, portfolio, rules; writes heuristics.yaml and the card.

    \b
        qsched learn
        qsched learn --data mine/ --out learned/
    """
    from qsched.cli.copy import write
    from qsched.files import bundled, to_yaml
    from qsched.learning.bench.data import load_bench
    from qsched.learning.bench.tasks import load_bench_spec
    from qsched.learning.claims.claims import load_claims
    from qsched.learning.claims.evidence import load_evidence
    from qsched.learning.learn import learn as learned_from
    from qsched.report.card import write_card

    beside = confirmed or bundled("studies/data") / "confirmed"
    source = load_bench(bench)
    evidence = load_evidence(bench, beside, load_claims())
    folder = bench or bundled("studies/data")
    digests = {
        f"{part.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for part in (folder, beside)
        for path in sorted(part.glob("*.parquet"))
    }
    heuristics, knowledge = learned_from(
        evidence, source, load_bench_spec().rates, digests, _Steps()
    )
    out.mkdir(parents=True, exist_ok=True)
    file = out / "heuristics.yaml"
    write(file, to_yaml(heuristics.model_dump(mode="json", exclude_none=True)), force=True)
    page, words = write_card(heuristics, knowledge, out)
    if as_json:
        print_json({"heuristics": str(file), "card": str(page), "markdown": str(words)})
        return
    typer.echo(f"{words.read_text(encoding='utf-8')}\nheuristics  {file}\ncard        {page}")


class _Steps:
    """Writes what is done next, and how long it has been."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, words: str) -> None:
        elapsed = duration(time.monotonic() - self._began)
        print(f"{elapsed}  {words}", file=sys.stderr, flush=True)
