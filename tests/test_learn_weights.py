import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import nn

from microtome.learn.weights import load_weights, save_weights, set_weights, weights_of


@dataclass(frozen=True)
class Inner:
    sizes: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Settings:
    name: str = "a"
    inner: Inner = field(default_factory=Inner)


def layer(seed: int = 0) -> nn.Linear:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Linear(3, 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "fitted"
    save_weights(folder, "layer", weights_of(layer()), settings=Settings("b", Inner((4,))), losses=(0.5,))
    return folder


def load(folder: Path) -> tuple:
    return load_weights(folder, "layer", settings=Settings, losses=tuple[float, ...])


def refused(folder: Path) -> str:
    with pytest.raises(ValueError) as caught:
        load(folder)
    line = str(caught.value)
    assert line.startswith(f"{folder} holds no whole layer: ")
    assert "\n" not in line
    return line


def edit(folder: Path, **changes: object) -> None:
    file = folder / "layer.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_what_is_saved_is_loaded(folder: Path) -> None:
    weights, settings = load(folder)
    other = layer(seed=1)
    set_weights(other, weights)
    assert torch.equal(other.weight, layer().weight)
    assert torch.equal(other.bias, layer().bias)
    assert settings == {"settings": Settings("b", Inner((4,))), "losses": (0.5,)}


def test_weights_taken_do_not_change_with_the_network() -> None:
    net = layer()
    weights = weights_of(net)
    with torch.no_grad():
        net.weight.zero_()
    assert torch.equal(weights["weight"], layer().weight)


def test_nothing_is_overwritten(folder: Path) -> None:
    with pytest.raises(FileExistsError, match="never overwritten"):
        save_weights(folder, "layer", weights_of(layer(1)))
    assert torch.equal(load(folder)[0]["weight"], layer().weight)


def test_what_a_killed_writer_left_is_no_hindrance(tmp_path: Path) -> None:
    part = tmp_path / "fitted.part"
    part.mkdir()
    (part / "old").write_text("x")
    save_weights(tmp_path / "fitted", "layer", weights_of(layer()), settings=Settings(), losses=())
    assert sorted(file.name for file in (tmp_path / "fitted").iterdir()) == [
        "layer.json",
        "weights.safetensors",
    ]
    assert not part.exists()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "nothing")


@pytest.mark.parametrize("keep", [0, 10, -1])
def test_weights_cut_short_are_found(folder: Path, keep: int) -> None:
    file = folder / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    assert "sha256" in refused(folder)


def test_one_flipped_bit_is_found(folder: Path) -> None:
    file = folder / "weights.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert "sha256" in refused(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '"text"', "\xff"])
def test_a_description_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / "layer.json").write_bytes(text.encode("latin-1"))
    refused(folder)


def test_unknown_settings_are_named(folder: Path) -> None:
    edit(folder, settings={"name": "a", "inner": {"sizes": [1], "size": 1}})
    assert "settings.inner.size: unknown key; expected one of sizes" in refused(folder)


def test_settings_of_the_wrong_kind_are_named(folder: Path) -> None:
    edit(folder, settings={"inner": {"sizes": "many"}})
    assert "settings.inner.sizes" in refused(folder)
    edit(folder, settings=3)
    assert "settings: " in refused(folder)


def test_a_setting_that_is_left_out_keeps_its_default(folder: Path) -> None:
    edit(folder, settings={"name": "c"})
    assert load(folder)[1]["settings"] == Settings("c")


def test_weights_of_another_network_are_refused() -> None:
    weights = weights_of(layer())
    with pytest.raises(
        ValueError, match=r"expected weights weight of shape \(2, 4\) and torch.float32; got \("
    ):
        set_weights(nn.Linear(4, 2), weights)
    with pytest.raises(ValueError, match="weights bias are of no layer of this network"):
        set_weights(nn.Linear(3, 2, bias=False), weights)
    with pytest.raises(ValueError, match="weights bias are missing"):
        set_weights(layer(), {"weight": weights["weight"]})
    with pytest.raises(ValueError, match=r"got \(2, 3\) and torch.float16"):
        set_weights(layer(), weights | {"weight": weights["weight"].half()})
