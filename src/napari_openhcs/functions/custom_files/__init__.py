"""Custom functions: a user's own Python files, shown, trusted by their hash, then listed.

::

    folders ─▶ files.py      which files there are, each with the SHA-256 of its bytes
               outline.py    what a file holds, read from its text; it is not run
               shown.py      how it is shown, and how it differs from what was trusted before
               trust.py      which hashes a person trusted after the text was shown
               trial.py      a trusted file's functions, tried in a subprocess
               kept.py       what was found then, by hash
               code.py       the code of a trusted hash, run in this process
               states.py     all of it together: new, changed, ready or broken, and why

``libraries/custom.py`` lists what is ready, and :mod:`napari_openhcs.functions.custom` is the
package in which the functions have their names.  Nothing of a file is imported or run
before its very bytes were trusted; a file that is broken is a sentence and no more.
"""

from napari_openhcs.functions.custom_files.files import (
    PACKAGE,
    CustomFile,
    add_folder,
    copy_in,
    folders,
    new_file,
    read_file,
    user_folder,
)
from napari_openhcs.functions.custom_files.outline import Outline, outline_of
from napari_openhcs.functions.custom_files.shown import difference, lines_of, visible
from napari_openhcs.functions.custom_files.states import (
    FileState,
    State,
    custom_state,
    file_states,
    trust_file,
    why_missing,
)
from napari_openhcs.functions.custom_files.trust import (
    distrust,
    is_trusted,
    last_trusted,
    trust_folder,
)

__all__ = [
    "PACKAGE",
    "CustomFile",
    "FileState",
    "Outline",
    "State",
    "add_folder",
    "copy_in",
    "custom_state",
    "difference",
    "distrust",
    "file_states",
    "folders",
    "is_trusted",
    "last_trusted",
    "lines_of",
    "new_file",
    "outline_of",
    "read_file",
    "trust_file",
    "trust_folder",
    "user_folder",
    "visible",
    "why_missing",
]
