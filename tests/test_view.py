"""`microtome view`: what neuroglancer is given to show, and that it asks nobody else."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from conftest import Run, free_port, phantom_project
from microtome.box import Box
from microtome.cli.app import main
from microtome.labels import IGNORE
from microtome.learn.settings import TABLES
from microtome.project import open_project
from microtome.project.answered import answered_labels
from microtome.serve.viewing import Viewed, viewed
from microtome.volume import ArrayVolume, open_volume

pytest.importorskip("neuroglancer", reason="needs neuroglancer: pip install '.[view]'")

import neuroglancer

from microtome.serve.viewer import BACKGROUND_ID, Sliced, served

if TYPE_CHECKING:
    from playwright.sync_api import Page, Playwright, Route

ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]
SHAPE = (4, 96, 96)
VOXEL_NM = (45.0, 9.2, 9.2)
CLASS = "mitochondria"


@pytest.fixture(scope="module")
def segmented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with labels, a model, its prediction and its segmentation."""
    folder = phantom_project(tmp_path_factory.mktemp("view") / "mito")
    for words in (["simulate", folder, "--patches", 3], ["segment", folder, "--threshold", 0.3]):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["microtome", *map(str, words)])
            with pytest.raises(SystemExit, match=r"^0$"):
                main()
    return folder


def shown_of(folder: Path, model: int | None = None, segmentation: str | None = None) -> Viewed:
    with open_project(folder, TABLES) as project:
        return viewed(project, model, segmentation)


