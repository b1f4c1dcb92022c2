"""``python -m napari_openhcs``: the command line."""

from napari_openhcs.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
