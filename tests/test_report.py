import base64
import math
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from microtome.benchmark.report import figures
from microtome.benchmark.report.run import CurvePoint, Measure, Panel, Report, Tile, write_report
from microtome.box import Box
from microtome.evaluate.overlap import Scores
from microtome.project.cost import Cost

VOID = {"meta", "link", "img", "br"}
ONE = ("mitochondrion",)
THREE = ("mitochondrion", "synapse", "membrane")


def scores(jaccard: float) -> Scores:
    return Scores(jaccard, 2 * jaccard / (1 + jaccard), 0.8125, 0.6875, 0.9375, 1234567, 7654321)


def point(number: int, jaccard: float, classes: tuple[str, ...], seconds: float = 20.0) -> CurvePoint:
    by_class = {name: scores(jaccard + 0.01 * k) for k, name in enumerate(classes)}
    patches = 8 + 24 * number
    return CurvePoint(number, patches, 3.5 + 12 * number, patches * 4096 / 1e6, by_class, seconds)


def panel() -> Panel:
    rng = np.random.default_rng(0)
    truth = np.zeros((24, 32), np.uint8)
    truth[4:12, 5:15] = 1
    predicted = np.roll(truth, 2, axis=1)
    image = rng.integers(0, 255, (24, 32), dtype=np.uint8)
    return Panel(13, image, truth, predicted, rng.random((24, 32), dtype=np.float32) * 0.69, 0.567)


def tile(number: int, rank: int) -> Tile:
    rng = np.random.default_rng((number, rank))
    maps = [rng.random((8, 8), dtype=np.float32) for _ in range(2)] if number else [None, None]
    image = rng.integers(0, 255, (8, 8), dtype=np.uint8)
    reason = "rank 1 of 5 by entropy" if number else "drawn at random"
    return Tile(number, rank, Box((2, 0, 8), (3, 8, 16)), image, maps[0], maps[1], 0.321, reason)


def report(classes: tuple[str, ...] = ONE) -> Report:
    return Report(
        title="Mitochondria in an hour",
        folder="demo",
        data={
            "name": "vnc",
            "licence": "CC BY-NC-SA 3.0",
            "address": "https://doi.org/10.6084/m9.figshare.856713",
        },
        phantom=False,
        classes=classes,
        voxel_size_nm=(45.0, 9.2, 9.2),
        train_box=Box((0, 0, 0), (9, 512, 512)),
        test_box=Box((11, 0, 0), (20, 512, 512)),
        curve=[point(0, 0.412, classes), point(1, 0.634, classes), point(1, 0.723, classes, 61.0)],
        curve_note="The last one was trained for longer.",
        pixel_accuracy=0.9812,
        panels=[panel()],
        tiles=[tile(number, rank) for number in (1, 0) for rank in (1, 0)],
        uncertainty=Measure("entropy", "nats", math.log(2)),
        costs=[Cost(0, 8, 32768, 3.5, 41.0, 260.0), Cost(1, 24, 98304, 12.0, 38.5, 312.0)],
        cost_model={"open_seconds": 2.25, "smallest": 20},
        settings={
            "Training": {"steps": 1017, "window": (1, 128, 128), "fine_tune": None, "symmetries": True}
        },
        seed=4711,
        seconds=243.7,
        device="cpu",
        version="0.1.0",
        command="microtome demo --seed 4711",
        date="2026-01-02",
    )


def page(contents: Report, folder: Path) -> str:
    write_report(contents, folder / "report.html")
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of `report()`."""
    return page(report(), tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def words(html: str) -> str:
    """What it says."""
    return read(html).words


class Reader(HTMLParser):
    """What a browser would load, and the words it would show; complains of elements that do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.images_without_words = 0
        self.words = ""
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        self.words += " " if tag in {"td", "th", "dt", "dd"} else ""
        self.tags.add(tag)
        self.loads += [v for k, v in attributes if k in {"src", "href", "xlink:href", "action", "data"} and v]
        self.ids += [v for k, v in attributes if k == "id" and v]
        self.images_without_words += tag == "img" and not named.get("alt")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.words = " ".join(reader.words.split())
    assert reader.open == []
    return reader


