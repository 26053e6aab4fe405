"""Meshes of single objects in files that other programs open: PLY and STL, both binary, x y z in nm."""

import os
from pathlib import Path

import numpy as np

from microtome.segment.mesh import Mesh
from microtome.whole import whole_file


def require_new_mesh(path: Path) -> None:
    """Check a name before the mesh is made.

    Raises:
        ValueError: If it ends in neither .ply nor .stl.
        FileExistsError: If there is something of that name.
        FileNotFoundError: If there is no folder to put it in.
    """
    if path.suffix not in (".ply", ".stl"):
        raise ValueError(f"a mesh of one object is .ply or .stl; got {path.name}")
    if os.path.lexists(path):
        raise FileExistsError(f"{path} exists already")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"folder {path.parent} does not exist")


def write_mesh(mesh: Mesh, path: Path) -> None:
    """Write a mesh as PLY or STL, as the name ends; it is there whole, or not at all.

    Raises:
        ValueError: If the name ends in neither.
        OSError: If there is something of that name, or it cannot be written.
    """
    require_new_mesh(path)
    data = _ply(mesh) if path.suffix == ".ply" else _stl(mesh)
    with whole_file(path) as partial:
        partial.write_bytes(data)


def _ply(mesh: Mesh) -> bytes:
    header = (
        "ply\nformat binary_little_endian 1.0\ncomment nm\n"
        f"element vertex {len(mesh.vertices_nm)}\n"
        "property float x\nproperty float y\nproperty float z\n"
        f"element face {len(mesh.triangles)}\n"
        "property list uchar int vertex_indices\nend_header\n"
    )
    faces = np.empty(len(mesh.triangles), [("n", "u1"), ("corners", "<i4", 3)])
    faces["n"], faces["corners"] = 3, mesh.triangles
    vertices = mesh.vertices_nm[:, ::-1].astype("<f4")
    return header.encode("ascii") + vertices.tobytes() + faces.tobytes()


def _stl(mesh: Mesh) -> bytes:
    corners = mesh.vertices_nm[mesh.triangles][:, :, ::-1]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.divide(normals, lengths, out=np.zeros_like(normals), where=lengths > 0)
    records = np.zeros(len(corners), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    records["normal"], records["corners"] = normals, corners
    return b"binary STL, nm".ljust(80) + np.array(len(corners), "<u4").tobytes() + records.tobytes()
