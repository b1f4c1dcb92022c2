"""Display colours of channels."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["channel_color", "wavelength_color"]

FAR_RED: Final = "#ff00ff"
"""Beyond what the eye sees well; shown in magenta, as is usual."""

_KNOWN: Final = (
    (r"dapi|hoechst|\bdraq|\bblue\b", 452.0),
    (r"cfp|cerulean|\bcyan\b", 476.0),
    (r"gfp|fitc|fluorescein|alexa ?(fluor ?)?488|calcein|\bgreen\b", 520.0),
    (r"yfp|venus|alexa ?(fluor ?)?(514|532)", 535.0),
    (r"tritc|cy3\b|alexa ?(fluor ?)?(546|555)|rhodamine|tmr|\borange\b", 590.0),
    (r"texas ?red|rfp|cherry|tomato|alexa ?(fluor ?)?(568|594)|\bred\b|\bpe\b", 624.0),
    (r"cy5|cy7|alexa ?(fluor ?)?(633|647|680|750)|far.?red|deep.?red|mitotracker", 692.0),
)
"""Names people give to channels and the emission, in nm, they stand for."""

_COLORLESS: Final = re.compile(r"bright ?field|phase|transmitted|\bdic\b|\btl\b|\bbf\b", re.I)
_CYCLE: Final = ("#ffffff", "#00ffff", "#ff00ff", "#ffff00", "#00ff00", "#ff0000")


def channel_color(name: str, wavelength_nm: float | None, position: int = 0) -> str:
    """Return a display colour as ``#rrggbb``.

    Parameters
    ----------
    name : str
        Of the channel, used where the wavelength is not known.
    wavelength_nm : float or None
        Emission, nm.
    position : int
        0-based place among the channels; picks a colour where nothing else tells.
    """
    if _COLORLESS.search(name):
        return _CYCLE[0]
    if wavelength_nm is not None and wavelength_nm > 0:
        return wavelength_color(wavelength_nm)
    for pattern, typical in _KNOWN:
        if re.search(pattern, name, re.I):
            return wavelength_color(typical)
    return _CYCLE[position % len(_CYCLE)]


def wavelength_color(wavelength_nm: float) -> str:
    """Return the colour of light of a wavelength as ``#rrggbb``.

    Dan Bruton's piecewise approximation with gamma 0.8
    (http://www.physics.sfasu.edu/astro/color/spectra.html), which MetaXpress shows too;
    outside 440 to 645 nm, where it grows dark, blue or magenta.
    """
    nm = wavelength_nm
    if nm < 440:
        return "#0000ff"
    if nm > 645:
        return FAR_RED
    if nm < 490:
        red, green, blue = 0.0, (nm - 440) / 50, 1.0
    elif nm < 510:
        red, green, blue = 0.0, 1.0, (510 - nm) / 20
    elif nm < 580:
        red, green, blue = (nm - 510) / 70, 1.0, 0.0
    else:
        red, green, blue = 1.0, (645 - nm) / 65, 0.0
    return "#" + "".join(f"{int(255 * part**0.8):02x}" for part in (red, green, blue))
