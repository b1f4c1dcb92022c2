"""The README's examples work as they stand."""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from napari_openhcs.cli import main
from napari_openhcs.functions.registry import specs

README = Path(__file__).parents[1] / "README.md"


def blocks(language: str) -> list[str]:
    text = README.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def test_the_readme_s_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (python,) = blocks("python")
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    ours = [shlex.split(line, comments=True) for line in commands if "napari-openhcs " in line]
    ours = [words for words in ours if words and words[0] == "napari-openhcs"]
    assert main(argv=ours[0][1:]) == 0
    done = subprocess.run(
        [sys.executable, "-c", python], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("done ")
    for words in ours[1:]:
        assert main(argv=words[1:]) == 0
    assert (tmp_path / "nuclei.csv").is_file()
    (script,) = (line for line in commands if line.startswith("python "))
    subprocess.run([sys.executable, *shlex.split(script)[1:]], capture_output=True, check=True)


def test_the_page_of_functions_has_the_numbers_of_the_catalogues() -> None:
    page = (README.parent / "docs" / "functions.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+?) \| (\d+) \| [^|]*(?:own|adapter)", page, flags=re.MULTILINE)
    names = {
        "napari-openhcs": "native",
        "scikit-image": "skimage",
        "scipy.ndimage": "scipy_ndimage",
        "dm-pix": "dm_pix",
        "CuPy": "cupyx",
        "cuCIM": "cucim",
    }
    told = {names.get(first := name.split()[0], first): int(number) for name, number in rows}
    assert told == dict(Counter(spec.library for spec in specs().values()))


def test_every_link_of_the_documentation_leads_somewhere() -> None:
    for page in (README, *README.parent.glob("docs/*.md"), README.parent / "ARCHITECTURE.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_explained_demo_is_what_the_compiler_says() -> None:
    made = runpy.run_path(str(README.parent / "docs" / "make_explain.py"))

    def without_times(text: str) -> str:
        # Speeds are those of the machine on which a catalogue was made.
        return re.sub(r"about [\d.e-]+ (s|min|h)\b", "about a while", text)

    assert without_times(made["written"]()) == without_times(made["text"]()), (
        "run: python docs/make_explain.py"
    )
