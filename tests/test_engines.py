"""The same weights say the same, whatever the engine."""

import dataclasses
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from microtome.box import Box
from microtome.net.config import NetConfig
from microtome.predict.choice import Choice, compiled_where_worth, fastest
from microtome.predict.filling import Filling, fill
from microtome.predict.model import SegmentationModel
from microtome.predict.network import TORCH, Engine, TorchEngine
from microtome.predict.openvino import OpenVinoEngine, openvino, require_cpu
from microtome.predict.sampling import Sampling
from microtome.predict.store import open_store
from microtome.progress import silent
from microtome.volume import ArrayVolume
from test_predict_model import DEEP, FLAT, image, model

if find_spec("openvino") is None:
    pytest.skip("openvino is not installed", allow_module_level=True)

NM = (40.0, 4.0, 4.0)
THIN = NetConfig(
    widths=(4, 6, 8), kernels=((1, 3, 3),) * 2 + ((3, 3, 3),), norm="instance", activation="elu", dropout=0.2
)
ALL = dataclasses.replace(
    FLAT, separable=True, residual=True, squeeze_excitation=True, activation="leaky_relu"
)
BOTH = (TORCH, OpenVinoEngine())
every_net = pytest.mark.parametrize(
    "net",
    [
        pytest.param(FLAT, id="flat"),
        pytest.param(THIN, id="thin", marks=pytest.mark.slow),
        pytest.param(ALL, id="all fields", marks=pytest.mark.slow),
        pytest.param(DEEP, id="deep", marks=pytest.mark.slow),
        pytest.param(dataclasses.replace(DEEP, norm="none", skip="add"), id="added", marks=pytest.mark.slow),
    ],
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def on(engine: Engine, one: SegmentationModel) -> SegmentationModel:
    return dataclasses.replace(one, engine=engine)


@every_net
def test_openvino_says_what_torch_says(net: NetConfig) -> None:
    one = model(net)
    for shape in ((2, 16, 24), (3, 9, 14)):
        expected, found = (
            on(engine, one).posterior(image(*shape), 1, 0) for engine in (TORCH, OpenVinoEngine())
        )
        np.testing.assert_allclose(found.mean, expected.mean, atol=1e-5)


@every_net
def test_samples_of_dropout_are_the_same_on_openvino(net: NetConfig) -> None:
    one = model(net, sampling="dropout")
    expected, found = (
        on(engine, one).posterior(image(2, 16, 24), 6, 3) for engine in (TORCH, OpenVinoEngine())
    )
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-5)
    np.testing.assert_allclose(found.entropy_of_samples, expected.entropy_of_samples, atol=1e-5)
    largest = float(expected.deviation.max())
    assert largest > 0
    np.testing.assert_allclose(found.deviation, expected.deviation, atol=0.01 * largest)


