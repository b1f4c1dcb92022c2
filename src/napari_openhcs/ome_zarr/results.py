"""The results of a run: images, labels and tables of all finished wells, read lazily."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_openhcs.axes import slug
from napari_openhcs.errors import OutputError, StoreError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.ome_zarr import tables
from napari_openhcs.ome_zarr.nodes import read_node
from napari_openhcs.ome_zarr.read import (
    LazyImage,
    PlateGroup,
    WellGroup,
    inside,
    measured_labels,
    names_in,
    read_image,
    read_plate,
    read_well,
    tables_in,
)
from napari_openhcs.ome_zarr.special import SpecialFile, decode_special, special_files
from napari_openhcs.plan import Coord
from napari_openhcs.storage import PlaneCache

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Results", "open_results"]


@dataclass(frozen=True)
class Results:
    """What a run left, as far as its plate lists it.

    Metadata of wells is read when it is first asked for and then kept; pixels and tables
    are read when they are looked at.

    Attributes
    ----------
    plate_path : Path
        The OME-Zarr plate.
    output : Path
        The output folder; for a plate that was moved alone, the folder it lies in.
    plate : PlateGroup
    """

    plate_path: Path
    output: Path
    plate: PlateGroup
    _cache: PlaneCache = field(default_factory=PlaneCache, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The plate's name."""
        return self.plate.name

    @property
    def plate_root(self) -> Path | None:
        """Folder of the raw plate when the run was made; it may have moved since."""
        root = self.plate.own.get("plate_root")
        return Path(root) if root else None

    @property
    def script(self) -> str:
        """The pipeline that gave these results, as a script; empty where unknown."""
        return str(self.plate.own.get("script", ""))

    @property
    def wells(self) -> tuple[str, ...]:
        """Names of the finished wells, row by row."""
        return tuple(self.plate.wells)

    @property
    def conditions(self) -> Mapping[str, Mapping[str, Any]]:
        """Plate map: conditions by well, e.g. ``{"B02": {"dose": 3.0}}``."""
        found: Mapping[str, Mapping[str, Any]] = self.plate.own.get("conditions", FrozenMapping())
        return found

    @property
    def image_name(self) -> str:
        """Name of the step whose output the images are; ``raw`` for raw planes."""
        return str(self.plate.own.get("image") or "image")

    @cached_property
    def _wells(self) -> dict[str, WellGroup]:
        return {}

    def _well(self, well: str) -> WellGroup:
        if well not in self.plate.wells:
            raise StoreError(
                f"{self.plate_path} has no results of well {well}: it has "
                f"{', '.join(self.wells) or 'no finished wells'}."
            )
        if well not in self._wells:
            self._wells[well] = read_well(inside(self.plate_path, self.plate.wells[well]))
        return self._wells[well]

    def fields(self, well: str) -> tuple[str, ...]:
        """Return the ids of a well's fields.

        Raises
        ------
        StoreError
            The well is not among the results, or damaged.
        """
        return tuple(self._well(well).fields)

    def field_with(self, well: str, field_id: str) -> str:
        """Return the field under which results of `field_id` lie: itself, or one image of all.

        Raises
        ------
        StoreError
            The well is not among the results, or damaged.
        """
        fields = self.fields(well)
        return field_id if field_id in fields else fields[0]

    def provenance(self, well: str) -> Mapping[str, Any]:
        """Return what was recorded when the well was run: conversions, fallbacks, timings."""
        found: Mapping[str, Any] = self._well(well).own.get("provenance", FrozenMapping())
        return found

    def _image_folder(self, well: str, field_id: str) -> Path:
        group = self._well(well)
        if field_id not in group.fields:
            raise StoreError(
                f"Well {well} of {self.plate_path} has no field '{field_id}': it has "
                f"{', '.join(group.fields)}."
            )
        return group.folder / group.fields[field_id]

    def _folders(self) -> Iterator[tuple[str, str, Path]]:
        for well in self.wells:
            for field_id in self.fields(well):
                yield well, field_id, self._image_folder(well, field_id)

    @cached_property
    def _first_image(self) -> LazyImage | None:
        first = next(self._folders(), None)
        return None if first is None else read_image(first[2], self._cache)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels of the images; none while no well is finished."""
        image = self._first_image
        return () if image is None else tuple(channel.name for channel in image.channels)

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        """Names of the label images, in the order of the steps."""
        return self._names(lambda folder: names_in(folder / "labels"))

    @cached_property
    def table_names(self) -> tuple[str, ...]:
        """Names of the tables, in the order of the steps."""
        return self._names(tables_in)

    def _names(self, listed: Callable[[Path], tuple[str, ...]]) -> tuple[str, ...]:
        # A whole-well table lies in the first field only, so all fields of a well count.
        first = self.wells[:1]
        folders = (self._image_folder(well, item) for well in first for item in self.fields(well))
        return tuple(dict.fromkeys(name for folder in folders for name in listed(folder)))

    def image(self, well: str, field_id: str) -> LazyImage:
        """Return the image of a field: lazy levels (T, C, Z, Y, X), scale, units, channels.

        Raises
        ------
        StoreError
            There is no such well or field, or its metadata is damaged; on access also where
            a chunk is missing or damaged.
        """
        return read_image(self._image_folder(well, field_id), self._cache)

    def labels(self, name: str, well: str, field_id: str) -> LazyImage:
        """Return a label image of a field: lazy levels (T, Z, Y, X), scale and units.

        Raises
        ------
        StoreError
            As :meth:`image`, or there are no labels of this name.
        """
        folder = self._image_folder(well, field_id) / "labels"
        where = f" of well {well}, field {field_id}"
        name = self._known_name("labels", name, names_in(folder), where)
        return read_image(folder / name, self._cache)

    def _known_name(self, what: str, name: str, known: tuple[str, ...], where: str = "") -> str:
        """Return the stored name for one given as stored or as the step is called."""
        if name in known:
            return name
        if slug(name) in known:
            return slug(name)
        raise StoreError(
            f"{self.plate_path} has no {what} '{name}'{where}: it has {', '.join(known) or 'none'}."
        )

    def table(self, name: str) -> pyarrow.Table:
        """Return a table of all finished wells, with the conditions of each row's well.

        Returns
        -------
        pyarrow.Table
            Columns ``well, field``, ``label`` where rows are objects, the measurements, and
            one column for each condition of the plate map.

        Raises
        ------
        StoreError
            There is no such table, or the file of a field is missing or damaged.
        """
        name = self._known_name("table", name, self.table_names)
        parts = [
            tables.read_table(path, well=well, field=field_id)
            for well, field_id, path in self._table_files(name)
        ]
        return tables.concatenate(parts, self.conditions)

    def _table_files(self, name: str) -> Iterator[tuple[str, str, Path]]:
        for well, field_id, folder in self._folders():
            if name in tables_in(folder):
                yield well, field_id, folder / "tables" / name / tables.TABLE_FILE

    def table_for(self, name: str, well: str, field_id: str) -> pyarrow.Table:
        """Return the rows of one field.

        Raises
        ------
        StoreError
            As :meth:`table`.
        """
        folder = self._image_folder(well, field_id)
        where = f" of well {well}, field {field_id}"
        name = self._known_name("table", name, tables_in(folder), where)
        path = folder / "tables" / name / tables.TABLE_FILE
        return tables.read_table(path, well=well, field=field_id)

    def tables_of(self, well: str, field_id: str) -> dict[str, str]:
        """Return the tables of a field and the label image each is about; empty where unknown.

        Raises
        ------
        StoreError
            As :meth:`image`.
        """
        folder = self._image_folder(well, field_id)
        return {name: measured_labels(folder, name) for name in tables_in(folder)}

    @cached_property
    def special_names(self) -> tuple[str, ...]:
        """Names of the special outputs as ``Step/name``, in the order of the steps."""
        first = self.wells[:1]
        files = (file for well in first for file in self._special_files(well))
        return tuple(dict.fromkeys(f"{file.step}/{file.name}" for file in files))

    def _special_files(self, well: str) -> Iterator[SpecialFile]:
        for field_id in self.fields(well):
            yield from special_files(self._image_folder(well, field_id))

    def special(self, name: str, well: str) -> dict[Coord, Any]:
        """Return a special output of a well by place, as the function gave it.

        Parameters
        ----------
        name : str
            ``Step/name``, or the name alone where one step gives it.
        well : str

        Returns
        -------
        dict of Coord to value
            Channels are named as the image's.  Positions: (N, 2) or (N, 3) float64.  Regions:
            a tuple of (M, 2) vertices.  A table: a dict of columns.  JSON: its values.  An
            image: an array.

        Raises
        ------
        StoreError
            There is none of this name, several steps give it, or a file is missing or damaged.
        """
        files = list(self._special_files(well))
        found = [file for file in files if name in (file.name, f"{file.step}/{file.name}")]
        known = list(dict.fromkeys(f"{file.step}/{file.name}" for file in found or files))
        if not found:
            raise StoreError(
                f"{self.plate_path} has no special output '{name}' of well {well}: it has "
                f"{', '.join(known) or 'none'}."
            )
        if len(known) > 1:
            raise StoreError(
                f"Several steps of {self.plate_path} give '{name}': name one of {', '.join(known)}."
            )
        return {at: value for file in found for at, value in decode_special(file).items()}

    @property
    def steps(self) -> Mapping[str, Path]:
        """Plates of intermediate steps that were kept, by step id; open with `open_results`."""
        found = sorted((self.output / "steps").glob("*.ome.zarr"))
        return FrozenMapping({path.name.removesuffix(".ome.zarr"): path for path in found})

    def summary(self) -> dict[str, Any]:
        """Return what is there as JSON values: ``plate, wells, images, …``."""
        measured = {}
        for name in self.table_names:
            rows, columns = 0, dict[str, None]()
            for _, _, path in self._table_files(name):
                count, schema = tables.read_schema(path)
                rows += count
                columns.update(dict.fromkeys(schema.names))
            measured[name] = {"rows": rows, "columns": [*columns, *self._conditions_of(columns)]}
        return {
            "plate": str(self.plate_path),
            "wells": list(self.wells),
            "images": sum(len(self.fields(well)) for well in self.wells),
            "channels": list(self.channels),
            "labels": list(self.label_names),
            "tables": measured,
            "special": self._special_summary(),
            "steps": list(self.steps),
        }

    def _special_summary(self) -> dict[str, dict[str, Any]]:
        """Return kind, format and number of files of each special output."""
        found: dict[str, dict[str, Any]] = {}
        for file in (file for well in self.wells for file in self._special_files(well)):
            entry = {"kind": file.kind.value, "format": file.format, "files": 0}
            found.setdefault(f"{file.step}/{file.name}", entry)["files"] += 1
        return found

    def _conditions_of(self, columns: Mapping[str, None]) -> Iterator[str]:
        return tables.condition_titles(self.conditions, columns)


def open_results(path: str | Path) -> Results:
    """Open the results of a run.

    Parameters
    ----------
    path : path
        The output folder, or the ``.ome.zarr`` plate in it (or moved elsewhere).

    Raises
    ------
    OutputError
        There are no results; the message says what was found instead.
    StoreError
        The plate is damaged.
    """
    path = Path(path).absolute()
    if not path.exists():
        raise OutputError(f"{path} does not exist: expected the output folder of a run.")
    if not path.is_dir():
        raise OutputError(f"{path} is a file: expected the output folder of a run.")
    if read_node(path) is not None:
        plate = read_plate(path)
        return Results(path, _output_of(path), plate)
    found = [item for item in sorted(path.glob("*.ome.zarr")) if read_node(item) is not None]
    if len(found) > 1:
        names = ", ".join(item.name for item in found)
        raise OutputError(f"{path} holds several plates ({names}): open one of them.")
    if not found:
        started = (path / ".openhcs").is_dir()
        raise OutputError(
            f"{path} holds a run that has written no plate yet: wait for its first well."
            if started
            else f"{path} holds no results: expected a folder <plate>.ome.zarr in it."
        )
    return Results(found[0], path, read_plate(found[0]))


def _output_of(plate: Path) -> Path:
    parent = plate.parent
    return parent.parent if parent.name == "steps" else parent
