"""Write ``docs/problems.md`` from the compiler's catalogue: ``python docs/make_problems.py``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from napari_openhcs.compiler.codes import CODES, GROUPS

PAGE = Path(__file__).with_name("problems.md")

START = """\
# Problems

Compiling finds what is wrong before anything runs, and tells all of it at once. Each problem
has a code, the step it is about and one sentence that says what was found, what was expected and
how to mend it. An **error** keeps the pipeline from running; a **warning** does not. Where one
edit mends it, the editor makes that edit with one click, and `apply_fix(pipeline, problem.fix)`
(`napari_openhcs.pipeline.fix`) makes it in Python.

This page is made from the code (`python docs/make_problems.py`). There are {count} kinds.
"""


def page() -> Iterator[str]:
    """Iterate over the lines of the page."""
    yield START.format(count=len(CODES))
    for group, kinds in GROUPS.items():
        yield f"## {group}\n"
        yield "| Code | Found | One click |"
        yield "|---|---|---|"
        for kind in kinds:
            warning = " *(warning)*" if kind.warning else ""
            yield f"| `{kind.code}` | {kind.meaning}{warning} | {kind.fix or '—'} |"
        yield ""


def text() -> str:
    """Return the whole page."""
    return "\n".join(page())


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
