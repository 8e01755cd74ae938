"""``qsched claims``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from qsched.cli.options import (
    AddressOption,
    CpusOption,
    DataOption,
    GpusOption,
    JsonOption,
    RayOption,
    WorkersOption,
    use_data,
)
from qsched.cli.output import print_json, table
from qsched.errors import InputError

if TYPE_CHECKING:
    from qsched.learning.bench.generate import Generator
    from qsched.learning.bench.tasks import BenchSpec
    from qsched.learning.claims.claims import Claims
    from qsched.learning.claims.verdicts import Outcome
    from qsched.storage import Storage

__all__ = ["claims"]

Kind = Literal["confirmation", "searches", "ablation"]

_DATABASE = "sqlite:///claims.db"


def claims(
    run: Annotated[
        bool, typer.Option("--run", help="Train what is missing first; the command resumes.")
    ] = False,
    searches: Annotated[
        bool, typer.Option("--searches", help="With --run: train whole searches instead.")
    ] = False,
    ablation: Annotated[
        bool,
        typer.Option(
            "--ablation",
            help="With --run: train the way from hand-coded schedules to the learned one instead.",
        ),
    ] = False,
    bench: Annotated[
        Path | None,
        typer.Option("--bench", metavar="DIR", help="What was learned from. Default: as shipped."),
    ] = None,
    confirmed: Annotated[
        Path | None,
        typer.Option("--confirmed", metavar="DIR", help="The claims' runs. Default: as shipped."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--claims", metavar="FILE", help="The claims. Default: as shipped."),
    ] = None,
    tasks: Annotated[
        list[str] | None,
        typer.Option("--tasks", metavar="PATTERN", help="With --run: which; may be repeated."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", min=0, metavar="M", help="With --run: stop after this time."),
    ] = None,
    db: Annotated[
        str, typer.Option("--db", metavar="URL", help="With --run: where runs are kept.")
    ] = _DATABASE,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    workers: WorkersOption = None,
    ray: RayOption = False,
    address: AddressOption = None,
    gpus: GpusOption = 0.0,
    cpus: CpusOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Test what is claimed of learned schedules, from stored runs: holds, does not, undecided.

    The claims were fixed before the learned schedules were trained on the seeds of the report.
    Everything is learned without the data set it is tested on.

    \b
        qsched claims
        qsched claims --markdown
        qsched claims --run --confirmed mine/ --data ~/datasets --minutes 60
        qsched claims --run --ablation --confirmed mine/ --address head-node
    """
    from qsched.files import bundled
    from qsched.learning.claims.claims import load_claims

    stated = load_claims(file)
    folder = confirmed or bundled("studies/data") / "confirmed"
    if run:
        use_data(data)
        from qsched.cli.executors import cluster_of
        from qsched.cli.generating import generator
        from qsched.learning.bench.tasks import load_bench_spec
        from qsched.storage import Storage

        kind, spec = _kind(searches, ablation), load_bench_spec()
        cluster = cluster_of(ray, address, gpus, cpus)
        with (
            Storage.open(db) as storage,
            generator(spec, storage, minutes, workers, cluster) as trainer,
        ):
            _train(kind, spec, storage, trainer, stated, tasks, bench, folder)

    from qsched.learning.claims.evidence import load_evidence
    from qsched.learning.claims.verdicts import judge

    outcomes = judge(stated, load_evidence(bench, folder, stated))
    if as_json:
        print_json([outcome.model_dump(mode="json") for outcome in outcomes])
    elif markdown:
        from qsched.learning.claims.text import as_markdown

        typer.echo(as_markdown(outcomes))
    else:
        typer.echo(_text(outcomes))


def _kind(searches: bool, ablation: bool) -> Kind:
    if searches and ablation:
        raise InputError("--searches and --ablation are trained one after the other; give one")
    return "searches" if searches else "ablation" if ablation else "confirmation"


def _train(
    kind: Kind,
    spec: BenchSpec,
    storage: Storage,
    trainer: Generator,
    stated: Claims,
    patterns: Sequence[str] | None,
    bench: Path | None,
    folder: Path,
) -> None:
    """Train what is missing of one kind, by what was learned, and write it."""
    import optuna

    from qsched.learning.bench.data import load_bench
    from qsched.learning.claims import run
    from qsched.learning.claims.evidence import load_evidence

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    known, tasks = load_bench(bench), patterns or ()
    match kind:
        case "confirmation":
            arms = run.train_confirmation(known, spec, stated, trainer, tasks)
        case "searches":
            arms = run.train_traces(known, spec, storage, trainer, tasks)
        case "ablation":
            evidence = load_evidence(bench, folder, stated)
            arms = run.train_ablation(evidence, known, spec, trainer, tasks)
    run.export_confirmed(spec, storage, folder, arms)


def _text(outcomes: list[Outcome]) -> str:
    parts = []
    for outcome in outcomes:
        rows = [
            (
                line.id,
                line.words,
                line.estimate_text,
                line.interval_text,
                line.p_text,
                line.verdict,
            )
            for line in outcome.lines
        ]
        head = f"{outcome.number}. {outcome.words}\n   {outcome.verdict.upper()}"
        lines = table(("", "compared", "estimate", "95 % interval", "p (Holm)", ""), rows)
        notes = "".join(f"\n   {line.id}: {line.note}" for line in outcome.lines if line.note)
        parts.append(f"{head}\n{lines}{notes}")
    return "\n\n".join(parts)
