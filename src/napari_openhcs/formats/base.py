"""What every format shares: the protocol, and turning an index into a plate."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from napari_openhcs.axes import natural_key, well_position
from napari_openhcs.errors import PlateError
from napari_openhcs.frozen import FrozenMapping
from napari_openhcs.plate import Channel, PlaneKey, PlaneSource, Plate, PlateProblem, find_missing
from napari_openhcs.plate.conditions import find_plate_map, read_plate_map
from napari_openhcs.plate.model import smallest_plate
from napari_openhcs.storage.base import is_text
from napari_openhcs.words import counted

__all__ = ["PlateDraft", "PlateFormat", "build_plate", "most_common"]

Value = TypeVar("Value", bound=Hashable)

_UNTELLING_NAMES = frozenset({"images", "image", "tif", "tiff", "data"})


class PlateFormat(Protocol):
    """A microscope format."""

    @property
    def name(self) -> str:
        """Key of the format: the name of its file."""

    @property
    def title(self) -> str:
        """Name for people."""

    @property
    def expects(self) -> str:
        """What a folder of this format holds, in a few words for a refusal."""

    def recognises(self, path: Path) -> bool:
        """Whether the folder `path` is, or lies in, a plate of this format; opens no image."""

    def read(self, path: Path) -> Plate:
        """Index a folder that was recognised.

        Raises
        ------
        PlateError
            There is no plane in it, or what describes it is missing or damaged.
        """


@dataclass
class PlateDraft:
    """What a format found; :func:`build_plate` makes it a plate.

    `shape_yx` and `dtype` are those of one plane; `n_rows` and `n_columns` are 0 where the
    files do not say; the other fields are those of :class:`~napari_openhcs.plate.Plate`.
    """

    root: Path
    format: str
    name: str = ""
    planes: dict[PlaneKey, PlaneSource] = field(default_factory=dict)
    channels: Sequence[Channel] = ()
    shape_yx: tuple[int, int] = (0, 0)
    dtype: str = ""
    n_rows: int = 0
    n_columns: int = 0
    pixel_size_um: float | None = None
    z_step_um: float | None = None
    positions_um: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    problems: list[PlateProblem] = field(default_factory=list)

    def report(self, code: str, message: str, path: str = "", well: str = "") -> None:
        """Note something wrong with the plate's files."""
        self.problems.append(PlateProblem(code, message, path, well))

    def add(self, key: PlaneKey, source: PlaneSource) -> None:
        """Index a plane; the first of two with the same key is kept and the other reported."""
        known = self.planes.setdefault(key, source)
        if known is not source:
            self.report(
                "duplicate",
                f"{source.path} is the same plane as {known.path} ({describe(key)}): the second "
                "was left out; move the one that is not wanted out of the folder.",
                source.path,
                key.well,
            )


def describe(key: PlaneKey) -> str:
    """Name a plane in words."""
    return f"well {key.well}, field {key.field}, channel {key.channel}, z {key.z}, t {key.t}"


def most_common(values: Iterable[Value]) -> Value:
    """Return the value that is there most often; of several the first."""
    return Counter(values).most_common(1)[0][0]


def build_plate(draft: PlateDraft) -> Plate:
    """Turn what a format found into a plate: sorted, checked and with its plate map.

    Raises
    ------
    PlateError
        There is not a single plane, or the folder's name cannot be written down.
    """
    if not is_text(str(draft.root)):
        raise PlateError(
            f"The folder {str(draft.root)!a} has a name that is not valid text, which no plan "
            "and no metadata can hold: rename it."
        )
    if not draft.planes:
        reasons = " ".join(problem.message for problem in draft.problems[:2])
        raise PlateError(
            f"{draft.root} holds no image of a plate: expected at least one plane; copy the "
            f"images into it or choose another folder. {reasons}".rstrip()
        )
    planes = _sorted(draft.planes)
    wells = list(dict.fromkeys(key.well for key in planes))
    n_rows, n_columns = _plate_size(draft, wells)
    problems = [*draft.problems, *_uneven_fields(planes), *_missing(planes)]
    conditions: FrozenMapping[str, FrozenMapping[str, str | float]] = FrozenMapping()
    plate_map = find_plate_map(draft.root)
    if plate_map is not None:
        conditions, more = read_plate_map(plate_map)
        problems.extend(more)
    return Plate(
        root=str(draft.root),
        name=draft.name or plate_name(draft.root),
        format=draft.format,
        channels=_unique_names(draft.channels),
        planes=FrozenMapping(planes),
        shape_yx=draft.shape_yx,
        dtype=draft.dtype,
        n_rows=n_rows,
        n_columns=n_columns,
        pixel_size_um=draft.pixel_size_um,
        z_step_um=draft.z_step_um,
        positions_um=FrozenMapping(draft.positions_um),
        conditions=conditions,
        problems=tuple(problems),
    )


