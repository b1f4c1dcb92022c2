"""Which custom files a person trusted after they were shown: by the hash of their bytes.

One record a hash, ``<folder>/<sha256>.json``, written whole or not at all.  A record holds the
text that was shown, so that a later edit can be shown as a difference and a run can go on
with the text it was planned with.  A record whose text has another hash counts for nothing.

The folder is ``trusted-functions`` in the user's data folder, or the one named by the
environment variable ``OPENHCS_TRUSTED``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from napari_openhcs.errors import OpenHCSError
from napari_openhcs.functions.custom_files.files import CustomFile, data_folder

__all__ = [
    "Record",
    "distrust",
    "is_trusted",
    "last_trusted",
    "record_of",
    "remember",
    "stamp",
    "trust_folder",
    "write_document",
]


@dataclass(frozen=True)
class Record:
    """What was trusted, where it lay then, and when (ISO 8601, UTC)."""

    path: str
    text: str
    trusted: str


def trust_folder() -> Path:
    """Return the folder of the records; it need not be there."""
    named = os.environ.get("OPENHCS_TRUSTED", "")
    return Path(named).expanduser() if named else data_folder() / "trusted-functions"


def _record_path(sha256: str) -> Path:
    return trust_folder() / f"{sha256}.json"


def record_of(sha256: str) -> Record | None:
    """Return the record of a hash; None when nobody trusted it."""
    if len(sha256) != 64 or not sha256.isalnum():
        return None
    return _read(_record_path(sha256))


def _read(path: Path) -> Record | None:
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
        data = record.text.encode("utf-8", errors="surrogateescape")
    except (OSError, ValueError):
        # Unreadable is as good as not there: the file is asked about again.
        return None
    return record if hashlib.sha256(data).hexdigest() == path.stem else None


def is_trusted(sha256: str) -> bool:
    """Whether a person trusted the bytes with this hash."""
    return record_of(sha256) is not None


def last_trusted(path: Path) -> Record | None:
    """Return the record last made for the file at a path, else for one of its name elsewhere."""
    found = [record for record in map(_read, _records()) if record is not None]
    of_path = [record for record in found if record.path == str(path)]
    of_name = [record for record in found if Path(record.path).name == path.name]
    return max(of_path or of_name, key=lambda record: record.trusted, default=None)


def _records() -> list[Path]:
    return sorted(path for path in trust_folder().glob("*.json") if len(path.stem) == 64)


def remember(file: CustomFile) -> None:
    """Write down that a file's bytes are trusted.

    Raises
    ------
    OpenHCSError
        The record cannot be written.
    """
    # Not every file is UTF-8, but those that are not have a problem and never come here.
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    record = {"path": str(file.path), "text": file.data.decode("utf-8"), "trusted": now}
    write_document(_record_path(file.sha256), record)


def distrust(sha256: str) -> None:
    """Trust the bytes with this hash no longer."""
    _record_path(sha256).unlink(missing_ok=True)


def stamp() -> Hashable:
    """Return what changes when something is trusted, or no longer."""
    try:
        return tuple(sorted(os.listdir(trust_folder())))
    except OSError:
        return ()


def write_document(path: Path, document: Any) -> None:
    """Write JSON whole or not at all, readable by this user alone.

    Raises
    ------
    OpenHCSError
        It cannot be written.
    """
    # Written seldom, and this module is imported whenever functions are listed.
    import tempfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(msgspec.json.encode(document))
        Path(file.name).replace(path)
    except OSError as error:
        raise OpenHCSError(
            f"{path} cannot be written ({error.strerror or error}): name another folder for "
            "trusted functions in OPENHCS_TRUSTED."
        ) from error
