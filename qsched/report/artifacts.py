"""The schedules of a verdict as artifacts of the Optuna study."""

from __future__ import annotations

import io
import json
import tempfile
from contextlib import suppress
from pathlib import Path

import optuna
from optuna.artifacts import FileSystemArtifactStore, upload_artifact
from optuna.artifacts.exceptions import ArtifactNotFound

from qsched.schedules.file import dump
from qsched.storage import Storage
from qsched.study.export import export
from qsched.study.verdict import Verdict

__all__ = ["ARTIFACTS", "artifact_store", "save_artifacts"]

ARTIFACTS = Path("qsched-out") / "artifacts"
"""Where commands keep artifacts."""


class _Store(FileSystemArtifactStore):
    """Removes a file that is not there without complaint, so that its study can be deleted.

    A database outlives folders: it may have been filled from another one.
    """

    def remove(self, artifact_id: str) -> None:
        with suppress(ArtifactNotFound):
            super().remove(artifact_id)


def artifact_store(folder: Path) -> FileSystemArtifactStore:
    """Return the dashboard's artifact store in ``folder``, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    return _Store(folder)


def save_artifacts(storage: Storage, name: str, folder: Path) -> None:
    """Save the schedule file of every arm of a study's verdict; one that is there is replaced.

    Nothing is saved before there is a verdict, nor for a study that the dashboard has deleted.

    Args:
        storage: the study database.
        name: the study's name.
        folder: the folder of the dashboard's artifacts.
    """
    found = storage.study(name).verdict
    known = [study.study_name for study in storage.optuna.get_all_studies()]
    if found is None or name not in known:
        return
    store, stored = artifact_store(folder), _stored(storage, name)
    study = optuna.load_study(study_name=name, storage=storage.optuna)
    for summary in Verdict.model_validate(found, strict=False).arms:
        if summary.contender == "full precision":
            continue
        text = dump(export(storage, name, summary.arm))
        filename = f"{summary.contender}-{summary.arm}.yaml"
        if filename in stored:
            store.write(stored[filename], io.BytesIO(text.encode()))
        else:
            _upload(store, study, filename, text)


def _stored(storage: Storage, name: str) -> dict[str, str]:
    """Return the ids of a study's artifacts by file name.

    ``optuna.artifacts.get_all_artifact_meta`` fails where the dashboard has deleted one.
    """
    attrs = storage.optuna.get_study_system_attrs(storage.optuna.get_study_id_from_name(name))
    metas = [json.loads(value) for key, value in attrs.items() if key.startswith("artifacts:")]
    return {meta["filename"]: meta["artifact_id"] for meta in metas if meta is not None}


def _upload(store: FileSystemArtifactStore, study: optuna.Study, filename: str, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / filename
        path.write_text(text, encoding="utf-8")
        upload_artifact(
            artifact_store=store,
            file_path=str(path),
            study_or_trial=study,
            mimetype="text/plain",
        )
