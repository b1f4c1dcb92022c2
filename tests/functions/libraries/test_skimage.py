from __future__ import annotations

import numpy as np

from napari_openhcs.axes import Kind
from napari_openhcs.functions.classify import trial_call
from napari_openhcs.functions.registry import get_function, specs
from napari_openhcs.functions.trial import Trial
from napari_openhcs.testing.libraries import LibraryTests


class TestScikitImage(LibraryTests):
    library = "skimage"


def test_denoising_keeps_the_scale_of_integers() -> None:
    denoisers = [
        spec
        for name, spec in specs().items()
        if name.startswith("skimage.restoration.denoise_") and not spec.refuses("uint16")
    ]
    assert denoisers
    for spec in denoisers:
        image, parameters = trial_call(spec, Trial(Kind.IMAGE, 2, "uint16"))
        result = get_function(spec.id)(image, **parameters)
        scale = 65535 if spec.unit_scaled else 1
        assert np.isclose(result.mean() * scale, image.mean(), rtol=0.05), spec.id