def test_a_converted_network_is_kept_and_read_again(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = model()
    first = on(OpenVinoEngine(), trained).posterior(image(1, 16, 16), 1, 0)
    assert len(list(own_cache.rglob("graph.xml"))) == 1
    monkeypatch.setattr("microtome.predict.openvino.converted", lambda *_: pytest.fail("converted again"))
    again = on(OpenVinoEngine(), trained).posterior(image(1, 16, 16), 1, 0)
    np.testing.assert_array_equal(again.mean, first.mean)


def test_other_weights_are_another_graph(own_cache: Path) -> None:
    on(OpenVinoEngine(), model(members=2, sampling="ensemble")).posterior(image(1, 16, 16), 1, 0)
    assert len(list(own_cache.rglob("graph.xml"))) == 2


def test_a_failed_conversion_leaves_nothing(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(openvino(), "save_model", full)
    with pytest.raises(OSError, match="no space left"):
        on(OpenVinoEngine(), model()).posterior(image(1, 16, 16), 1, 0)
    assert list((own_cache / "microtome" / "openvino").iterdir()) == []


def test_openvino_is_for_a_cpu() -> None:
    with pytest.raises(ValueError, match="expects device cpu; got cuda:0"):
        require_cpu("openvino", "cuda:0")


def test_without_the_library_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ImportError, match=r"microtome\[cpu\]"):
        on(OpenVinoEngine(), model()).posterior(image(1, 16, 16), 1, 0)


def test_nothing_is_reported_to_the_maker_of_openvino() -> None:
    openvino()
    assert sys.modules["openvino_telemetry"] is None


def quick(one: SegmentationModel) -> Choice:
    return fastest(one, 10**9, seconds=0)


def test_the_fastest_engine_is_found_by_trial_and_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microtome.predict.choice.PIECE_FLAT", (1, 32, 32))
    first = quick(model())
    assert first.engine.name in ("torch", "openvino")
    assert "(tried now)" in first.reason
    monkeypatch.setattr("microtome.predict.choice._tried", lambda *_: pytest.fail("tried again"))
    again = quick(model())
    assert again.engine == first.engine
    assert "(tried before)" in again.reason


def test_a_damaged_memory_of_trials_is_as_none(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microtome.predict.choice._tried", lambda *_: {"torch": 2.0, "openvino": 1.0})
    (own_cache / "microtome").mkdir(parents=True)
    (own_cache / "microtome" / "engines.json").write_text("{")
    found = quick(model())
    assert (found.engine, "torch: 2.00" in found.reason) == (TORCH, True)


def test_a_small_volume_is_not_worth_a_trial() -> None:
    assert fastest(model(), 10**6) == Choice(TORCH, "torch: so small a volume is not worth a trial")


def test_without_openvino_torch_is_taken_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert quick(model()) == Choice(
        TORCH, "torch: openvino is not installed (python -m pip install 'microtome[cpu]')"
    )


def test_on_a_gpu_the_fastest_is_torch() -> None:
    assert fastest(dataclasses.replace(model(), device="cuda"), 10**10) == Choice(
        TORCH, "torch: the device is cuda"
    )


@pytest.mark.parametrize(
    ("net", "device", "sampling", "voxels", "compiles"),
    [
        (FLAT, "cuda", "single", 10**10, True),
        (FLAT, "cuda", "flips", 10**10, True),
        (FLAT, "cuda", "single", 10**8, False),
        (FLAT, "cuda", "dropout", 10**10, False),
        (DEEP, "cuda", "single", 10**10, False),
        (FLAT, "cpu", "single", 10**10, False),
    ],
)
def test_a_gpu_compiles_for_large_volumes_what_it_runs_whole(
    net: NetConfig, device: str, sampling: Sampling, voxels: int, compiles: bool
) -> None:
    one = dataclasses.replace(model(net, sampling=sampling), device=device)
    assert compiled_where_worth(one, voxels).engine == TorchEngine(compiles=compiles)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_another_engine_that_was_asked_for_stays(device: str) -> None:
    one = dataclasses.replace(on(OpenVinoEngine(), model()), device=device)
    assert compiled_where_worth(one, 10**10) is one


@pytest.mark.parametrize("sampling", ["single", pytest.param("flips", marks=pytest.mark.slow), "dropout"])
def test_blocks_that_share_the_cores_are_predicted_as_one_after_the_other(
    sampling: Sampling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, voxels in (("FLAT_VOXELS", 512), ("LONGEST", 32), ("CHUNK", 16)):
        monkeypatch.setattr(f"microtome.predict.blocks.{name}", voxels)
    shape = (2, 40, 56)
    volume = ArrayVolume(image(*shape), NM)
    one = on(OpenVinoEngine(), model(sampling=sampling))
    two, found = dataclasses.replace(one, engine=one.engine.shared()), []
    for name, each in (("one", one), ("two", two)):
        store = open_store(tmp_path / name, ("a", "b"), shape, NM, (1, 16, 16))
        filling = Filling(each, lambda: volume, store, 4, 0)
        assert filling.stages.computing == {"one": 0, "two": 2}[name]
        fill(filling, Box.of(shape), progress=silent)
        found.append(store.volumes()[0].read(Box.of(shape)))
    assert found[0].std() > 0
    np.testing.assert_array_equal(found[1], found[0])


def test_pytorch_predicts_block_after_block() -> None:
    assert TORCH.shared() == TORCH


GONE_ELSEWHERE = """
import dataclasses, gc, signal
from concurrent.futures import ThreadPoolExecutor
from test_predict_model import image, model
from microtome.predict.openvino import OpenVinoEngine

held = [dataclasses.replace(model(), engine=OpenVinoEngine())]
held[0].mean(image(1, 16, 24), 1, 0)
with ThreadPoolExecutor(1) as thread:
    thread.submit(held.clear).result()
gc.collect()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_interrupts_though_a_network_went_in_another_thread() -> None:
    words = [sys.executable, "-c", GONE_ELSEWHERE]
    ended = subprocess.run(words, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "interrupted\n"), ended.stderr
