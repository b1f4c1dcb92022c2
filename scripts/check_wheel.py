"""Check that the wheel holds what it must: the manifest as a file, the catalogues, the types."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

NEEDED = ("napari_openhcs/napari.yaml", "napari_openhcs/py.typed", "napari_openhcs/cli.py")


def main() -> int:
    """Look into the newest wheel of the folder given; return the exit status."""
    wheel = max(Path(sys.argv[1]).glob("*.whl"), key=lambda path: path.stat().st_mtime)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        manifest = archive.read(NEEDED[0]).decode() if NEEDED[0] in names else ""
    missing = [name for name in NEEDED if name not in names]
    if not any(name.startswith("napari_openhcs/functions/catalogues/") for name in names):
        missing.append("napari_openhcs/functions/catalogues/*.json")
    if "contributions:" not in manifest:
        missing.append("contributions in napari.yaml")
    print(f"{wheel.name}: {'lacks ' + ', '.join(missing) if missing else 'complete'}")
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
