"""Make the pictures of the documentation by driving the real window.

Run ``make docs-pictures``; without a display it starts itself again under Xvfb.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PICTURES = Path(__file__).parent / "pictures"
SCREEN = "-screen 0 1440x900x24"


def _needs_screen() -> bool:
    return sys.platform == "linux" and not os.environ.get("DISPLAY")


def _again_under_xvfb() -> None:
    os.environ["LIBGL_ALWAYS_SOFTWARE"] = "1"
    tool = shutil.which("xvfb-run")
    if tool is None:
        raise SystemExit("The pictures need a display, or xvfb-run (Debian: apt install xvfb).")
    os.execv(tool, [tool, "-a", "-s", SCREEN, sys.executable, *sys.argv])


class Story:
    """One screen from an empty window to a heat map; a picture after each act."""

    def __init__(self, folder: Path) -> None:
        import napari

        from napari_openhcs.widgets.window import open_workbench

        self.folder = folder
        self.viewer = napari.Viewer(title="napari-openhcs", show=True)
        self.viewer.window.resize(1440, 900)
        self.workbench = open_workbench(self.viewer)
        self.session = self.workbench.session

    def settle(self, calm: float = 0.7) -> None:
        """Wait until the window has nothing to do."""
        from napari_openhcs.widgets.window import settle

        settle(self.workbench, calm=calm)

    def wait_for(self, condition: Callable[[], bool], seconds: float = 120.0) -> None:
        """Let the window work until a condition holds."""
        from qtpy.QtWidgets import QApplication

        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline:
            QApplication.processEvents()
            time.sleep(0.01)
        if not condition():
            raise SystemExit("The window did not come to what the picture should show.")

    def picture(self, name: str) -> None:
        """Save the window as ``pictures/<name>.png``, with few colours so that it is small."""
        from PIL import Image

        image = Image.fromarray(self.viewer.window.screenshot(canvas_only=False, flash=False))
        palette = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        palette.save(PICTURES / f"{name}.png", optimize=True)
        print(f"{name}.png  {(PICTURES / f'{name}.png').stat().st_size / 1000:.0f} kB")

    def play(self) -> None:
        """Go through the whole story."""
        self.settle()
        self.picture("empty")
        self._open_plate()
        self._build()
        self._break_and_mend()
        self._run()
        self._review()
        self.viewer.close()

    def _open_plate(self) -> None:
        from napari_openhcs.sample_data import write_sample_plate

        plate = write_sample_plate(self.folder / "screen", wells=96, fields=2, size=384, seed=3)
        self.workbench.navigator.open_path(plate.path)
        self.wait_for(lambda: self.session.plate is not None)
        self.session.tune("C04")
        self.settle()
        self.picture("plate")

    def _build(self) -> None:
        from napari_openhcs.pipeline.templates import count_nuclei

        for function in ("skimage.filters.gaussian",):
            self.session.add_function(function)
        self.settle()
        form = self.workbench.editor.form
        form.help_button.click()
        form.grab().save(str(PICTURES / "form.png"))
        form.help_button.click()
        browser = self.workbench.editor.browse()
        browser.search_box.setText("split touching nuclei")
        self.settle()
        browser.grab().save(str(PICTURES / "functions.png"))
        browser.hide()
        self.session.set_pipeline(count_nuclei())
        self.session.select_step(3)
        self.settle(calm=2.0)
        self.picture("preview")

    def _break_and_mend(self) -> None:
        self.session.set_step(1, input_source="Cells")
        self.session.select_step(1)
        self.settle(calm=1.5)
        self.picture("problem")
        self.session.undo()
        self.settle()

    def _run(self) -> None:
        self.workbench.editor.runner.run(self.folder / "results")
        self.wait_for(lambda: self.session.state.run is not None)
        self.wait_for(lambda: self.session.state.run.count("done") >= 30)
        self.picture("running")
        self.wait_for(lambda: str(self.session.state.run.state) != "running")
        self.settle(calm=1.5)

    def _review(self) -> None:
        self.workbench.show_path(self.folder / "results")
        self.settle(calm=1.5)
        self.session.tune("C04")
        self.settle(calm=1.5)
        self.picture("results")


def main() -> None:
    """Make all pictures."""
    if _needs_screen():
        _again_under_xvfb()
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        Story(Path(folder)).play()


if __name__ == "__main__":
    main()
