"""Projects, boxes, steps and previews as the page knows them."""

import hashlib
from typing import Any

from microtome.box import Box
from microtome.project import Project
from microtome.project.records import Op, Preview

SKIP_REASONS = ("blurred or damaged", "not sure what it is", "too much work", "another reason")


def project_json(project: Project) -> dict[str, Any]:
    """A project as the page knows it; its `id` tells it from others that were served at the same address."""
    config = project.config
    voxel = zip(config.image.voxel_size_nm, config.image.downsample, strict=True)
    place = f"{project.root} {config.image.fingerprint}"
    return {
        "id": hashlib.sha256(place.encode()).hexdigest()[:16],
        "name": project.root.name,
        "classes": [{"name": name, "instances": name in config.instances} for name in config.classes],
        "shape": config.image.shape,
        "voxel_size_nm": [side * factor for side, factor in voxel],
        "train_box": box_json(config.train_box),
        "query_shape": config.query.shape,
        "skip_reasons": SKIP_REASONS,
    }


def box_json(box: Box) -> dict[str, Any]:
    """A box as the page knows it."""
    return {"start": box.start, "stop": box.stop}


def op_json(op: Op) -> dict[str, Any]:
    """A step as the page knows it."""
    return {
        "seq": op.seq,
        "key": op.key,
        "kind": op.kind,
        "tool": op.tool,
        "runs": op.runs.ravel().tolist(),
        "model": op.model,
    }


def preview_json(preview: Preview) -> dict[str, Any]:
    """A preview as the page knows it, without its voxels."""
    return {
        "id": preview.id,
        "model": preview.model_id,
        "box": box_json(preview.box),
        "foreground": preview.foreground is not None,
    }
