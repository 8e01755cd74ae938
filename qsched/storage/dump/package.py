"""The files of a dump: a folder or a zip archive, with a list of hashes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from qsched.errors import InputError

__all__ = ["FORMAT", "MANIFEST", "read_package", "write_package"]

FORMAT = "qsched/dump/1"
MANIFEST = "dump.json"


def write_package(target: Path, files: Mapping[str, bytes], about: Mapping[str, object]) -> None:
    """Write a dump as a whole or not at all.

    Args:
        target: a new folder, or a new archive if it ends in ``.zip``.
        files: contents by name.
        about: what else the list of files, ``dump.json``, says.

    Raises:
        InputError: ``target`` exists.
        OSError: it cannot be written.
    """
    if target.exists():
        raise InputError(f"a dump goes to a new place, but `{target}` exists; name another one")
    listed = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest = json.dumps({"format": FORMAT, **about, "sha256": listed}, indent=2) + "\n"
    contents = {**files, MANIFEST: manifest.encode()}
    work = Path(tempfile.mkdtemp(dir=target.absolute().parent, prefix=f".{target.name}."))
    try:
        if target.suffix == ".zip":
            _write_archive(work / target.name, contents)
            os.replace(work / target.name, target)
        else:
            inner = work / target.name
            inner.mkdir()
            for name, content in contents.items():
                (inner / name).write_bytes(content)
            os.replace(inner, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def read_package(source: Path) -> dict[str, bytes]:
    """Return the files of a dump, ``dump.json`` aside, each as it was written.

    Raises:
        InputError: it is no dump, one of another format, or files are missing or changed.
    """
    if source.is_dir():
        return _checked(source, source)
    try:
        with zipfile.ZipFile(source) as archive:
            return _checked(source, zipfile.Path(archive))
    except zipfile.BadZipFile as error:
        raise _no_dump(source, str(error)) from None


def _write_archive(path: Path, contents: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def _checked(source: Path, folder: Path | zipfile.Path) -> dict[str, bytes]:
    listed = _listed(source, folder)
    contents, faults = {}, []
    for name, sha256 in listed.items():
        file = folder / name
        if not file.is_file():
            faults.append(f"{name} is missing")
            continue
        contents[name] = file.read_bytes()
        if hashlib.sha256(contents[name]).hexdigest() != sha256:
            faults.append(f"{name} is not what was written")
    if faults:
        raise InputError(
            f"a dump is read as it was written, but of `{source}` {', '.join(faults)}; "
            "copy it again, or export it again"
        )
    return contents


def _listed(source: Path, folder: Path | zipfile.Path) -> dict[str, str]:
    if not (folder / MANIFEST).is_file():
        raise _no_dump(source, f"it holds no {MANIFEST}")
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        found = manifest["format"]
        listed = {str(name): str(sha256) for name, sha256 in manifest["sha256"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _no_dump(source, f"its {MANIFEST} is no list of files") from None
    if found != FORMAT:
        raise _no_dump(source, f"its format is {found}, and this release reads {FORMAT}")
    if any("/" in name or "\\" in name for name in listed):
        raise _no_dump(source, "it lists files of other folders")
    return listed


def _no_dump(source: Path, reason: str) -> InputError:
    return InputError(
        f"a dump is a folder or a zip archive of `qsched db export`, but `{source}` is none: "
        f"{reason}"
    )
