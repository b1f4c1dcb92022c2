import pickle
from pathlib import Path

import pytest

from napari_openhcs.errors import PlateError
from napari_openhcs.frozen import FrozenMapping, from_json, to_json
from napari_openhcs.plate import Channel, PlaneKey, PlaneSource, Plate, find_missing
from napari_openhcs.plate.model import smallest_plate


def make(*keys):
    return Plate(
        root="/data/p",
        name="p",
        format="test",
        channels=(Channel("1", "DAPI", "#0000ff", 452.0), Channel("2", "GFP")),
        planes=FrozenMapping(
            {PlaneKey(*key): PlaneSource("/".join(map(str, key))) for key in keys}
        ),
        shape_yx=(4, 5),
        dtype="uint16",
        n_rows=8,
        n_columns=12,
    )


PLATE = make(
    ("B10", "1", "1", 1, 0),
    ("B10", "10", "1", 1, 0),
    ("B10", "2", "1", 1, 0),
    ("B02", "1", "1", 2, 3),
)


def test_wells_fields_z_and_t_are_sorted():
    assert PLATE.wells == ("B02", "B10")
    assert PLATE.fields_of("B10") == ("1", "2", "10")
    assert PLATE.fields_of("A01") == ()
    assert PLATE.keys_of("A01") == ()
    assert PLATE.keys_of("B02") == (PlaneKey("B02", "1", "1", 2, 3),)
    assert (PLATE.z, PLATE.t) == ((1, 2), (0, 3))


def test_a_channel_by_id_or_name():
    assert PLATE.channel("1") is PLATE.channel("DAPI")
    with pytest.raises(PlateError, match=r"no channel 'Cy5': it has 1 \(DAPI\), 2 \(GFP\)"):
        PLATE.channel("Cy5")


def test_absolute_path():
    assert PLATE.absolute_path(PlaneSource("a/b.tif")) == Path("/data/p/a/b.tif")


def test_a_plate_pickles_and_compares():
    assert pickle.loads(pickle.dumps(PLATE)) == PLATE
    assert make(("A01", "1", "1", 0, 0)) != PLATE


def test_channels_go_through_json():
    assert from_json(to_json(PLATE.channels), tuple[Channel, ...]) == PLATE.channels


def test_missing_planes_of_every_channel_and_z():
    keys = [
        ("A01", "1", "1", 1, 0), ("A01", "1", "1", 2, 0), ("A01", "1", "2", 1, 0),
        ("A02", "1", "1", 1, 0), ("A02", "1", "2", 1, 0),
    ]  # fmt: skip
    # Channel 2 has one z plane anywhere: that it lacks the second is no fault.
    assert make(*keys).missing == (PlaneKey("A02", "1", "1", 2, 0),)


def test_nothing_is_missing_in_an_empty_index():
    assert find_missing({}) == ()


@pytest.mark.parametrize(
    ("wells", "size"), [([], (1, 1)), (["A02"], (2, 3)), (["A13"], (16, 24)), (["Q01"], (32, 48))]
)
def test_smallest_plate(wells, size):
    assert smallest_plate(wells) == size
