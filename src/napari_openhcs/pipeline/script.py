"""A pipeline as a script: written as a person would, read back without running it.

A script is cut into words (``script_words.py``, which refuses what no pipeline has), parsed and
read (``script_reader.py``); ``docs/script-grammar.md`` has the grammar.

:func:`export_script` and :func:`import_script` are inverse: export, import, export gives
the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from napari_openhcs.errors import ScriptError
from napari_openhcs.functions.custom_files import add_folder
from napari_openhcs.pipeline.pipeline import Pipeline
from napari_openhcs.pipeline.script_reader import read_pipeline
from napari_openhcs.pipeline.script_words import MAX_SCRIPT_BYTES
from napari_openhcs.pipeline.script_writer import write_pipeline

__all__ = ["MAX_SCRIPT_BYTES", "export_script", "import_script"]


def export_script(pipeline: Pipeline) -> str:
    """Return a pipeline as a Python script that runs on a plate by itself.

    Parameters
    ----------
    pipeline : Pipeline

    Returns
    -------
    str
        Formatted source; only values that differ from their defaults are written.

    Raises
    ------
    ParameterError
        A parameter has no literal form (not a number, say).
    """
    return write_pipeline(pipeline)


def import_script(source: str | Path) -> Pipeline:
    """Read a pipeline from a script; the script is parsed, never executed.

    Custom functions are also looked for beside the file and in the folder ``functions`` there.

    Parameters
    ----------
    source : str or Path
        The script's text, or the path of its file.

    Raises
    ------
    ScriptError
        The script is no pipeline; the message names line, column and what was expected.
    """
    if not isinstance(source, Path):
        return read_pipeline(source)
    add_folder(source.absolute().parent, beside=True)
    try:
        if source.stat().st_size > MAX_SCRIPT_BYTES:
            raise ScriptError(
                f"{source} has more than {MAX_SCRIPT_BYTES:,} bytes: no pipeline is that long."
            )
        text = source.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScriptError(f"{source} is not UTF-8 text: a pipeline is a Python script.") from error
    except OSError as error:
        raise ScriptError(
            f"{source} cannot be read ({error.strerror}): expected the file of a pipeline script."
        ) from error
    return read_pipeline(text, name=str(source))
