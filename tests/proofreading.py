"""A project with proposed objects, and a proofreading server in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from fastapi.testclient import TestClient
from scipy import ndimage

from microtome.box import Box
from microtome.cli.create import NewProject, create
from microtome.learn.settings import TABLES
from microtome.objects.proposals import Proposals, open_proposals, propose
from microtome.objects.settings import ProposalSettings
from microtome.objects.sources import OneClass
from microtome.project import open_project
from microtome.project.records import Audit, JudgeQuery
from microtome.project.sheets import Order
from microtome.serve.app import create_proofread_app
from microtome.serve.proofread_office import ProofreadOffice
from microtome.volume import ArrayVolume
from serving import ACCESS, ORIGIN

SHAPE = (6, 200, 300)
VOXEL_NM = (40.0, 4.0, 4.0)
ACROSS, DOWN = 6, 4  # objects
CLUSTERS = 3


def bodies() -> np.ndarray:
    """A probability volume with 24 balls on a grid, none of which touches another."""
    solid = np.zeros(SHAPE, dtype=bool)
    for k in range(ACROSS * DOWN):
        solid[k % 3 + 1, 25 + 50 * (k // ACROSS), 25 + 50 * (k % ACROSS)] = True
    away = ndimage.distance_transform_edt(~solid, sampling=(10, 1, 1))
    return (away < 14).astype(np.float32) * np.float32(0.9)


def object_project(root: Path, *, asked: bool = True, audits: int = 0) -> Path:
    """A project with 24 proposed objects, of which each is asked for, in three clusters."""
    root.parent.mkdir(exist_ok=True)
    probability = bodies()
    noise = np.random.default_rng(0).normal(150, 12, SHAPE)
    image = np.clip(noise - 90 * probability, 0, 255).astype(np.uint8)
    np.save(root.with_suffix(".npy"), image)
    new = NewProject(
        classes=("mitochondria",),
        image=str(root.with_suffix(".npy")),
        voxel_size_nm=VOXEL_NM,
        query_shape=(1, 32, 32),
        strategy="random",
        start_strategy="random",
    )
    create(root, new, lambda text: None)
    folder = root / "objects" / "001"
    folder.parent.mkdir()
    source = OneClass(ArrayVolume(probability, VOXEL_NM))
    found = propose(source, ProposalSettings(smallest=8), folder)
    with open_project(root, TABLES) as project:
        if asked:
            project.journal.verdicts.add_queries(queries_of(found))
        boxes = [Box((1, 0, 60 * k), (2, 60, 60 * k + 60)) for k in range(audits)]
        project.journal.verdicts.add_audits([Audit(proposals="001", box=box) for box in boxes])
    return root


def queries_of(found: Proposals) -> list[JudgeQuery]:
    table = found.table()
    return [
        JudgeQuery(
            round=0,
            proposals=found.folder.name,
            object_key=int(key),
            box=table.box(row),
            cluster=row % CLUSTERS,
            strategy="two-stream",
            score=0.5,
            rank=row,
            reason="one of five that stand for their group",
        )
        for row, key in enumerate(table.keys)
    ]


@contextmanager
def office_of(folder: Path, **order: Any) -> Iterator[ProofreadOffice]:  # noqa: ANN401
    with open_project(folder, TABLES) as project:
        office = ProofreadOffice(project, open_proposals(folder / "objects" / "001"), Order("001", **order))
        yield office
        office.close()


@contextmanager
def client_of(folder: Path, **order: Any) -> Iterator[TestClient]:  # noqa: ANN401
    """A client that has the token and comes from the page."""
    with office_of(folder, **order) as office:
        app = create_proofread_app(office, ACCESS)
        headers, cookies = {"origin": ORIGIN}, {ACCESS.cookie: ACCESS.token}
        with TestClient(app, base_url=ORIGIN, headers=headers, cookies=cookies) as client:
            yield client