@pytest.mark.parametrize("classes", [ONE, THREE])
def test_page_loads_nothing_from_elsewhere(tmp_path: Path, classes: tuple[str, ...]) -> None:
    html = page(report(classes), tmp_path)
    reader = read(html)
    assert reader.loads
    assert all(address.startswith(("data:", "#")) for address in reader.loads)
    assert not reader.tags & {"script", "iframe", "object", "embed"}
    assert not re.search(r"@import|url\((?!#)", html)


def test_links_within_the_page_have_one_target_each(html: str) -> None:
    reader = read(html)
    assert len(reader.ids) == len(set(reader.ids))
    assert {address[1:] for address in reader.loads if address.startswith("#")} <= set(reader.ids)


def test_every_image_has_words_for_those_who_do_not_see_it(html: str) -> None:
    assert read(html).images_without_words == 0


def test_hostile_names_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script>$\\frac'
    contents = replace(
        report((evil,)), title=evil, folder=evil, data={"name": evil}, settings={evil: {evil: evil}}
    )
    reader = read(page(contents, tmp_path))
    assert "script" not in reader.tags
    assert evil in reader.words


def test_folder_is_quoted_for_the_shell(tmp_path: Path) -> None:
    words = read(page(replace(report(), folder="my demo"), tmp_path)).words
    assert "microtome status 'my demo'" in words


def test_only_a_phantom_is_called_generated_data(tmp_path: Path, words: str) -> None:
    assert "Generated data" not in words
    assert "Generated data" in read(page(replace(report(), phantom=True), tmp_path)).words


def test_headline_numbers_are_those_of_the_final_model(words: str) -> None:
    share = 32 * 4096 / (9 * 512 * 512)
    assert f"Labelling 32 patches, {100 * share:.1f} % of the training area" in words
    assert "took a simulated annotator 15.5 minutes" in words
    assert "sections 11–19" in words
    assert "went from 0.412 with 8 patches to 0.723" in words
    assert "4 min 04 s" in words


def test_headline_of_several_classes_is_their_mean(tmp_path: Path) -> None:
    words = read(page(report(THREE), tmp_path)).words
    assert "mean Jaccard index of the 3 classes went from 0.422 with 8 patches to 0.733" in words


def test_scores_costs_settings_and_seed_are_on_the_page(words: str) -> None:
    for shown in ["0.839", "0.812", "0.688", "0.938", "1,234,567", "7,654,321", "0.9812"]:  # the final scores
        assert shown in words
    assert "round 0 8 8 1.4 % 3.5 3.5 107 (41.0–260) 20 s 0.412" in words
    assert "round 1 24 32 5.6 % 12.0 15.5 122 (38.5–312) 20 s 0.634" in words
    assert "final model – 32 5.6 % – 15.5 – 61 s 0.723" in words
    assert "all 32 15.5 118 (38.5–312) 101 s" in words
    for shown in ["steps 1017", "window (1, 128, 128)", "fine_tune none", "symmetries yes", "seed 4711"]:
        assert shown in words
    assert "open_seconds 2.25" in words
    assert "licence CC BY-NC-SA 3.0" in words
    assert "https://doi.org/10.6084/m9.figshare.856713" in words


def test_panel_carries_its_jaccard_in_brackets_and_a_scale_bar(words: str) -> None:
    assert "Section 13" in words
    assert "prediction (0.567)" in words
    assert "50 nm" in words  # of 32 voxels of 9.2 nm, at most a quarter


