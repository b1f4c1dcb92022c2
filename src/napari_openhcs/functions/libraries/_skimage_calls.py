"""What is called for functions of scikit-image that give numbers, positions or thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_openhcs.functions.libraries._calls import (
    above,
    from_a_fresh_start,
    measured,
    positions,
    with_gaussian_psf,
)
from napari_openhcs.functions.libraries.base import Function, Maker, adapt, first_sentence

__all__ = ["CALLS"]


def _classes(function: Function) -> Function:
    """Make an image of classes, 0 for the darkest, of the thresholds between them."""

    def call(first: Any, **parameters: Any) -> Any:
        return np.digitize(first, bins=function(first, **parameters))

    summary = f"{first_sentence(function)} (classes: numpy.digitize(image, bins=thresholds))"
    return adapt(function, call, summary=summary)


_SNAKES = ("chan_vese", "geodesic_active_contour")
_THRESHOLDS = ("isodata", "li", "mean", "otsu", "triangle", "yen")

_NUMBERS: dict[str, tuple[str, ...]] = {
    "exposure.is_low_contrast": ("is_low_contrast",),
    "measure.blur_effect": ("blur_effect",),
    "measure.centroid": ("centroid_*",),
    "measure.euler_number": ("euler_number",),
    "measure.intersection_coeff": ("intersection_coeff",),
    "measure.manders_coloc_coeff": ("manders_coloc_coeff",),
    "measure.pearson_corr_coeff": ("pearson_corr_coeff", "p_value"),
    "measure.perimeter": ("perimeter",),
    "measure.perimeter_crofton": ("perimeter_crofton",),
    "measure.shannon_entropy": ("shannon_entropy",),
    "metrics.adapted_rand_error": ("adapted_rand_error", "precision", "recall"),
    "metrics.hausdorff_distance": ("hausdorff_distance",),
    "metrics.mean_squared_error": ("mean_squared_error",),
    "metrics.normalized_mutual_information": ("normalized_mutual_information",),
    "metrics.normalized_root_mse": ("normalized_root_mse",),
    "metrics.peak_signal_noise_ratio": ("peak_signal_noise_ratio",),
    "metrics.structural_similarity": ("structural_similarity",),
    "metrics.variation_of_information": ("false_splits", "false_merges"),
    "registration.phase_cross_correlation": ("shift_*", "error", "phase_difference"),
    "restoration.estimate_sigma": ("noise_sigma",),
}
"""Columns by name: what the function gives, in its order."""

CALLS: dict[str, Maker] = {
    f"skimage.{name}": make
    for name, make in (
        *((f"filters.threshold_{name}", above) for name in _THRESHOLDS),
        ("filters.threshold_multiotsu", _classes),
        *((name, measured(*columns)) for name, columns in _NUMBERS.items()),
        *((f"feature.blob_{name}", positions("sigma")) for name in ("dog", "doh", "log")),
        ("feature.peak_local_max", positions()),
        *((f"segmentation.morphological_{name}", from_a_fresh_start) for name in _SNAKES),
        *(
            (f"restoration.{name}", with_gaussian_psf)
            for name in ("richardson_lucy", "wiener", "unsupervised_wiener")
        ),
    )
}
"""What makes, of a function of scikit-image, the one that is called in a pipeline."""
