"""Nuclei.

Run it on a plate: python nuclei.py PLATE --output OUT
"""

from napari_openhcs import FunctionStep, Pipeline, main
from napari_openhcs.functions.mask import fill_holes, open_mask, remove_small_regions
from napari_openhcs.functions.measure import measure_objects
from napari_openhcs.functions.segmentation import split_touching
from napari_openhcs.functions.threshold_level import threshold_half_maximum
from skimage.filters import gaussian

pipeline = Pipeline(
    [
        # Smooth
        FunctionStep((gaussian, {"sigma": 1.0}), name="Smooth"),
        # Threshold
        FunctionStep(
            (
                threshold_half_maximum,
                {"fraction": 0.6, "sigma": 10.0, "deviations": 15.0},
            ),
            name="Threshold",
        ),
        # Fill and clean
        FunctionStep(
            [
                fill_holes,
                (open_mask, {"radius": 1.0}),
                (remove_small_regions, {"min_area": 15}),
            ],
            name="Fill and clean",
        ),
        # Nuclei
        FunctionStep(
            (
                split_touching,
                {
                    "smoothing": 1.5,
                    "min_depth": 1.0,
                    "min_area": 15,
                    "intensity_weight": 0.5,
                },
            ),
            name="Nuclei",
            inputs={"intensity": "Smooth"},
            materialize=True,
        ),
        # Measure
        FunctionStep(
            measure_objects,
            name="Measure",
            input_source="plate",
            inputs={"labels": "Nuclei"},
        ),
    ],
    name="Nuclei",
)

if __name__ == "__main__":
    raise SystemExit(main(pipeline))
