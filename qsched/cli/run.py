"""``qsched run``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qsched.cli.first import tell_compilation
from qsched.cli.kinds import STUDY_NAME
from qsched.cli.options import (
    DATABASE,
    AddressOption,
    CpusOption,
    DatabaseOption,
    DataOption,
    Engine,
    EngineOption,
    GpusOption,
    JsonOption,
    PluginOption,
    RayOption,
    WorkersOption,
    use_data,
    use_engine,
    use_plugins,
)
from qsched.cli.output import print_json
from qsched.cli.remote import ServerOption, TokenFileOption
from qsched.cli.remote_run import follow, local_only
from qsched.cli.results import default_folder, export_to, report_to
from qsched.cli.stored import is_stored, opened, schedules_for, study_document
from qsched.errors import QschedError

if TYPE_CHECKING:
    from qsched.execution import Executor
    from qsched.files import Document
    from qsched.specs import StudySpec
    from qsched.storage import Storage
    from qsched.study import Verdict

__all__ = ["run"]

_REPORT, _SCHEDULE = "report.html", "schedule.yaml"


def _check_name(name: str | None) -> str | None:
    if name is not None and not re.fullmatch(STUDY_NAME, name):
        raise typer.BadParameter(
            f"a name has lower-case letters, digits and hyphens, but got `{name}`"
        )
    return name


def run(
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY", help="A bundled study, the path of a file, or a stored study."
        ),
    ],
    trials: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Candidates, instead of the file's.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=10**9, metavar="N", help="Seed, instead of the file's."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            callback=_check_name,
            help="Name in the database, instead of the file's.",
        ),
    ] = None,
    db: DatabaseOption = DATABASE,
    workers: WorkersOption = None,
    ray: RayOption = False,
    address: AddressOption = None,
    gpus: GpusOption = 0.0,
    cpus: CpusOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of report and schedule. Default: qsched-out/NAME."
        ),
    ] = None,
    data: DataOption = None,
    engine: EngineOption = Engine.auto,
    plugin: PluginOption = None,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a study to its verdict, report and schedule file; the same command resumes it.

    Whatever stops it (Ctrl-C, a crash, a power cut), nothing that finished is lost or repeated.
    While another process runs the study, this one watches, and takes over if that one ends.
    The name of a stored study resumes it without its file.

    \b
        qsched run digits-ana
        qsched run my.yaml --trials 8 --name my-quick-look
        qsched run my.yaml --seed 1 --name my-second-seed
        qsched run fashion-ana --data ~/datasets
        qsched run my.yaml --plugin my_task.py
        qsched run my.yaml --server http://localhost:8000
        qsched run my.yaml --ray --workers 8 --db postgresql+psycopg://me@host/studies
        qsched run my.yaml --address head-node
    """
    use_data(data)
    use_engine(engine)
    plugins = use_plugins(plugin)
    document = study_document(study, db if server is None else None)
    _change(document, trials, seed, name)
    if server is not None:
        local_only(plugin=plugin, workers=workers, ray=ray, address=address, gpus=gpus, cpus=cpus)
        verdict = follow(document, out, server, token_file)
        _told(verdict, out or default_folder(verdict.study), as_json)
        return

    from qsched.specs.files import read_study

    spec = read_study(document)
    folder = out or default_folder(spec.name)

    from qsched.cli.executors import cluster_of, executor

    # A stored study may have ended, or another process may run it: no training is certain.
    task = None if is_stored(spec.name, db) else spec.task
    with executor(workers, plugins, cluster_of(ray, address, gpus, cpus), task=task) as where:
        schedules_for(spec.task, spec.baselines)
        with _made(folder), opened(db, create=True) as storage:
            tell_compilation(engine)
            verdict = _run(spec, storage, where)
            report_to(storage, spec.name, folder / _REPORT)
            export_to(storage, spec.name, folder / _SCHEDULE)
    _told(verdict, folder, as_json)


def _run(spec: StudySpec, storage: Storage, where: Executor) -> Verdict:
    from qsched.cli.progress import shown
    from qsched.specs import digest
    from qsched.study import run_study
    from qsched.study.noted import noted
    from qsched.study.owner import gone

    storage.save_study(spec, digest(spec), gone)
    try:
        with shown(spec.name) as observe:
            return run_study(spec, storage, where, noted(storage, spec.name, observe))
    except KeyboardInterrupt:
        typer.echo("interrupted; the same command resumes the study", err=True)
        raise


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder before anything is trained; one that stays empty is no trace of a refusal."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except QschedError:
        with suppress(OSError):  # Something lies in it.
            for path in new:
                path.rmdir()
        raise


def _told(verdict: Verdict, folder: Path, as_json: bool) -> None:
    """Print what a study found, and where its files lie."""
    from qsched.cli.verdict import verdict_text

    report, schedule = folder / _REPORT, folder / _SCHEDULE
    if as_json:
        paths = {"report": str(report), "schedule": str(schedule)}
        print_json({"verdict": verdict.model_dump(mode="json"), **paths})
        return
    typer.echo(f"{verdict_text(verdict)}\n\nreport    {report}\nschedule  {schedule}")


def _change(document: Document, trials: int | None, seed: int | None, name: str | None) -> None:
    """Change some values of a study file; its other values are still unchecked."""
    if isinstance(data := document.data, dict):
        given = {"seed": seed, "name": name}
        data.update({key: value for key, value in given.items() if value is not None})
        if trials is not None and isinstance(data.get("budget"), dict):
            data["budget"]["trials"] = trials
