"""How well a pipeline finds nuclei, against hand-made masks in the layout of BBBC039.

``python benchmarks/accuracy_bbbc039.py FOLDER [--pipeline FILE]``.  FOLDER has ``images/``
(TIFF, MetaXpress names) and ``masks/`` (PNG, the same stems); a mask becomes objects by
connected components of equal value of its red channel, 0 is background.  The pipeline is run
as a user runs it: script imported, compiled, run in the background, labels read back from
the OME-Zarr results.  One line a field; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_openhcs.api import run
from napari_openhcs.errors import OpenHCSError, PlateError
from napari_openhcs.formats import open_plate
from napari_openhcs.ome_zarr.results import Results, open_results
from napari_openhcs.pipeline.script import import_script
from napari_openhcs.plate import Plate

PIPELINE = Path(__file__).parents[1] / "examples" / "nuclei.py"


@dataclass(frozen=True)
class Score:
    """Objects found and missed in one or more fields."""

    truth: int
    counted: int
    matched: int

    def __add__(self, other: Score) -> Score:
        return Score(
            self.truth + other.truth, self.counted + other.counted, self.matched + other.matched
        )

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 where nothing is to be found nor found."""
        total = self.truth + self.counted
        return 2 * self.matched / total if total else 1.0

    @property
    def precision(self) -> float:
        """Share of what was counted that is true."""
        return self.matched / self.counted if self.counted else 1.0

    @property
    def recall(self) -> float:
        """Share of the truth that was found."""
        return self.matched / self.truth if self.truth else 1.0


def match(truth: np.ndarray, found: np.ndarray, iou: float = 0.5) -> Score:
    """Match objects one to one where intersection over union is above `iou`.

    Above one half an object can have only one partner, so that no assignment is needed.  At
    exactly one half a tie is possible; such pairs do not count.

    Parameters
    ----------
    truth, found : ndarray
        (Y, X) labels, 0 for background.
    iou : float
        At least 0.5.
    """
    if truth.shape != found.shape:
        raise ValueError(f"truth is {truth.shape} and the labels are {found.shape}")
    true_ids, true_index = np.unique(truth, return_inverse=True)
    found_ids, found_index = np.unique(found, return_inverse=True)
    pairs = true_index.ravel() * found_ids.size + found_index.ravel()
    overlap = np.bincount(pairs, minlength=true_ids.size * found_ids.size)
    overlap = overlap.reshape(true_ids.size, found_ids.size)
    union = overlap.sum(axis=1)[:, None] + overlap.sum(axis=0)[None] - overlap
    objects = np.ix_(true_ids > 0, found_ids > 0)
    matched = int((overlap[objects] > iou * union[objects]).sum())
    return Score(int((true_ids > 0).sum()), int((found_ids > 0).sum()), matched)


def read_truth(path: Path) -> np.ndarray:
    """Return the (Y, X) labels of a mask file.

    Raises
    ------
    PlateError
        The file is missing.
    """
    from skimage.io import imread
    from skimage.measure import label

    if not path.is_file():
        raise PlateError(f"{path} is missing: expected a mask for every image.")
    mask = imread(path)
    return label(mask[..., 0] if mask.ndim == 3 else mask, background=0)


def score_results(results: Results, plate: Plate, masks: Path, name: str) -> dict[str, Score]:
    """Return the score of every field of a plate, by the stem of its image."""
    scores = {}
    for key, source in sorted(plate.planes.items(), key=lambda item: item[1].path):
        stem = Path(source.path).stem
        labels = np.asarray(results.labels(name, key.well, key.field).levels[0])
        scores[stem] = match(read_truth(masks / f"{stem}.png"), labels.reshape(labels.shape[-2:]))
    return scores


def evaluate(folder: Path, pipeline: Path, output: Path, labels: str | None) -> dict[str, object]:
    """Run a pipeline over a folder, print a line a field and return the summary.

    Raises
    ------
    OpenHCSError
        The folder is no such set, the pipeline does not fit it, or a well failed.
    """
    plate = open_plate(folder / "images")
    for problem in plate.problems:
        print(problem.message, file=sys.stderr)
    status = run(import_script(pipeline), plate, output)
    failed = [f"{well}: {item.message}" for well, item in status.wells.items() if item.message]
    if status.state != "done":
        raise OpenHCSError(f"The run ended {status.state}: {'; '.join(failed) or status.message}")
    results = open_results(output)
    if not results.label_names:
        raise OpenHCSError(f"{pipeline} gives no labels: expected a step that labels nuclei.")
    name = labels or results.label_names[-1]
    scores = score_results(results, plate, folder / "masks", name)
    for stem, score in scores.items():
        print(
            f"{_short(stem):>10}  truth {score.truth:4d}  counted {score.counted:4d}  "
            f"F1 {score.f1:.3f}"
        )
    total = sum(scores.values(), Score(0, 0, 0))
    rows = {item: results.table(item).num_rows for item in results.table_names}
    return {
        "fields": len(scores),
        "truth": total.truth,
        "counted": total.counted,
        "f1_iou50": round(total.f1, 4),
        "mean_f1": round(float(np.mean([score.f1 for score in scores.values()])), 4),
        "precision": round(total.precision, 4),
        "recall": round(total.recall, 4),
        "labels": name,
        "table_rows": rows,
        "seconds": round(status.seconds, 2),
        "pipeline": pipeline.name,
    }


def _short(stem: str) -> str:
    """Return ``A02_s1`` of ``IXMtest_A02_s1_w1051DAA7C-…``."""
    parts = stem.split("_")
    return "_".join(parts[1:3]) if len(parts) >= 3 else stem


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return 0, or 2 with one sentence on standard error."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="holds images/ and masks/")
    parser.add_argument("--pipeline", type=Path, default=PIPELINE, help="a pipeline script")
    parser.add_argument("--output", type=Path, help="keep the results here")
    parser.add_argument("--labels", help="name of the label image to score; default: the last")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            output = options.output or Path(scratch, "results")
            summary = evaluate(options.folder, options.pipeline, output, options.labels)
    except OpenHCSError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(summary))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
