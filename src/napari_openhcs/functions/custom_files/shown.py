"""How a file is shown to a person who is to trust it."""

from __future__ import annotations

import difflib
import re
import unicodedata

from napari_openhcs.functions.custom_files.files import CustomFile
from napari_openhcs.functions.custom_files.trust import last_trusted

__all__ = ["difference", "lines_of", "visible"]


def lines_of(text: str) -> list[str]:
    """Return the lines of a text as Python has them: no other character begins a new one."""
    lines = re.split(r"\r\n|\r|\n", text)
    return lines if lines[-1] else lines[:-1]


def visible(text: str) -> str:
    """Return a text in which characters that do not show, or reorder others, are escapes."""
    return "".join(
        repr(character)[1:-1] if _is_hidden(character) else character for character in text
    )


def _is_hidden(character: str) -> bool:
    return character not in "\t\n" and unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")


def difference(file: CustomFile) -> tuple[str, ...]:
    """Return how a file differs from what was last trusted at its place, as a unified diff.

    Empty when nothing was trusted there, or nothing differs.
    """
    before = last_trusted(file.path)
    if before is None:
        return ()
    name = file.path.name
    old, new = lines_of(before.text), lines_of(file.text)
    names = (f"{name} as trusted", f"{name} as it is")
    return tuple(difflib.unified_diff(old, new, *names, lineterm=""))
