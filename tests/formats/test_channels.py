import pytest

from napari_openhcs.formats.channels import channel_color, wavelength_color


@pytest.mark.parametrize(
    ("nm", "color"),
    [
        (452, "#0051ff"),  # as MetaXpress shows them
        (520, "#35ff00"),
        (624, "#ff6700"),
        (405, "#0000ff"),
        (500, "#00ff92"),
        (692, "#ff00ff"),
    ],
)
def test_wavelength_color(nm, color):
    assert wavelength_color(nm) == color


@pytest.mark.parametrize(
    ("name", "wavelength", "color"),
    [
        ("DAPI", None, wavelength_color(452)),
        ("HOECHST 33342", None, wavelength_color(452)),
        ("eGFP", None, wavelength_color(520)),
        ("Alexa Fluor 488", None, wavelength_color(520)),
        ("mCherry", None, wavelength_color(624)),
        ("Cy5", None, "#ff00ff"),
        ("DAPI", 500.0, wavelength_color(500)),
        ("Brightfield", 740.0, "#ffffff"),
        ("Channel 1", None, "#ffffff"),
        ("Channel 1", 0.0, "#ffffff"),
    ],
)
def test_channel_color(name, wavelength, color):
    assert channel_color(name, wavelength) == color


def test_unknown_channels_differ():
    assert len({channel_color("?", None, place) for place in range(6)}) == 6
