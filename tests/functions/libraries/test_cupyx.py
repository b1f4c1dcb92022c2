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
