"""The ways of a GPU, on a CPU: half precision, compiling, several threads. On a GPU: test_gpu.py."""

import dataclasses
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from compiling import compiling
from microtome.box import Box
from microtome.learn.targets import CLASSES
from microtome.learn.train import new_net
from microtome.net.config import NetConfig
from microtome.net.inference import dropout_masks, folded
from microtome.predict.keeping import ImagePart
from microtome.predict.network import HALF, TORCH, TorchNetwork
from test_predict_model import DEEP, FLAT, image, model

nets = pytest.mark.parametrize("net", [FLAT, DEEP], ids=["flat", "deep"])


def network(net: NetConfig, precision: torch.dtype = torch.float32) -> TorchNetwork:
    return TorchNetwork(folded(new_net(net, 2, seed=0)).to(precision), CLASSES, "cpu", precision)


def images(net: NetConfig, steps: int) -> torch.Tensor:
    z, y, x = net.multiple
    stream = torch.Generator().manual_seed(steps)
    return torch.randn(1, 1, 1 if net.flat else 3 * z, steps * y, (steps + 1) * x, generator=stream)


@nets
def test_half_precision_says_nearly_the_same(net: NetConfig) -> None:
    exact, half = network(net), network(net, HALF)
    batch = images(net, 4)
    found = half.probabilities(batch)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, exact.probabilities(batch), atol=1e-3, rtol=0)
    masks = [dropout_masks(net, batch.shape, torch.Generator().manual_seed(k)) for k in range(2)]
    for one, other in zip(half.sampled(batch, masks), exact.sampled(batch, masks), strict=True):
        torch.testing.assert_close(one, other, atol=1e-3, rtol=0)


@nets
def test_where_all_is_computed_at_once_the_part_that_is_asked_for_is_cut_from_it(net: NetConfig) -> None:
    plain = network(net)
    whole, keep = images(net, 8)[0, 0], Box((0, 3, 5), (1, 9, 12))
    kept = ImagePart(whole, keep)
    cut = kept.cuts(net)
    assert any(cut[0].skip.before)
    one = dataclasses.replace(plain, faster=plain.classes)
    found, expected = (kept.of(each.probabilities(whole[None, None], cut)[0], cut) for each in (one, plain))
    torch.testing.assert_close(found, expected)


@pytest.mark.slow
def test_members_are_compiled_once_for_blocks_of_all_sizes_and_say_the_same() -> None:
    found = compiling("cpu")
    assert found["graphs"] == {"flat": 1, "deep": 1}
    assert found["apart"] < 1e-5
    assert found["warnings"] == []


def test_where_nothing_can_be_compiled_it_is_said_and_predicted_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def without_triton(*_: object, **__: object) -> None:
        raise RuntimeError("Cannot find a working triton installation")

    monkeypatch.setattr(torch, "compile", without_triton)
    plain = network(FLAT)
    with pytest.warns(UserWarning, match="cannot be compiled here, and are slower for it: .*triton"):
        left = plain.compiled()
    assert left == plain
    assert torch.equal(left.probabilities(images(FLAT, 4)), plain.probabilities(images(FLAT, 4)))


def test_threads_that_predict_at_a_time_say_what_one_does() -> None:
    one = model()
    pictures = [image(1, 16 + 8 * (k % 3), 24) for k in range(8)]
    expected = [dataclasses.replace(one).mean(picture, 1, 0) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda picture: one.mean(picture, 1, 0), pictures))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_networks_are_made_ready_once_however_many_threads_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    ready = type(TORCH).ready
    monkeypatch.setattr(type(TORCH), "ready", lambda *words: made.append(words) or ready(*words))
    one = model()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: one.networks, range(8)))
    assert len(made) == 1


def test_a_model_that_predicted_is_sent_without_its_networks() -> None:
    fresh, used = model(), model()
    expected = used.mean(image(1, 16, 24), 1, 0)
    assert len(pickle.dumps(used)) == len(pickle.dumps(fresh))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(used)).mean(image(1, 16, 24), 1, 0), expected)
