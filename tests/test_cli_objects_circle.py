"""The circle of objects as a person types it: features, asking, answering, propagating, training, audits."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from conftest import Run
from judged_objects import judge
from microtome.learn.settings import TABLES
from microtome.objects.oracle import ObjectOracle
from microtome.objects.proposals import open_proposals
from microtome.project import Project, open_project
from microtome.project.records import VerdictWord

SHAPE = (4, 96, 96)  # of the project's image


@pytest.fixture
def proposed(run: Run, project_folder: Path, tmp_path: Path) -> Path:
    """A project with 30 proposed blocks, of which 24 lie in the train split."""
    probability = np.zeros(SHAPE, np.uint8)
    for k in range(24):
        y, x = 2 + 16 * (k // 6), 2 + 16 * (k % 6)
        probability[k % 3, y : y + 6 + k % 4, x : x + 8] = 200
    for k in range(6):
        probability[3, 80:90, 2 + 16 * k : 12 + 16 * k] = 200
    np.save(tmp_path / "given.npy", probability)
    words = ("--prediction", tmp_path / "given.npy", "--smallest", 8, "--per-section")
    code, _, err = run("objects", "propose", project_folder, *words)
    assert code == 0, err
    return project_folder


@pytest.fixture
def project(proposed: Path) -> Iterator[Project]:
    with open_project(proposed, TABLES) as opened:
        yield opened


def data(run: Run, *words: object) -> dict:
    code, out, err = run("objects", *words, "--json")
    assert code == 0, err
    return json.loads(out)


def says(run: Run, *words: object) -> str:
    """The one line with which a command refuses."""
    code, _, err = run("objects", *words)
    assert code == 1
    assert err.startswith("microtome: ")
    assert err.count("\n") == 1
    return err


SMALL = ("--small", "--steps", 1, "--latent", 4, "--device", "cpu")


def test_the_circle_from_features_to_a_new_model(run: Run, proposed: Path, project: Project) -> None:
    assert run("simulate", proposed, "--patches", 7)[0] == 0
    made = data(run, "features", proposed, *SMALL)
    assert made == {
        "proposals": "001", "objects": 30, "mask_features": 20, "image_features": 4, "networks": "new",
    }  # fmt: skip
    asked = data(run, "ask", proposed, "-n", 8, "--clusters", "2,2,2")
    assert asked == {"proposals": "001", "asked": 8, "round": 0, "strategy": "two-stream", "groups": 4}
    found = open_proposals(proposed / "objects" / "001")
    assert "8 objects of proposals 001 wait for a verdict" in says(run, "ask", proposed)
    assert "nobody decided on an object" in says(run, "train", proposed)
    verdicts = project.journal.verdicts
    queries = verdicts.queries("001")
    words: list[VerdictWord] = ["correct" if k % 3 else "incorrect" for k in range(len(queries))]
    rows = found.table().rows_of_keys(np.array([query.object_key for query in queries])).tolist()
    assert all(found.table().stop[rows, 0] <= 3)  # none of the test split
    judge(project.journal, found, dict(zip(rows, words, strict=True)))
    spread = data(run, "propagate", proposed, "--insist")
    assert (spread["objects"], spread["answered"]) == (30, 8)
    assert Path(spread["labels"]).read_text().count("\n") == 31
    assert len(spread["error"]) == 3
    out = proposed.parent / "kept.ome.zarr"
    assert data(run, "export", proposed, out)["objects"] == 5
    assert "exists already" in says(run, "export", proposed, out)
    model = data(run, "train", proposed, "--steps", 3, "--device", "cpu")
    assert (model["model"], model["correct"], model["incorrect"]) == (3, 5, 3)
    assert project.journal.models()[-1].metrics["objects"]["proposals"] == ["001"]
    assert run("predict", proposed, "--device", "cpu")[0] == 0
    tuned = data(run, "features", proposed, "--tune", "images", *SMALL)
    assert tuned["networks"] == "fitted to 001; images tuned by 8 answers of 001"
    again = data(run, "ask", proposed, "-n", 99, "--strategy", "entropy")
    assert (again["asked"], again["round"]) == (16, 1)
    told = says(run, "simulate", proposed, "--small", "--feature-steps", 3)
    assert "holds verdicts of ada: a simulation expects a project of its own" in told


def test_each_strategy_asks_for_as_many_objects(run: Run, proposed: Path, tmp_path: Path) -> None:
    assert run("simulate", proposed, "--patches", 3)[0] == 0
    data(run, "features", proposed, *SMALL)
    for strategy in ("random", "core-set", "core-set-images", "masks-alone", "images-alone"):
        copy = shutil.copytree(proposed, tmp_path / strategy)
        assert data(run, "ask", copy, "-n", 10, "--strategy", strategy)["asked"] == 10


def test_what_is_missing_is_said_in_one_line(run: Run, proposed: Path) -> None:
    assert "proposals 001 have no features: run `microtome objects features`" in says(run, "ask", proposed)
    assert "unknown strategy 'two-strem' (did you mean 'two-stream'?)" in says(
        run, "ask", proposed, "--strategy", "two-strem"
    )
    assert "expects a trained model" in says(run, "ask", proposed, "--strategy", "core-set")
    assert "ask, and give verdicts" in says(run, "propagate", proposed)
    assert "expected one of the proposals 001; got '002'" in says(
        run, "features", proposed, "--proposals", "002"
    )
    assert "has no features" in says(run, "features", proposed, "--tune", "images", *SMALL).replace(
        "have", "has"
    )


@pytest.mark.parametrize("text", ["inf,1,1", "1e400,1,1", "nan,1,1", "64,4", "0,4,5"])
def test_groups_that_cannot_be_counted_are_wrong_usage(run: Run, text: str, tmp_path: Path) -> None:
    code, _, err = run("objects", "ask", tmp_path, "--clusters", text)
    assert code == 2
    assert "expected " in err
    assert text in err


def test_without_features_random_objects_are_asked_and_a_hint_is_given(run: Run, proposed: Path) -> None:
    code, out, err = run("objects", "ask", proposed, "-n", 5, "--strategy", "random", "--json")
    assert (code, json.loads(out)["groups"]) == (0, 1)
    assert "run `microtome objects features` first" in err


def test_the_same_settings_are_not_fitted_twice_and_others_need_a_word(run: Run, proposed: Path) -> None:
    data(run, "features", proposed, *SMALL)
    data(run, "features", proposed, *SMALL)
    assert "features of other settings" in says(run, "features", proposed, *SMALL, "--latent", 5)
    assert data(run, "features", proposed, *SMALL, "--latent", 5, "--anew")["image_features"] == 5


def test_images_of_objects_alone_are_other_features_than_whole_patches(run: Run, proposed: Path) -> None:
    data(run, "features", proposed, *SMALL, "--whole-patch")
    before = np.load(proposed / "objects" / "001" / "features" / "images.npy")
    data(run, "features", proposed, *SMALL, "--around", 1, "--anew")
    assert not np.array_equal(before, np.load(proposed / "objects" / "001" / "features" / "images.npy"))


def test_audits_are_drawn_and_their_marks_give_recall(run: Run, proposed: Path, project: Project) -> None:
    drawn = data(run, "audit", proposed, "-n", 6, "--shape", "1,48,48")
    assert (drawn["drawn_now"], drawn["boxes"], drawn["looked_at"], drawn["recall"]) == (6, 6, 0, None)
    truth, found = project.truth(), open_proposals(proposed / "objects" / "001")
    assert truth is not None
    verdicts = project.journal.verdicts
    for answer in ObjectOracle(truth).audited(found, verdicts.audits("001")):
        verdicts.add_audit_answer(answer)
    seen = data(run, "audit", proposed)
    assert (seen["drawn_now"], seen["looked_at"]) == (0, 6)
    value, low, high = seen["recall"]
    assert value == pytest.approx(seen["found"] / (seen["found"] + seen["missed"]))
    assert low <= value <= high


def test_a_set_is_compared_with_the_true_objects(run: Run, proposed: Path) -> None:
    seen = data(run, "evaluate", proposed)
    assert seen["box"] == "3:4,0:96,0:96"
    assert seen["proposed"] == 6
    assert seen["recall"] == seen["matched"] / seen["true"]
    assert 0 <= seen["average_precision"] <= 1
    assert seen["cremi_nm"] == pytest.approx((seen["adgt_nm"] + seen["adf_nm"]) / 2)
    assert data(run, "evaluate", proposed, "--box", "0:4")["proposed"] == 30
    nowhere = data(run, "evaluate", proposed, "--box", "3:4,0:4,0:4")
    assert nowhere["proposed"] == 0
    assert "<= 4" in says(run, "evaluate", proposed, "--box", "3:9")
    text = (proposed / "project.toml").read_text()
    (proposed / "project.toml").write_text(text.replace('test = "3:4"', ""))
    assert "say where with --box" in says(run, "evaluate", proposed)


def test_a_simulation_needs_a_model_and_a_test_split(run: Run, proposed: Path) -> None:
    assert "train one first" in says(run, "simulate", proposed)
    text = (proposed / "project.toml").read_text()
    (proposed / "project.toml").write_text(text.replace('test = "3:4"', ""))
    assert "expects splits.test" in says(run, "simulate", proposed)
