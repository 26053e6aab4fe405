"""The benchmark of features: its volume holds as many objects as it says, and each part is measured."""

from pathlib import Path

import numpy as np
import pytest

import bench_object_features as bench
from microtome.benchmark.objects.phantom import IMAGE, ObjectPhantomConfig
from microtome.box import Box
from microtome.volume import open_volume

FEW = ObjectPhantomConfig(sections=1, across=2)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "FEW", FEW)
    monkeypatch.setattr(bench, "SECTIONS", 2)
    monkeypatch.setattr(bench, "MANY", 2 * 4 * FEW.count)


@pytest.mark.slow
def test_each_part_does_what_it_is_measured_for(tmp_path: Path) -> None:
    bench.draw(tmp_path, 1)
    few, many = (open_volume(tmp_path / name / IMAGE) for name in ("few", "many"))
    assert many.shape == (2, 2 * few.shape[1], 2 * few.shape[2])
    first = few.read(Box.of(few.shape))[0]
    last = many.read(Box.of(many.shape))[1, few.shape[1] :, few.shape[2] :]
    assert np.array_equal(last, np.rot90(first, 7))
    fitted = bench.fit(tmp_path, 1)
    assert bench.fit(tmp_path, 1) == fitted  # as kept
    for _ in range(2):  # the features of a run before are made again
        taken = bench.encode(tmp_path, 1)
        assert taken.keys() == {"seconds", "cpu_seconds", "peak_gb"}
        assert min(taken.values()) > 0
    streams = np.load(tmp_path / "many" / "001" / "features" / "images.npy")
    assert streams.shape == (32, 64)
    assert len(np.unique(streams, axis=0)) >= FEW.count  # others are the same ones, turned


def test_a_volume_with_another_number_of_objects_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "MANY", 33)
    with pytest.raises(RuntimeError, match="expected 33 proposals; got 32"):
        bench.draw(tmp_path, 1)
