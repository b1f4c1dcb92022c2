from __future__ import annotations

from collections.abc import Iterator

import pytest

from napari_openhcs import FunctionStep, WellPreview
from napari_openhcs.axes import Kind
from napari_openhcs.errors import CompileError, PipelineError, PlateError


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> str:
    from napari_openhcs.sample_data import write_sample_plate

    folder = tmp_path_factory.mktemp("preview") / "plate"
    return str(write_sample_plate(folder, wells=2, fields=2, size=96, seed=1).path)


@pytest.fixture(scope="module")
def preview(plate: str) -> Iterator[WellPreview]:
    with WellPreview(plate, "a2", "2") as made:
        yield made


def blur(sigma: float) -> FunctionStep:
    return FunctionStep(("skimage.filters.gaussian", {"sigma": sigma}), name="<Blur>")


def test_shows_a_step_and_its_change(preview: WellPreview) -> None:
    first = preview.show(1, blur(1.0))
    assert (preview.well, preview.field) == ("A02", "2")
    assert first.array is not None
    assert first.array.shape[0] == 1
    assert first.array.shape[-2:] == (96, 96)
    assert [channel for channel, _ in first.pictures()] == list(first.channels)
    assert "&lt;Blur&gt;" in first._repr_html_()
    mask = FunctionStep("napari_openhcs.functions.threshold.threshold_otsu", name="Mask")
    assert preview.show(2, mask).kind is Kind.MASK
    again = preview.show(1, blur(5.0))
    assert again.array is not None
    assert (again.array != first.array).any()


def test_what_cannot_be_shown_is_said_in_a_sentence(preview: WellPreview) -> None:
    preview.show(1, blur(1.0))
    with pytest.raises(PipelineError, match="expected 1 to 2"):
        preview.show(3, blur(1.0))
    with pytest.raises(CompileError, match="sigma"):
        preview.show(2, FunctionStep(("skimage.filters.gaussian", {"sigma": "wide"})))
    with pytest.raises(PipelineError, match="switched off"):
        preview.show(1, blur(1.0).replace(enabled=False))


@pytest.mark.parametrize(("well", "field"), [("H12", None), ("A01", "9")])
def test_a_well_or_field_that_is_not_there(plate: str, well: str, field: str | None) -> None:
    with pytest.raises(PlateError, match="has no images"):
        WellPreview(plate, well, field)
