"""The command that writes the mesh of one object."""

from pathlib import Path
from typing import Annotated

import typer

from microtome.cli.show import result


def mesh(
    folder: Annotated[
        Path, typer.Argument(metavar="PROJECT", help="The project's folder.", show_default=False)
    ],
    class_name: Annotated[
        str, typer.Argument(metavar="CLASS", help="Class of the object.", show_default=False)
    ],
    label: Annotated[
        int, typer.Argument(metavar="ID", min=1, help="Its id, as in the table.", show_default=False)
    ],
    to: Annotated[
        Path, typer.Option(metavar="FILE", help="A new .ply or .stl, x y z in nm.", show_default=False)
    ],
    segmentation: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which segmentation.", show_default="the latest")
    ] = None,
    triangles: Annotated[
        int | None,
        typer.Option(min=4, help="At most about so many; needs the extra.", show_default="all"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Write the mesh of one object of a segmentation, for other programs."""
    from microtome.cli.names import named
    from microtome.cli.status import open_for_reading
    from microtome.segment.finished import segmentation_of, told_of
    from microtome.segment.mesh import decimated, library
    from microtome.segment.mesh_files import require_new_mesh, write_mesh
    from microtome.segment.tables import InstanceFiles

    require_new_mesh(to)
    if triangles is not None:
        library("fast_simplification")
    with open_for_reading(folder) as project:
        made = segmentation_of(project.root, segmentation)
    classes = {name: name for name in told_of(made)["classes"]}
    files = InstanceFiles(made, named("class", class_name, classes))
    found = files.mesh(label)
    if triangles is not None:
        found = decimated(found, triangles)
    write_mesh(found, to)
    data = {
        "mesh": str(to),
        "segmentation": made.name,
        "class": class_name,
        "id": label,
        "triangles": len(found.triangles),
    }
    result(data, [data], as_json=as_json)
