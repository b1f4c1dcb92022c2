"""Writing a plate: its skeleton, one well at a time, and the list of finished wells.

::

    create_plate(folder, plan, store)            supervisor, once
    write_well(staging, plan, context, store, …)   a worker, into a folder of its own
    … verify, rename to folder / well_path(well)
    update_plate(folder, plan, store, wells)     supervisor, after each well

At every moment the plate is valid and lists only wells that are complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_openhcs.axes import row_letters, well_position
from napari_openhcs.errors import OutputError, StoreError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.ome_zarr import metadata
from napari_openhcs.ome_zarr.codecs import Codec, make_codec
from napari_openhcs.ome_zarr.files import FileEntry, ManifestWriter, write_atomically
from napari_openhcs.ome_zarr.metadata import safe_name
from napari_openhcs.ome_zarr.nodes import (
    array_files,
    attributes_file,
    chunk_path,
    group_files,
    join_attributes,
    read_node,
    split_attributes,
    zarr_format,
)
from napari_openhcs.ome_zarr.pyramid import halve_image, halve_labels, level_shapes
from napari_openhcs.ome_zarr.special import (
    SPECIAL_FOLDER,
    encode_special,
    file_name,
    special_entry,
)
from napari_openhcs.ome_zarr.tables import TABLE_FILE, encode_table
from napari_openhcs.plan import (
    REDUCED,
    CompiledPlate,
    Coord,
    OutputPlan,
    ProcessingContext,
    SourcePlan,
    SpecialOutput,
    StorePlan,
)
from napari_openhcs.plate import mosaic_position

__all__ = ["ReadArray", "ReadSpecial", "ReadTable", "create_plate", "update_plate", "write_well"]

ReadArray = Callable[[OutputPlan, Coord], np.ndarray]
"""Gives one (Y, X) plane of an output."""

ReadTable = Callable[[OutputPlan, str], Mapping[str, np.ndarray]]
"""Gives the rows of one field of a table."""

ReadSpecial = Callable[[str, str], Mapping[Coord, Any]]
"""Gives the special output of a step (its id, the output's name) by place."""

CONTRAST_PERCENT = (0.1, 99.9)
"""Percentiles of the coarsest level between which a channel is shown first."""


def create_plate(folder: str | Path, plan: CompiledPlate, store: str) -> None:
    """Write the skeleton of a plate: its group, with no wells yet, and those of its rows.

    A plate of the same plan that is there already keeps its wells.

    Parameters
    ----------
    folder : path
        Of the plate's group, normally ``<output>/<store>``.
    plan : CompiledPlate
    store : str
        Which of the plan's stores.

    Raises
    ------
    OutputError
        The folder holds the results of another pipeline, or something else.
    StoreError
        It cannot be written.
    """
    folder = Path(folder)
    zarr = zarr_format(plan.ome_version)
    present = read_node(folder)
    if present is not None:
        _, own = split_attributes(present["attributes"])
        if own.get("key") != plan.key:
            raise OutputError(
                f"{folder} holds the results of another pipeline or plate: choose another output "
                "folder, or overwrite it."
            )
    for row in sorted({well_position(well)[0] for well in plan.contexts}):
        for name, content in group_files({}, zarr).items():
            path = folder / row_letters(row) / name
            if not path.is_file():
                write_atomically(path, content)
    if present is None:
        if zarr == 2:
            write_atomically(folder / ".zgroup", group_files({}, 2)[".zgroup"])
        update_plate(folder, plan, store, ())


def update_plate(folder: str | Path, plan: CompiledPlate, store: str, wells: Sequence[str]) -> None:
    """Rewrite a plate's metadata so that it lists exactly these wells.

    The file is replaced in one rename after it has reached the disk.  Only one process, the
    supervisor, may do this.

    Parameters
    ----------
    folder : path
    plan : CompiledPlate
    store : str
    wells : sequence of str
        Wells whose groups are complete and in their place.

    Raises
    ------
    StoreError
        The metadata cannot be written.
    """
    ome, own = metadata.plate_attributes(plan, store, wells)
    attributes = join_attributes(ome, own, plan.ome_version)
    name, content = attributes_file(attributes, zarr_format(plan.ome_version))
    write_atomically(Path(folder) / name, content)


def write_well(
    folder: str | Path,
    plan: CompiledPlate,
    context: ProcessingContext,
    store: str,
    read_array: ReadArray,
    read_table: ReadTable,
    *,
    read_special: ReadSpecial | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> FrozenMapping[str, FileEntry]:
    """Write one well's group: its images with pyramids, labels, tables and special outputs.

    Parameters
    ----------
    folder : path
        An empty or new folder of any name, to be renamed to
        ``<store>/`` + :func:`well_path` when verified.
    plan : CompiledPlate
    context : ProcessingContext
        Of the well; its outputs with this `store` are written.
    store : str
    read_array : callable
        ``read_array(output, coord)`` gives one (Y, X) plane, shape and dtype as planned;
        a mask (bool) is stored as 0 and 1.
    read_table : callable
        ``read_table(output, field)`` gives the rows of one field.
    read_special : callable, optional
        ``read_special(step_id, name)`` gives a special output by place; needed where the plan
        writes any.
    provenance : mapping, optional
        JSON values kept in the well's attributes: conversions, fallbacks, timings.

    Returns
    -------
    FrozenMapping of str to FileEntry
        Every file with size and checksum, computed while writing; nothing is flushed yet
        (see :func:`napari_openhcs.ome_zarr.files.flush`).

    Raises
    ------
    StoreError
        A file cannot be written, or an array or table is not what was planned.
    """
    writer = _WellWriter(Path(folder), plan, context, store)
    fields = writer.image.data.grid.field
    for number, field in enumerate(fields):
        writer.write_image(number, field, read_array)
        writer.write_labels(number, field, read_array)
        writer.write_tables(number, fields, read_table)
        if read_special is not None and store == plan.plate_store:
            writer.write_specials(number, fields, read_special)
    ome, own = metadata.well_attributes(context, fields, plan.ome_version, provenance or {})
    writer.group("", ome, own)
    return FrozenMapping(writer.files.entries)


@dataclass(frozen=True)
class _LabelGroup:
    """One label image of a field: an output, and which of its channels."""

    name: str
    output: OutputPlan
    channel: str


class _WellWriter:
    """Writes the nodes of one well; holds what all of them need."""

    def __init__(
        self, folder: Path, plan: CompiledPlate, context: ProcessingContext, store: str
    ) -> None:
        self.plan = plan
        self.context = context
        self.store = store
        self.files = ManifestWriter(folder)
        self.zarr = zarr_format(plan.ome_version)
        outputs = [output for output in context.layout.outputs if output.store == store]
        images = [output for output in outputs if output.role == "image"]
        if len(images) != 1:
            raise StoreError(
                f"{store} is planned with {len(images)} images for well {context.well}: expected "
                "one image that labels and tables belong to."
            )
        self.image = images[0]
        self.labels = self._label_groups([out for out in outputs if out.role == "labels"])
        self.tables = {safe_name(out.name): out for out in outputs if out.role == "table"}

    def _label_groups(self, outputs: Sequence[OutputPlan]) -> tuple[_LabelGroup, ...]:
        """Label images have no channel axis: labels of several channels are several groups."""
        groups: dict[str, _LabelGroup] = {}
        for output in outputs:
            channels = output.data.grid.channel
            names = metadata.channel_labels(self.plan, channels)
            for channel, label in zip(channels, names, strict=True):
                name = output.name if len(channels) == 1 else f"{output.name} {label}"
                group = _LabelGroup(safe_name(name), output, channel)
                if group.name in groups:
                    raise StoreError(
                        f"{self.store} has two label images called '{group.name}': give the steps "
                        "different names."
                    )
                groups[group.name] = group
        return tuple(groups.values())

    def group(
        self, path: str, ome: Mapping[str, Any], own: Mapping[str, Any] | None = None
    ) -> None:
        """Write a group whose attributes are the standard's and ours."""
        self.node(path, join_attributes(ome, own or {}, self.plan.ome_version))

    def node(self, path: str, attributes: Mapping[str, Any]) -> None:
        """Write a group with these attributes."""
        for name, content in group_files(attributes, self.zarr).items():
            self.files.write(f"{path}/{name}" if path else name, content)

    def write_image(self, number: int, field: str, read_array: ReadArray) -> None:
        """Write the image of one field."""
        grid, well = self.image.data.grid, self.context.well
        pyramid = _Pyramid(
            self, str(number), self.image, metadata.IMAGE_AXES,
            (len(grid.t), len(grid.channel), len(grid.z)),
        )  # fmt: skip
        windows = []
        for c, channel in enumerate(grid.channel):
            window = _Window(pyramid.dtype)
            for t, t_value in enumerate(grid.t):
                for z, z_value in enumerate(grid.z):
                    coord = Coord(field, channel, z_value, t_value)
                    window.add(pyramid.add((t, c, z), coord, read_array(self.image, coord)))
            windows.append(window.limits())
        pyramid.finish()
        name = f"{well} field {field}"
        scales = self._multiscales(metadata.IMAGE_AXES, name, self.image.layout)
        omero = metadata.omero(self.plan, grid.channel, windows, name)
        fields = self.image.data.mosaic_of if field == REDUCED else (field,)
        position = mosaic_position(self.plan.positions_um, well, fields)
        own = {"well": well, "field": field, "channels": grid.channel, "z": grid.z, "t": grid.t}
        if position is not None:
            own["position_um"] = position
        self.group(str(number), {"multiscales": scales, "omero": omero}, own)

    def _multiscales(self, axes: Sequence[str], name: str, layout: StorePlan) -> Any:
        plan = self.plan
        return metadata.multiscales(
            axes, name, layout.n_levels, plan.pixel_size_um, plan.z_step_um, plan.ome_version
        )

    def write_labels(self, number: int, field: str, read_array: ReadArray) -> None:
        """Write the label images of one field."""
        groups = [group for group in self.labels if field in group.output.data.grid.field]
        for group in groups:
            path = f"{number}/labels/{group.name}"
            grid = group.output.data.grid
            shape = (len(grid.t), len(grid.z))
            pyramid = _Pyramid(self, path, group.output, metadata.LABEL_AXES, shape)
            for t, t_value in enumerate(grid.t):
                for z, z_value in enumerate(grid.z):
                    coord = Coord(field, group.channel, z_value, t_value)
                    pyramid.add((t, z), coord, read_array(group.output, coord))
            pyramid.finish()
            scales = self._multiscales(metadata.LABEL_AXES, group.name, group.output.layout)
            label: dict[str, Any] = {"source": {"image": "../../"}}
            if self.zarr == 2:
                label["version"] = self.plan.ome_version
            own = {"field": field, "channel": group.channel, "dataset": group.output.dataset}
            self.group(path, {"multiscales": scales, "image-label": label}, own)
        if groups:
            self.group(f"{number}/labels", {"labels": [group.name for group in groups]})

    def write_tables(self, number: int, fields: Sequence[str], read_table: ReadTable) -> None:
        """Write the tables of one field; rows of the well as a whole go to the first."""
        written = []
        for name, output in self.tables.items():
            grid = output.data.grid.field
            own = fields[number] if fields[number] in grid else None
            if own is None and (number > 0 or any(field in grid for field in fields)):
                continue
            field = own or grid[0]
            path = f"{number}/tables/{name}"
            columns = read_table(output, field)
            data = encode_table(columns, well=self.context.well, field=field)
            self.files.write(f"{path}/{TABLE_FILE}", data)
            self.node(path, metadata.table_attributes(columns, self._region(output)))
            written.append(name)
        if written:
            self.node(f"{number}/tables", {"tables": written})

    def write_specials(self, number: int, fields: Sequence[str], read_special: ReadSpecial) -> None:
        """Write the special outputs of one field; those of no image's field go to the first."""
        folder = f"{number}/{SPECIAL_FOLDER}"
        steps = []
        for step in self.context.layout.steps:
            entries = []
            for output in (item for item in step.special_outputs if item.format):
                values = self._values_at(
                    output, number, fields, read_special(step.step_id, output.name)
                )
                if values:
                    data = encode_special(
                        output, values, well=self.context.well, field=fields[number]
                    )
                    self.files.write(f"{folder}/{step.step_id}/{file_name(output)}", data)
                    entries.append(special_entry(output, values, data))
            if entries:
                steps.append(step.step_id)
                self.group(f"{folder}/{step.step_id}", {}, {"step": step.name, "files": entries})
        if steps:
            self.group(folder, {}, {"steps": steps})

    def _values_at(
        self, output: SpecialOutput, number: int, fields: Sequence[str], values: Mapping[Coord, Any]
    ) -> dict[Coord, Any]:
        """Return the values of one field, with the names of the channels."""
        ids = output.grid.channel
        names = dict(zip(ids, metadata.channel_labels(self.plan, ids), strict=True))
        return {
            coord._replace(channel=names[coord.channel]): value
            for coord, value in values.items()
            if coord.field == fields[number] or (number == 0 and coord.field not in fields)
        }

    def _region(self, table: OutputPlan) -> str | None:
        """Name of the label image whose objects a table's rows are, where it is known."""
        step = self.context.step_plans.get(table.dataset)
        if step is None:
            return None
        sources: list[SourcePlan] = [step.source, *(array.source for array in step.arrays)]
        read = {source.dataset for source in sources}
        return next((group.name for group in self.labels if group.output.dataset in read), None)


class _Pyramid:
    """Writes all levels of one image, plane by plane; each plane is a chunk of its own."""

    def __init__(
        self,
        writer: _WellWriter,
        path: str,
        output: OutputPlan,
        axes: Sequence[str],
        leading: tuple[int, ...],
    ) -> None:
        if output.data.shape_yx is None or output.data.dtype is None:
            raise StoreError(f"Output '{output.name}' is planned without shape and dtype.")
        self._writer = writer
        self._path = path
        self._output = output
        self._axes = axes
        self._leading = leading
        self._planned = np.dtype(output.data.dtype)
        self._halve = halve_image if output.role == "image" else halve_labels
        self._shapes = level_shapes(output.data.shape_yx, output.layout.n_levels)
        self._codec: Codec = make_codec(output.layout.compressor, output.layout.level, writer.zarr)
        self.dtype = np.dtype("uint8") if self._planned.kind == "b" else self._planned
        if self.dtype.kind not in "iuf":
            raise StoreError(f"Output '{output.name}' has dtype {self.dtype}: expected numbers.")

    def add(self, index: tuple[int, ...], coord: Coord, plane: np.ndarray) -> NDArray[Any]:
        """Write one plane at its place on all levels; returns its coarsest level."""
        native = plane.dtype.newbyteorder("=")
        if plane.shape != self._shapes[0] or native != self._planned:
            raise StoreError(
                f"Output '{self._output.name}' of well {self._writer.context.well}, "
                f"field {coord.field}, channel {coord.channel}, z {coord.z}, t {coord.t} is "
                f"{plane.dtype} {plane.shape}: expected {self._planned} {self._shapes[0]} as "
                "compiled."
            )
        level_plane = np.ascontiguousarray(plane, self.dtype.newbyteorder("<"))
        self._write_plane(0, index, level_plane)
        for level in range(1, len(self._shapes)):
            level_plane = self._halve(level_plane)
            self._write_plane(level, index, level_plane)
        return level_plane

    def _chunks(self, level: int) -> tuple[int, int]:
        rows, columns = self._output.layout.chunks_yx
        return min(rows, self._shapes[level][0]), min(columns, self._shapes[level][1])

    def _write_plane(self, level: int, index: tuple[int, ...], plane: NDArray[Any]) -> None:
        rows, columns = self._chunks(level)
        for row in range(-(-plane.shape[0] // rows)):
            for column in range(-(-plane.shape[1] // columns)):
                part = plane[
                    row * rows : (row + 1) * rows, column * columns : (column + 1) * columns
                ]
                if part.shape != (rows, columns):  # an edge: Zarr's chunks are all alike
                    filler = ((0, rows - part.shape[0]), (0, columns - part.shape[1]))
                    part = np.pad(part, filler)
                data = self._codec.encode(np.ascontiguousarray(part))
                path = chunk_path((*index, row, column), self._writer.zarr)
                self._writer.files.write(
                    f"{self._path}/{level}/{path}", data, seal=self._codec.sealed
                )

    def finish(self) -> None:
        """Write the arrays' metadata."""
        ones = (1,) * len(self._leading)
        for level, shape in enumerate(self._shapes):
            files = array_files(
                (*self._leading, *shape),
                (*ones, *self._chunks(level)),
                self.dtype,
                self._codec,
                self._axes,
            )
            for name, content in files.items():
                self._writer.files.write(f"{self._path}/{level}/{name}", content)


class _Window:
    """Finds the limits between which a channel's values lie and are first shown."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._samples: list[NDArray[Any]] = []

    def add(self, plane: NDArray[Any]) -> None:
        """Take the coarsest level of a plane into account."""
        values = plane.ravel()
        self._samples.append(values[np.isfinite(values)] if self._dtype.kind == "f" else values)

    def limits(self) -> tuple[float, float, float, float]:
        """Return (min, max, start, end); start is below end."""
        values = np.concatenate(self._samples)
        if not values.size:
            return 0.0, 1.0, 0.0, 1.0
        start, end = (float(value) for value in np.percentile(values, CONTRAST_PERCENT))
        if end <= start:
            end = start + 1.0
        if self._dtype.kind != "f":
            limits = np.iinfo(self._dtype)
            return float(limits.min), float(limits.max), start, end
        return min(float(values.min()), start), max(float(values.max()), end), start, end
