from dataclasses import replace

import numpy as np
import pytest

from napari_openhcs.axes import Kind
from napari_openhcs.errors import FunctionUnavailableError
from napari_openhcs.functions import verify
from napari_openhcs.functions.registry import get_function, get_spec
from napari_openhcs.functions.verify import difference, verified

GAUSSIAN = "scipy.ndimage.gaussian_filter"


@pytest.fixture
def spec(monkeypatch):
    monkeypatch.setattr(verify, "_found", {})
    return replace(get_spec(GAUSSIAN), id="gpu.gaussian_filter", twin=GAUSSIAN)


def twin():
    return get_function(GAUSSIAN)


def test_one_that_does_the_same_is_compared_once(spec):
    calls = []

    def same(input, sigma, **rest):
        calls.append(input.shape)
        return twin()(input, sigma, **rest)

    function = verified(spec, same, twin)
    assert calls == []
    image = np.random.default_rng(0).random((20, 30))
    np.testing.assert_array_equal(function(image, sigma=2), twin()(image, sigma=2))
    function(image, sigma=2)
    assert calls.count((20, 30)) == 2
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (lambda input, sigma: twin()(input, 2 * sigma), "of the pixels differ"),
        (lambda input, sigma: input[1:], "shape"),
        (lambda input, sigma: 1 / 0, "it raises ZeroDivisionError"),
    ],
)
def test_one_that_does_something_else_is_refused(spec, wrong, found):
    function = verified(spec, wrong, twin)
    for _ in range(2):
        with pytest.raises(FunctionUnavailableError, match=found) as caught:
            function(np.zeros((9, 9)), sigma=1)
        assert GAUSSIAN in str(caught.value)


def test_running_out_of_memory_is_no_verdict(spec):
    full = [True]

    def sometimes(input, sigma):
        if full[0]:
            raise MemoryError
        return twin()(input, sigma)

    function = verified(spec, sometimes, twin)
    with pytest.raises(MemoryError):
        function(np.zeros((9, 9)), sigma=1)
    full[0] = False
    assert function(np.zeros((9, 9)), sigma=1).shape == (9, 9)


IMAGE = np.random.default_rng(1).integers(0, 4000, (40, 40)).astype("uint16")
MASK = IMAGE > 2000
LABELS = np.kron(np.arange(16).reshape(4, 4), np.ones((10, 10), int))
APART = LABELS * (np.indices(LABELS.shape) % 10 > 2).all(axis=0)


@pytest.mark.parametrize(
    ("found", "expected", "kind"),
    [
        (IMAGE, IMAGE, Kind.IMAGE),
        (IMAGE + 1, IMAGE, Kind.IMAGE),
        (IMAGE / 4000 + 1e-5, IMAGE / 4000, Kind.IMAGE),
        (np.full((4, 4), np.nan), np.full((4, 4), np.nan), Kind.IMAGE),
        (MASK.astype("uint8"), MASK, Kind.MASK),
        (np.where(LABELS, 100 - LABELS, 0), LABELS, Kind.LABELS),
        (np.where(APART, 100 - APART, 0).astype("uint32"), APART, Kind.LABELS),
        (np.zeros((4, 4), int), np.zeros((4, 4), int), Kind.LABELS),
        ({"label": [1, 2], "area": [3.0, 4.0]}, {"area": [3, 4.001], "label": [1, 2]}, Kind.TABLE),
    ],
)
def test_what_agrees(found, expected, kind):
    assert difference(found, expected, kind) == ""


def moved(labels):
    return np.roll(labels, 3, axis=1)


@pytest.mark.parametrize(
    ("found", "expected", "kind", "says"),
    [
        (IMAGE[1:], IMAGE, Kind.IMAGE, "shape"),
        (IMAGE + 40, IMAGE, Kind.IMAGE, "100.0%"),
        (IMAGE * 1.0, np.full(IMAGE.shape, np.nan), Kind.IMAGE, "100.0%"),
        (~MASK, MASK, Kind.MASK, "100.0%"),
        (moved(LABELS), LABELS, Kind.LABELS, "pixels"),
        (np.minimum(LABELS, 1), LABELS, Kind.LABELS, "pixels"),
        (np.minimum(APART, 1), APART, Kind.LABELS, "pixels"),
        (np.where(APART == 3, 4, APART), APART, Kind.LABELS, "pixels"),
        (APART + (APART == 3) * np.arange(40), APART, Kind.LABELS, "pixels"),
        ({"label": [1]}, {"label": [1, 2]}, Kind.TABLE, "1 rows instead of 2"),
        ({"label": [1], "area": [1]}, {"label": [1]}, Kind.TABLE, "columns"),
        ({"area": [1.0, 2]}, {"area": [1.0, 3]}, Kind.TABLE, "column area"),
    ],
)
def test_what_differs(found, expected, kind, says):
    assert says in difference(found, expected, kind)
