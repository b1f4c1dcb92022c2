import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "accuracy_bbbc039.py"


@pytest.fixture(scope="module")
def benchmark():
    import sys

    spec = importlib.util.spec_from_file_location("accuracy_bbbc039", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def _squares(*boxes):
    labels = np.zeros((30, 40), np.int32)
    for number, (top, left, height, width) in enumerate(boxes, start=1):
        labels[top : top + height, left : left + width] = number
    return labels


@pytest.mark.parametrize(
    ("truth", "found", "matched"),
    [
        ([(0, 0, 10, 10)], [(0, 0, 10, 10)], 1),
        ([(0, 0, 10, 10)], [(0, 0, 10, 6)], 1),
        ([(0, 0, 10, 10)], [(0, 0, 10, 5)], 0),  # exactly one half
        ([(0, 0, 10, 10)], [(0, 0, 10, 5), (0, 5, 10, 5)], 0),  # split in halves
        ([(0, 0, 10, 10)], [(0, 0, 10, 8), (0, 8, 10, 2)], 1),
        ([(0, 0, 10, 10), (0, 10, 10, 10)], [(0, 0, 10, 20)], 0),  # merged
        ([(0, 0, 10, 10), (0, 10, 10, 3)], [(0, 0, 10, 13)], 1),
        ([], [(0, 0, 5, 5)], 0),
        ([(0, 0, 5, 5)], [], 0),
        ([], [], 0),
    ],
)
def test_match(benchmark, truth, found, matched):
    score = benchmark.match(_squares(*truth), _squares(*found))
    assert score == benchmark.Score(len(truth), len(found), matched)


def test_numbers_of_labels_do_not_matter(benchmark):
    truth = _squares((0, 0, 10, 10), (15, 5, 8, 8))
    found = np.where(truth == 1, 900, np.where(truth == 2, 4, 0))
    assert benchmark.match(truth, found).f1 == 1


def test_everything_is_one_object(benchmark):
    full = np.ones((4, 4), int)
    assert benchmark.match(full, full) == benchmark.Score(1, 1, 1)


def test_scores_add_up(benchmark):
    total = benchmark.Score(10, 8, 6) + benchmark.Score(0, 2, 0)
    assert total == benchmark.Score(10, 10, 6)
    assert total.f1 == total.precision == total.recall == 0.6
    assert benchmark.Score(0, 0, 0).f1 == 1
    assert benchmark.Score(0, 3, 0).f1 == 0
    assert benchmark.Score(3, 0, 0).f1 == 0


def test_truth_of_a_mask(benchmark, tmp_path):
    from skimage.io import imsave

    mask = np.zeros((6, 8, 4), np.uint8)
    mask[..., 3] = 255
    mask[0:2, 0:2, 0], mask[0:2, 2:4, 0], mask[4, 6, 0] = 1, 2, 1
    imsave(tmp_path / "a.png", mask, check_contrast=False)
    labels = benchmark.read_truth(tmp_path / "a.png")
    assert labels.max() == 3
    assert labels[0, 0] != labels[0, 2]


def test_refuses_with_one_sentence(benchmark, tmp_path, capsys):
    assert benchmark.main([str(tmp_path / "nothing")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_example_is_an_exported_script(benchmark):
    from napari_openhcs.pipeline.script import export_script, import_script

    text = benchmark.PIPELINE.read_text()
    assert export_script(import_script(benchmark.PIPELINE)) == text


def test_bbbc039(benchmark, real_data, capsys):
    assert benchmark.main([str(real_data("bbbc039-nuclei"))]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    summary = json.loads(last)
    assert len(lines) == summary["fields"] == 16
    assert summary["truth"] == 1784
    assert summary["f1_iou50"] >= 0.93
    assert next(line for line in lines if "L10_s6" in line).split()[4] == "0"
    assert set(summary["table_rows"].values()) == {summary["counted"]}
