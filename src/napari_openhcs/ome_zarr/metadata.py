"""The JSON of plate, well, image, labels and tables, as OME-NGFF 0.5 and 0.4 have it.

Images have the axes t, c, z, y, x and label images t, z, y, x, always all of them:
readers that split channels into layers then see the same axes in both.  An axis has a unit
only where the plate says how large a pixel is; without one the scale is 1.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from napari_openhcs.axes import row_letters, well_path, well_position
from napari_openhcs.plan import PLATE, REDUCED, CompiledPlate, OutputPlan, ProcessingContext

__all__ = [
    "IMAGE_AXES",
    "LABEL_AXES",
    "channel_labels",
    "multiscales",
    "omero",
    "plate_attributes",
    "safe_name",
    "table_attributes",
    "well_attributes",
]

IMAGE_AXES = ("t", "c", "z", "y", "x")
LABEL_AXES = ("t", "z", "y", "x")

_AXIS_TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}

PALETTE = ("00FFFF", "FF00FF", "FFFF00", "00FF00", "FF0000", "0000FF")
"""Colours of channels that have none, when there are several; a single one is white."""


def safe_name(name: str) -> str:
    """Return `name` with what no file system or Zarr path takes replaced by ``_``."""
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", name).strip(" .") or "_"


def plate_attributes(
    plan: CompiledPlate, store: str, wells: Iterable[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the standard's part and ours of a plate's attributes.

    Parameters
    ----------
    plan : CompiledPlate
    store : str
        Which of the plan's stores.
    wells : iterable of str
        The wells that are finished; only they are listed.
    """
    finished = sorted(set(wells), key=well_position)
    plate: dict[str, Any] = {
        "name": plan.plate_name,
        "rows": [{"name": row_letters(row)} for row in range(plan.n_rows)],
        "columns": [{"name": f"{column + 1:02d}"} for column in range(plan.n_columns)],
        "wells": [_listed(well) for well in finished],
        "field_count": max(
            (len(output.data.grid.field) for output in _outputs(plan, store)), default=1
        ),
        "version": plan.ome_version,
    }
    return {"plate": plate}, _plate_provenance(plan, store)


def _listed(well: str) -> dict[str, Any]:
    row, column = well_position(well)
    return {"path": well_path(well), "rowIndex": row, "columnIndex": column}


def _outputs(plan: CompiledPlate, store: str) -> list[OutputPlan]:
    layouts = {id(context.layout): context.layout for context in plan.contexts.values()}
    return [
        output for layout in layouts.values() for output in layout.outputs if output.store == store
    ]


def _plate_provenance(plan: CompiledPlate, store: str) -> dict[str, Any]:
    context = next(iter(plan.contexts.values()), None)
    image = next((o for o in _outputs(plan, store) if o.role == "image"), None)
    name = "" if image is None or context is None else _dataset_name(image, context)
    return {
        "version": _package_version(),
        "key": plan.key,
        "store": store,
        "image": name,
        "pipeline": plan.pipeline_name,
        "script": plan.script,
        "plate_root": plan.plate_root,
        "plate_format": plan.plate_format,
        "conditions": plan.conditions,
        "wells_planned": len(plan.contexts),
    }


@cache
def _package_version() -> str:
    return importlib.metadata.version("napari-openhcs")


def _dataset_name(output: OutputPlan, context: ProcessingContext) -> str:
    if output.dataset == PLATE:
        return "raw"
    step = context.step_plans.get(output.dataset)
    return output.name if step is None else step.name


