"""``qsched claims``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qsched.cli.options import DataOption, JsonOption, WorkersOption, use_data
from qsched.cli.output import print_json, table

if TYPE_CHECKING:
    from qsched.learning.claims.verdicts import Outcome

__all__ = ["claims"]

_DATABASE = "sqlite:///claims.db"


def claims(
    run: Annotated[
        bool, typer.Option("--run", help="Train what is missing first; the command resumes.")
    ] = False,
    searches: Annotated[
        bool, typer.Option("--searches", help="With --run: train whole searches instead.")
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
    """
    from qsched.files import bundled
    from qsched.learning.claims.claims import load_claims

    stated = load_claims(file)
    folder = confirmed or bundled("studies/data") / "confirmed"
    if run:
        use_data(data)
        _train(bench, folder, file, tasks or (), minutes, db, workers, searches=searches)

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


def _train(
    bench: Path | None,
    folder: Path,
    file: Path | None,
    tasks: list[str] | tuple[str, ...],
    minutes: float | None,
    db: str,
    workers: int | None,
    *,
    searches: bool,
) -> None:
    import optuna

    from qsched.cli.bench_data import Lines
    from qsched.cli.executors import executor
    from qsched.learning.bench.data import load_bench
    from qsched.learning.bench.generate import Generator
    from qsched.learning.bench.tasks import load_bench_spec
    from qsched.learning.claims.claims import load_claims
    from qsched.learning.claims.run import export_confirmed, train_confirmation, train_traces
    from qsched.storage import Storage

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    known, spec = load_bench(bench), load_bench_spec()
    seconds = None if minutes is None else 60 * minutes
    with Storage.open(db) as storage, executor(workers, ()) as where:
        generator = Generator(spec, storage, where, Lines(), seconds)
        if searches:
            arms = train_traces(known, spec, storage, generator, tasks)
        else:
            arms = train_confirmation(known, spec, load_claims(file), generator, tasks)
        export_confirmed(spec, storage, folder, arms)


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