def test_gallery_is_in_order_and_says_who_asked(html: str) -> None:
    words = read(html).words
    assert words.index("Round 0 · the first 2 of 8 patches, asked before there was a model") < words.index(
        "Round 1 · the first 2 of 24 patches, asked by a model with a Jaccard index of 0.412"
    )
    assert html.index("Image of round 1, query 1") < html.index("Probability in round 1, query 1")
    assert html.index("Uncertainty in round 1, query 1") < html.index("Image of round 1, query 2")
    assert "Probability in round 0" not in html


def test_one_model_and_no_picture_is_a_page_too(tmp_path: Path) -> None:
    few = replace(report(), curve=[point(0, 0.412, ONE)], panels=[], tiles=[], costs=[])
    words = read(page(few, tmp_path)).words
    assert "the Jaccard index of mitochondrion is 0.412" in words
    assert "What was asked" not in words
    assert "Test sections" not in words


def test_same_report_is_the_same_page(tmp_path: Path, html: str) -> None:
    assert page(report(), tmp_path) == html


def test_failure_leaves_the_old_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")

    def full(_: Path, target: Path) -> Path:
        raise OSError(28, "no space left", str(target))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        write_report(report(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_report_expects_scores_of_every_class() -> None:
    with pytest.raises(ValueError, match="expected scores of"):
        replace(report(), classes=("mitochondrion", "synapse"))
    with pytest.raises(ValueError, match="at least one class, one trained model"):
        replace(report(), curve=[])


def test_panel_expects_finite_uncertainty() -> None:
    with pytest.raises(ValueError, match="must be finite"):
        replace(panel(), uncertainty=np.full((24, 32), np.nan, np.float32))


def test_tile_expects_both_maps_or_none() -> None:
    with pytest.raises(ValueError, match="both maps or none"):
        replace(tile(1, 0), probability=None)


def test_verdicts_tell_hits_misses_false_alarms_and_wrong_classes() -> None:
    truth = np.array([[1, 1, 0, 1, 0, 255]], np.uint8)
    predicted = np.array([[1, 0, 1, 2, 0, 1]], np.uint8)
    pixels = pixels_of(figures.verdicts(truth, predicted))[0]
    shown = [tuple(pixel[:3].tolist()) for pixel in pixels]
    assert shown[:4] == [figures.HIT, figures.MISS, figures.FALSE_ALARM, figures.MIX_UP]
    assert pixels[:4, 3].min() > 0
    assert pixels[4:, 3].tolist() == [0, 0]


def test_heat_map_runs_from_the_lowest_to_the_highest_colour() -> None:
    pixels = pixels_of(figures.heat_map(np.array([[0, 0.5, 9]], np.float32), "gray", 0.5))
    assert pixels[0].tolist() == [[0, 0, 0], [255, 255, 255], [255, 255, 255]]


def test_grey_image_is_kept_and_a_large_one_averaged() -> None:
    small = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(pixels_of(figures.grey(small)), small)
    large = np.zeros((2, 1000), np.uint8)
    large[:, 1::2] = 100
    np.testing.assert_array_equal(pixels_of(figures.grey(large)), np.full((1, 500), 50, np.uint8))


def test_outline_runs_around_a_pixel_in_image_coordinates() -> None:
    assert figures.outline(np.array([[False, True], [False, False]])) == "M1.5,1 1,0.5 1.5,0 2,0.5 1.5,1Z"
    assert figures.outline(np.zeros((2, 2), bool)) == ""


def test_curve_takes_its_colours_and_font_from_the_page() -> None:
    svg = figures.learning_curve([figures.Line((8, 32), (0.4, 0.6), (32, 0.7))], "patches", [8, 32])
    assert "var(--class-1)" in svg
    assert "font-family" not in svg
    assert "#0" not in re.sub(r'"#\w+"|url\(#\w+\)', "", svg)
    assert all(f">{value}<" in svg for value in ("0.40", "0.60", "0.70"))


def test_reports_need_no_torch() -> None:
    program = "import sys, microtome.benchmark.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def pixels_of(address: str) -> np.ndarray:
    return iio.imread(base64.b64decode(address.removeprefix("data:image/png;base64,")), extension=".png")