def plate_name(root: Path) -> str:
    """Return the folder's name, or its parent's where it only says that it holds images."""
    if root.name.lower() in _UNTELLING_NAMES and root.parent.name:
        return root.parent.name
    return root.name or "plate"


def _sorted(planes: Mapping[PlaneKey, PlaneSource]) -> dict[PlaneKey, PlaneSource]:
    rank: dict[str, tuple[int, int]] = {key.well: (0, 0) for key in planes}
    rank = {well: well_position(well) for well in rank}
    texts = {key.field for key in planes} | {key.channel for key in planes}
    natural = {text: natural_key(text) for text in texts}
    order = sorted(
        planes,
        key=lambda key: (rank[key.well], natural[key.field], natural[key.channel], key.z, key.t),
    )
    return {key: planes[key] for key in order}


def _plate_size(draft: PlateDraft, wells: list[str]) -> tuple[int, int]:
    positions = [well_position(well) for well in wells]
    rows, columns = smallest_plate(wells)
    fits = draft.n_rows > max(row for row, _ in positions) and draft.n_columns > max(
        column for _, column in positions
    )
    if fits:
        return draft.n_rows, draft.n_columns
    if draft.n_rows and draft.n_columns:
        draft.report(
            "metadata",
            f"The plate is described as {draft.n_rows} × {draft.n_columns} wells but has images "
            f"of well {wells[-1]}: it is shown as {rows} × {columns}.",
        )
    return rows, columns


def _unique_names(channels: Iterable[Channel]) -> tuple[Channel, ...]:
    """Number channels of the same name, so that a name stands for one channel."""
    unique = []
    seen: Counter[str] = Counter()
    for channel in channels:
        seen[channel.name] += 1
        name = channel.name
        if seen[name] > 1:
            name = f"{name} ({seen[name]})"
        unique.append(
            Channel(channel.id, name, channel.color, channel.wavelength_nm, channel.exposure_ms)
        )
    return tuple(unique)


def _uneven_fields(planes: Iterable[PlaneKey]) -> Iterable[PlateProblem]:
    fields: dict[str, set[str]] = defaultdict(set)
    for key in planes:
        fields[key.well].add(key.field)
    usual = max(Counter(map(len, fields.values())).items(), key=lambda item: (item[1], item[0]))[0]
    for well, found in fields.items():
        if len(found) != usual:
            yield PlateProblem(
                "uneven_fields",
                f"Well {well} has {counted(len(found), 'field')} where most wells have {usual}: "
                "leave the well out, or run it with the fields it has.",
                well=well,
            )


def _missing(planes: Mapping[PlaneKey, PlaneSource]) -> Iterable[PlateProblem]:
    wells: dict[str, list[PlaneKey]] = defaultdict(list)
    for key in find_missing(planes):
        wells[key.well].append(key)
    for well, keys in wells.items():
        more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
        yield PlateProblem(
            "missing",
            f"Well {well} lacks {counted(len(keys), 'plane')} that the rest of the plate has: "
            f"{describe(keys[0])}{more}; leave the well out or add the file.",
            _neighbour(planes, keys[0]),
            well,
        )


def _neighbour(planes: Mapping[PlaneKey, PlaneSource], missing: PlaneKey) -> str:
    """Return the path of a plane of the same field: beside it one would expect the missing."""
    return next(
        source.path
        for key, source in planes.items()
        if key.well == missing.well and key.field == missing.field
    )