def well_attributes(
    context: ProcessingContext, fields: Sequence[str], ome_version: str, provenance: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the standard's part and ours of a well's attributes.

    The image of the n-th field is group ``n``; the ids of the fields are in our part.
    """
    images = [{"path": str(number)} for number in range(len(fields))]
    own = {"well": context.well, "fields": tuple(fields), "provenance": provenance}
    return {"well": {"images": images, "version": ome_version}}, own


def multiscales(
    axes: Sequence[str],
    name: str,
    levels: int,
    pixel_size_um: float | None,
    z_step_um: float | None,
    ome_version: str,
) -> list[dict[str, Any]]:
    """Return the ``multiscales`` of an image or label image.

    Level n has pixels 2ⁿ times as large; as it holds means of (or stands for) blocks of
    pixels, its first pixel's centre lies (2ⁿ - 1) / 2 pixels into the image.

    Parameters
    ----------
    axes : sequence of str
    levels : int
    pixel_size_um, z_step_um : float or None
        Of level 0; None where unknown.
    """
    sizes = {"z": z_step_um, "y": pixel_size_um, "x": pixel_size_um}
    described = []
    for axis in axes:
        unit = {} if sizes.get(axis) is None else {"unit": "micrometer"}
        described.append({"name": axis, "type": _AXIS_TYPES[axis], **unit})
    datasets = [
        {
            "path": str(level),
            "coordinateTransformations": _transformations(axes, sizes, 2**level),
        }
        for level in range(levels)
    ]
    scale = {"name": name, "axes": described, "datasets": datasets}
    if ome_version == "0.4":
        scale["version"] = ome_version
    return [scale]


def _transformations(
    axes: Sequence[str], sizes: Mapping[str, float | None], factor: int
) -> list[dict[str, Any]]:
    base = [float(sizes.get(axis) or 1.0) for axis in axes]
    reduced = [axis in "yx" for axis in axes]
    scale = [size * factor if yx else size for size, yx in zip(base, reduced, strict=True)]
    result: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if factor > 1:
        shift = (factor - 1) / 2
        moved = [size * shift if yx else 0.0 for size, yx in zip(base, reduced, strict=True)]
        result.append({"type": "translation", "translation": moved})
    return result


def channel_labels(plan: CompiledPlate, ids: Sequence[str]) -> tuple[str, ...]:
    """Return a name for each channel id, no two alike."""
    known = {channel.id: channel.name for channel in plan.channels}
    names = ["all channels" if id_ == REDUCED else known.get(id_, id_) or id_ for id_ in ids]
    return tuple(
        name if names.count(name) == 1 else f"{name} ({id_})"
        for name, id_ in zip(names, ids, strict=True)
    )


def omero(
    plan: CompiledPlate,
    ids: Sequence[str],
    windows: Sequence[tuple[float, float, float, float]],
    name: str,
) -> dict[str, Any]:
    """Return the ``omero`` part of an image: names, colours and contrast of its channels.

    Parameters
    ----------
    ids : sequence of str
        Channel ids in the order of the image's channel axis.
    windows : sequence of (min, max, start, end)
        Limits of the values and of the contrast shown first.
    """
    colors = {channel.id: channel.color for channel in plan.channels}
    channels = []
    for number, (id_, label) in enumerate(zip(ids, channel_labels(plan, ids), strict=True)):
        default = "FFFFFF" if len(ids) == 1 else PALETTE[number % len(PALETTE)]
        low, high, start, end = windows[number]
        channels.append(
            {
                "label": label,
                "color": (colors.get(id_) or default).lstrip("#").upper(),
                "active": True,
                "wavelength_id": id_,
                "window": {"min": low, "max": high, "start": start, "end": end},
            }
        )
    return {"name": name, "channels": channels, "rdefs": {"model": "color"}}


def table_attributes(columns: Iterable[str], labels: str | None) -> dict[str, Any]:
    """Return the attributes of a table's group, as ngio and Fractal define them.

    Parameters
    ----------
    columns : iterable of str
    labels : str or None
        Name of the label group whose objects the rows are.
    """
    attributes: dict[str, Any] = {"table_version": "1", "backend": "parquet"}
    if "label" not in columns:
        return {"type": "generic_table", **attributes}
    attributes |= {"instance_key": "label", "index_key": "label", "index_type": "int"}
    if labels is not None:
        attributes["region"] = {"path": f"../labels/{labels}"}
    return {"type": "feature_table", **attributes}