class Served:
    """What the server answers, without a browser."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self.origin, self.token = f"{parts.scheme}://{parts.netloc}", parts.path.split("/")[2]

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.origin + path, timeout=10) as response:
            return response.read()

    def state(self) -> dict[str, Any]:
        """What the page is told to show, which comes as the first events of a stream."""
        query = f"/events/{self.token}?c=me&gc=none&gs=none"
        with urllib.request.urlopen(self.origin + query, timeout=10) as stream:
            for line in stream:
                event = json.loads(line.removeprefix(b"data: ")) if line.startswith(b"data: ") else {}
                if event.get("k") == "s":
                    return event["s"]
        raise AssertionError("the stream ended")

    def layers(self) -> dict[str, dict[str, Any]]:
        return {layer["name"]: layer for layer in self.state()["layers"]}

    def chunk(self, layer: str, box: Box, factors: str = "1,1,1") -> np.ndarray:
        """Voxels as the page gets them."""
        start, stop = (",".join(map(str, corner)) for corner in (box.start, box.stop))
        data = self.get(f"/neuroglancer/npz/{self.key(layer)}/{factors}/{start}/{stop}")
        return np.load(BytesIO(zlib.decompress(data)))

    def info(self, layer: str) -> dict[str, Any]:
        return json.loads(self.get(f"/neuroglancer/info/{self.key(layer)}"))

    def key(self, layer: str) -> str:
        return sources(self.layers()[layer])[0].removeprefix("python://volume/")


def sources(layer: dict[str, Any]) -> list[str]:
    found = layer["source"] if isinstance(layer["source"], list) else [layer["source"]]
    return [one["url"] if isinstance(one, dict) else one for one in found]


@pytest.fixture
def server(segmented: Path) -> Iterator[Served]:
    with served(shown_of(segmented), free_port()) as url:
        yield Served(url)


OBJECTS, PROBABILITY = f"{CLASS}: objects 001", f"{CLASS}: probability 001"


def test_a_project_is_shown_in_layers(server: Served) -> None:
    layers = server.layers()
    assert list(layers) == ["image", PROBABILITY, "uncertainty 001", OBJECTS, "labels"]
    kinds = [layer["type"] for layer in layers.values()]
    assert kinds == ["image", "image", "image", "segmentation", "segmentation"]
    assert layers["uncertainty 001"]["visible"] is False
    assert "#e69f00" in layers[PROBABILITY]["shader"]


@pytest.mark.parametrize("layer", ["image", PROBABILITY, "uncertainty 001", OBJECTS, "labels"])
def test_every_layer_has_its_voxels_in_nanometres_and_begins_at_the_same_corner(
    server: Served, layer: str
) -> None:
    info = server.info(layer)
    places = info["coordinateSpace"]
    assert list(places) == ["z", "y", "x"]
    np.testing.assert_allclose([scale for scale, _ in places.values()], np.multiply(VOXEL_NM, 1e-9))
    assert {unit for _, unit in places.values()} == {"m"}
    assert (info["shape"], info["voxelOffset"]) == (list(SHAPE), ["0", "0", "0"])


def test_the_page_has_axes_x_y_z_in_nanometres(server: Served) -> None:
    state = server.state()
    assert list(state["dimensions"]) == ["x", "y", "z"]
    np.testing.assert_allclose([scale for scale, _ in state["dimensions"].values()], [9.2e-9, 9.2e-9, 45e-9])
    assert state["position"] == [48, 48, 1.5]


def test_the_page_gets_the_voxels_of_the_volumes(server: Served, segmented: Path) -> None:
    box = Box((1, 10, 20), (3, 74, 84))
    shown = shown_of(segmented)
    np.testing.assert_array_equal(server.chunk("image", box), shown.image.read(box))
    ids = open_volume(segmented / "segmentations" / "001" / f"{CLASS}.ome.zarr").read(box)
    assert ids.dtype == np.uint64
    assert ids.any()
    np.testing.assert_array_equal(server.chunk(OBJECTS, box), ids)
    stored = open_volume(segmented / "predictions" / "001" / f"{CLASS}.ome.zarr").read(box)
    np.testing.assert_array_equal(server.chunk(PROBABILITY, box), stored)


def test_coarser_levels_are_means_of_images_and_samples_of_ids(server: Served, segmented: Path) -> None:
    whole = Box.of(SHAPE)
    coarse = Box((0, 0, 0), (4, 48, 48))
    image = shown_of(segmented).image.read(whole).astype(float)
    means = image.reshape(4, 48, 2, 48, 2).mean(axis=(2, 4))
    np.testing.assert_array_equal(server.chunk("image", coarse, "1,2,2"), np.floor(means))
    ids = server.chunk(OBJECTS, whole)
    np.testing.assert_array_equal(server.chunk(OBJECTS, coarse, "1,2,2"), ids[:, ::2, ::2])


def test_labels_are_what_was_answered_and_nothing_elsewhere(server: Served, segmented: Path) -> None:
    expected = np.zeros(SHAPE, np.uint8)
    with open_project(segmented, TABLES) as project:
        boxes = {query.id: query.box for query in project.journal.queries()}
        for answer in project.journal.answers():
            said = answer.labels.copy()
            said[answer.labels == 0] = BACKGROUND_ID
            said[answer.labels == IGNORE] = 0
            expected[boxes[answer.query_id].slices] = said
    assert set(np.unique(expected)) > {0, BACKGROUND_ID}
    np.testing.assert_array_equal(server.chunk("labels", Box.of(SHAPE)), expected)


def test_labels_have_the_names_and_colours_of_their_classes(server: Served) -> None:
    layer = server.layers()["labels"]
    assert layer["segmentColors"]["1"] == "#e69f00"
    url = sources(layer)[1].removeprefix(f"precomputed://{server.origin}")
    inline = json.loads(server.get(f"{url}/info"))["inline"]
    names = dict(zip(inline["ids"], inline["properties"][0]["values"], strict=True))
    assert names == {"1": CLASS, str(BACKGROUND_ID): "background"}


def test_answered_labels_are_read_in_parts_and_not_written(segmented: Path) -> None:
    with open_project(segmented, TABLES) as project:
        labels = answered_labels(project, project.image())
    assert labels is not None
    whole = labels.read(Box.of(SHAPE))
    part = Box((0, 17, 30), (3, 70, 66))
    np.testing.assert_array_equal(labels.read(part), whole[part.slices])
    with pytest.raises(OSError, match="cannot be written as a volume"):
        labels.write(part, whole[part.slices])


def test_meshes_beside_the_ids_are_served_in_parts(segmented: Path) -> None:
    folder = segmented / "segmentations" / "001" / f"{CLASS}.meshes"
    folder.mkdir()
    try:
        (folder / "info").write_text('{"@type": "neuroglancer_multilod_draco"}')
        (folder / "7").write_bytes(b"0123456789")
        with served(shown_of(segmented), free_port()) as url:
            page = Served(url)
            source = sources(page.layers()[OBJECTS])[1]
            assert source.startswith(f"precomputed://{page.origin}/")
            where = source.removeprefix("precomputed://")
            assert json.loads(urllib.request.urlopen(f"{where}/info", timeout=10).read())
            asked = urllib.request.Request(f"{where}/7", headers={"Range": "bytes=2-4"})
            assert urllib.request.urlopen(asked, timeout=10).read() == b"234"
            for outside in ("../segmentation.json", "%2e%2e/segmentation.json", "..%2fsegmentation.json"):
                with pytest.raises(HTTPError, match=r"HTTP Error 40[34]"):
                    urllib.request.urlopen(f"{where}/{outside}", timeout=10)
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def test_nothing_is_served_without_the_token(server: Served) -> None:
    stranger = "0" * len(server.token)
    volume = server.key("image").removeprefix(server.token)
    for path in (
        f"/v/{stranger}/",
        f"/events/{stranger}?c=me&gc=none&gs=none",
        f"/neuroglancer/info/{stranger}{volume}",
        f"/microtome/{stranger}/names/info",
    ):
        with pytest.raises(HTTPError, match="404"):
            server.get(path)


def test_the_server_listens_at_loopback_alone(server: Served) -> None:
    assert urlsplit(server.url).hostname == "127.0.0.1"
    bound = neuroglancer.server.global_server.http_server._sockets.values()
    assert {one.getsockname()[0] for one in bound} == {"127.0.0.1"}


def test_without_a_model_there_are_image_and_labels_alone(project_folder: Path) -> None:
    shown = shown_of(project_folder)
    assert (shown.labels, shown.probabilities, shown.uncertainty, shown.instances) == (None, {}, None, {})
    assert shown.missing == (
        "no labels yet: nothing was answered",
        "no model yet: image and labels are all there is to see",
    )
    with served(shown, free_port()) as url:
        assert list(Served(url).layers()) == ["image"]


def test_a_model_that_has_not_predicted_is_said_to_lack_it(run: Run, project_folder: Path) -> None:
    assert run("simulate", project_folder, "--patches", 3)[0] == 0
    assert shown_of(project_folder).missing == ("no prediction of model 1 yet: microtome predict makes it",)
    code, _, err = run("view", project_folder, "--no-browser", "--model", 1)
    assert (code, err) == (1, "microtome: no prediction of model 1 yet: microtome predict makes it\n")
    assert run("predict", project_folder)[0] == 0
    assert shown_of(project_folder).missing == ("no segmentation of model 1 yet: microtome segment makes it",)


def test_a_named_segmentation_brings_the_prediction_that_it_was_made_of(
    segmented: Path, tmp_path: Path
) -> None:
    shown = shown_of(segmented, segmentation="001")
    assert (shown.prediction, shown.segmentation, shown.missing) == ("001", "001", ())


def test_the_segmentation_that_was_written_last_is_shown_unless_another_is_named(
    run: Run, segmented: Path, tmp_path: Path
) -> None:
    root = tmp_path / "mito"
    shutil.copytree(segmented, root)
    assert run("segment", root, "--threshold", 0.4, "--name", "strict")[0] == 0
    assert [shown_of(root, segmentation=name).segmentation for name in (None, "001")] == ["strict", "001"]
    assert shown_of(root, 1).segmentation == "strict"


def test_a_newer_model_without_a_segmentation_is_told_of(run: Run, segmented: Path, tmp_path: Path) -> None:
    root = tmp_path / "mito"
    shutil.copytree(segmented, root)
    assert run("simulate", root, "--patches", 6)[0] == 0
    shown = shown_of(root)
    assert (shown.prediction, shown.segmentation) == ("001", "001")
    assert shown.missing == ("no segmentation of model 2 yet: 001 is of model 1",)
    assert run("predict", root)[0] == 0
    shown = shown_of(root, 2)
    assert (shown.prediction, shown.segmentation) == ("002", None)
    assert shown.missing == ("no segmentation of model 2 yet: microtome segment makes it",)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--model", 9], "expected one of the project's models (1); got 9"),
        (["--segmentation", "strict"], "expected one of the finished segmentations (001); got 'strict'"),
        (["--segmentation", "../x"], "expected one of the finished segmentations (001); got '../x'"),
        (["--segmentation", "001", "--model", 2], "segmentation 001 is of model 1; got --model 2"),
    ],
)
def test_a_name_that_is_not_there_is_refused_in_one_line(
    run: Run, segmented: Path, words: list[object], problem: str
) -> None:
    assert run("view", segmented, "--no-browser", *words) == (1, "", f"microtome: {problem}\n")


def test_a_folder_without_a_project_is_refused(run: Run, tmp_path: Path) -> None:
    code, _, err = run("view", tmp_path, "--no-browser")
    assert (code, err.count("\n")) == (1, 1)
    assert "is not a microtome project" in err


def test_a_damaged_segmentation_is_refused(segmented: Path) -> None:
    told = segmented / "segmentations" / "001" / "segmentation.json"
    before = told.read_text()
    try:
        for damage in ("{", "[]", "{}", '{"model": 1, "prediction": 3}'):
            told.write_text(damage)
            with pytest.raises(ValueError, match="is damaged"):
                shown_of(segmented, segmentation="001")
    finally:
        told.write_text(before)


def test_a_port_that_is_taken_is_told_in_one_line(run: Run, segmented: Path, server: Served) -> None:
    port = urlsplit(server.url).port
    command = [sys.executable, "-m", "microtome", "view", str(segmented), "--no-browser", "--port", str(port)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"microtome: cannot listen at 127.0.0.1, port {port}: Address already in use\n"


def test_without_the_library_its_extra_is_named(
    run: Run, segmented: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "neuroglancer", None)
    monkeypatch.delitem(sys.modules, "microtome.serve.viewer")
    code, _, err = run("view", segmented, "--no-browser")
    assert (code, "python -m pip install 'microtome[view]'" in err) == (1, True)


def test_ctrl_c_ends_it_with_one_line(segmented: Path) -> None:
    command = [sys.executable, "-m", "microtome", "view", str(segmented), "--no-browser"]
    process = subprocess.Popen(
        [*command, "--port", str(free_port())], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    url = process.stdout.readline().strip()
    stream = urllib.request.urlopen(url.replace("/v/", "/events/")[:-1] + "?c=me&gc=n&gs=n", timeout=10)
    assert process.stderr.readline().startswith("open this address")
    os.kill(process.pid, signal.SIGINT)  # while a page is open
    try:
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
        stream.close()
    assert (process.returncode, err.splitlines()[-1]) == (0, "the viewer has ended")
    assert "Traceback" not in err


def test_damage_is_logged_and_refused(caplog: pytest.LogCaptureFixture) -> None:
    class Damaged(ArrayVolume):
        def read(self, box: Box) -> np.ndarray:
            raise OSError("the disk reports an error")

    sliced = Sliced(Damaged(np.zeros((2, 3, 4), np.uint8), VOXEL_NM), "image")
    with pytest.raises(ValueError, match="the disk reports an error"):
        sliced[0:1, 0:2, 0:3]
    assert caplog.messages == ["image cannot be read in 0:1,0:2,0:3: the disk reports an error"]


def test_what_is_shown_is_read_in_tiles_of_a_section(server: Served) -> None:
    for layer in server.layers():
        info = server.info(layer)
        assert (info["downsamplingLayout"], info["chunkLayout"]) == ("2d", "flat")


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("chromium") is None, reason="needs Chromium to look at the page: apt-get install chromium"
)
def test_a_browser_draws_the_data_and_asks_nobody_else(segmented: Path, driver: "Playwright") -> None:
    software = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    hosts, errors = set[str | None](), list[str]()

    def ask(route: "Route") -> None:
        host = urlsplit(route.request.url).hostname
        hosts.add(host)
        if host == "127.0.0.1":
            route.continue_()
        else:
            route.abort()

    with served(shown_of(segmented), free_port()) as url:
        chromium = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*ARGUMENTS, *software]
        )
        page = chromium.new_page(viewport={"width": 800, "height": 600})
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.route("**/*", ask)
        _show(url, "image")  # objects and labels would tint its greys
        page.goto(url)
        _wait_for(page, lambda picture: _greys(picture) > 60)
        _show(url, PROBABILITY)
        _wait_for(page, lambda picture: _orange(picture) > 0.05)
        chromium.close()
    assert hosts == {"127.0.0.1"}
    assert errors == []


def _wait_for(page: "Page", drawn: Callable[[np.ndarray], bool]) -> None:
    deadline = time.monotonic() + 60
    while not drawn(np.asarray(Image.open(BytesIO(page.screenshot())).convert("RGB")).astype(int)):
        assert time.monotonic() < deadline, "it was not drawn"
        page.wait_for_timeout(200)


def _show(url: str, *only: str) -> None:
    viewer = neuroglancer.server.global_server.viewers[Served(url).token]
    with viewer.txn() as state:
        for layer in state.layers:
            layer.visible = layer.name in only


def _greys(picture: np.ndarray) -> int:
    """How many different greys there are in the upper left panel."""
    panel = picture[60:290, 20:380]
    return len(np.unique(panel[np.ptp(panel, axis=2) == 0]))


def _orange(picture: np.ndarray) -> float:
    """The share of that panel which is of the first class's colour, however faint."""
    red, green, blue = np.moveaxis(picture[60:290, 20:380], 2, 0)
    return float(((red > green + 10) & (green > blue + 10)).mean())
