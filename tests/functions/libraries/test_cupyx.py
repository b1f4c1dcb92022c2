from napari_openhcs.functions.libraries import LIBRARIES
from napari_openhcs.testing.libraries import LibraryTests


class TestCupyx(LibraryTests):
    library = "cupyx"


def test_lists_what_scipy_lists_and_nothing_else():
    ours = {spec.id: spec for spec in LIBRARIES["cupyx"].catalogue().functions}
    twins = {spec.id: spec for spec in LIBRARIES["scipy_ndimage"].catalogue().functions}
    assert len(ours) >= 35
    for name, spec in ours.items():
        assert spec.twin == name.removeprefix("cupyx.")
        twin = twins[spec.twin]
        assert (spec.contract, spec.output_kind, spec.dtypes) == (
            twin.contract,
            twin.output_kind,
            twin.dtypes,
        )
        assert {item.name for item in spec.parameters} <= {item.name for item in twin.parameters}
        assert spec.memory_type_in == spec.memory_type_out == "cupy"


def test_a_twin_is_called_in_the_way_of_the_other_where_that_suits_any_array() -> None:
    fourier = LIBRARIES["cupyx"].maker("cupyx.scipy.ndimage.fourier_gaussian")
    assert fourier is LIBRARIES["scipy_ndimage"].maker("scipy.ndimage.fourier_gaussian")
    assert fourier is not None
    otsu = LIBRARIES["cucim"].maker("cucim.skimage.filters.threshold_otsu")
    assert otsu is LIBRARIES["skimage"].maker("skimage.filters.threshold_otsu")
    assert LIBRARIES["cupyx"].maker("cupyx.scipy.ndimage.mean") is None
    assert "NumPy arrays" in LIBRARIES["cupyx"].excluded("cupyx.scipy.ndimage.mean")
    assert "random" in LIBRARIES["cucim"].excluded("cucim.skimage.morphology.medial_axis")
    assert not LIBRARIES["cucim"].excluded("cucim.skimage.filters.gaussian")
