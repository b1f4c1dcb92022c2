from __future__ import annotations

import json

import pytest

from napari_openhcs.errors import StoreError
from napari_openhcs.ome_zarr.nodes import (
    group_files,
    join_attributes,
    read_node,
    split_attributes,
    zarr_format,
)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_attributes_come_back(tmp_path, version):
    attributes = join_attributes({"well": {"images": []}}, {"well": "A01"}, version)
    for name, content in group_files(attributes, zarr_format(version)).items():
        (tmp_path / name).write_bytes(content)
    node = read_node(tmp_path)
    assert node["node_type"] == "group"
    assert node["zarr_format"] == zarr_format(version)
    ome, own = split_attributes(node["attributes"])
    assert ome["well"] == {"images": []}
    assert own == {"well": "A01"}


def test_where_the_standard_puts_attributes():
    assert group_files({}, 2) == {".zgroup": b'{\n "zarr_format": 2\n}'}
    node = json.loads(group_files(join_attributes({"plate": {}}, {}, "0.5"), 3)["zarr.json"])
    assert node["attributes"] == {"ome": {"version": "0.5", "plate": {}}}
    assert join_attributes({"plate": {}}, {"key": "k"}, "0.4") == {
        "plate": {},
        "openhcs": {"key": "k"},
    }


def test_no_node_and_damaged_nodes(tmp_path):
    assert read_node(tmp_path / "nothing") is None
    (tmp_path / "zarr.json").write_bytes(b"{")
    with pytest.raises(StoreError, match=r"zarr.json is damaged, it is no JSON"):
        read_node(tmp_path)
    (tmp_path / "zarr.json").write_bytes(b"[]")
    with pytest.raises(StoreError, match="expected a JSON object"):
        read_node(tmp_path)
    (tmp_path / "zarr.json").write_bytes(b'{"attributes": []}')
    with pytest.raises(StoreError, match="its attributes are no object"):
        read_node(tmp_path)
    (tmp_path / "zarr.json").write_bytes(b"[" * 100_000)
    with pytest.raises(StoreError, match="is no JSON"):
        read_node(tmp_path)
    with pytest.raises(StoreError, match=r"'0.6' is not known: expected 0.4 or 0.5"):
        zarr_format("0.6")
