"""Labels to a paint program and back."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from exchanging import (
    ANSWERED,
    BLANK,
    BLUE,
    DEEP,
    ORANGE,
    answered,
    asked,
    full_project,
    image,
    labels,
    new_project,
    paint,
    png,
    predicted,
    write,
)
from microtome.box import Box
from microtome.labels import IGNORE
from microtome.project import Project, total_cost
from microtome.project.exchange import Imported, export_pictures, import_pictures
from microtome.project.records import Activity, Op
from microtome.project.summary import annotators

FIRST = "z000_y000_x000_query0001.png"
DEEP_1, DEEP_2 = "z001_y004_x004_query0002.png", "z002_y004_x004_query0002.png"
LAST = "z000_y008_x000_query0003.png"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with full_project(tmp_path) as project:
        yield project


@pytest.fixture
def out(tmp_path: Path, project: Project) -> Path:
    export_pictures(project, tmp_path / "out")
    return tmp_path / "out"


def corrected(out: Path, name: str = FIRST) -> Path:
    return out / "corrected" / name


def everything(project: Project) -> tuple[int, ...]:
    return project.journal.version()


def brought_back(project: Project, out: Path, **more: float) -> Imported:
    return import_pictures(project, out, "ada", **more)


def test_an_export_holds_four_pictures_of_each_section_that_sort_by_section(out: Path) -> None:
    for folder in ("image", "corrected", "annotated"):
        assert sorted(path.name for path in (out / folder).iterdir()) == [FIRST, LAST, DEEP_1, DEEP_2]
    assert sorted(path.name for path in (out / "raw").iterdir()) == [DEEP_1, DEEP_2]


def test_the_pictures_show_image_labels_and_prediction(out: Path, project: Project) -> None:
    np.testing.assert_array_equal(png(out / "image" / DEEP_2), image()[DEEP.slices][1])
    answer = project.journal.answer(1).labels[0]
    picture = png(corrected(out))
    np.testing.assert_array_equal(picture[..., 3] == 255, (answer == 1) | (answer == 2))
    assert set(np.unique(picture[..., 3])) == {0, 255}
    assert (picture[answer == 1, :3] == ORANGE).all()
    assert (picture[answer == 2, :3] == BLUE).all()
    np.testing.assert_array_equal(png(out / "annotated" / FIRST) == 255, answer != IGNORE)
    preview = project.journal.previews.get(1)
    raw = png(out / "raw" / DEEP_1)
    np.testing.assert_array_equal(raw[..., 3] == 255, preview.within(DEEP)[0] > 0)
    np.testing.assert_array_equal(png(corrected(out, DEEP_1)), raw)
    assert not png(corrected(out, LAST)).any()
    assert (png(out / "annotated" / LAST) == 255).all()


def test_the_manifest_names_queries_boxes_classes_colours_model_and_image(
    out: Path, project: Project
) -> None:
    manifest = json.loads((out / "labels.json").read_text())
    assert manifest["image"] == project.config.image.fingerprint
    assert manifest["classes"] == [
        {"name": "mito", "colour": "#e69f00"},
        {"name": "vesicle", "colour": "#56b4e9"},
    ]
    told = {one["query"]: (one["box"], one["answers"], one["model"]) for one in manifest["queries"]}
    assert told == {1: (str(ANSWERED), [1], None), 2: (str(DEEP), [], 1), 3: (str(BLANK), [], None)}


@pytest.mark.parametrize("whole", [False, True])
def test_nothing_comes_of_pictures_that_nobody_changed(tmp_path: Path, project: Project, whole: bool) -> None:
    before = everything(project)
    export_pictures(project, tmp_path / "out", whole_sections=whole)
    found = brought_back(project, tmp_path / "out", minutes=3)
    assert (found.answers, found.unchanged, found.notes) == ((), 3, ())
    assert everything(project) == before


def test_a_corrected_prediction_becomes_an_answer_of_exactly_what_was_painted(
    out: Path, project: Project
) -> None:
    paint(corrected(out, DEEP_2), (slice(0, 2), slice(0, 3)), BLUE)
    expected = project.journal.previews.get(1).within(DEEP).copy()
    expected[1, 0:2, 0:3] = 2
    found = brought_back(project, out, minutes=2)
    (answer,) = found.answers
    np.testing.assert_array_equal(answer.labels, expected)
    assert (answer.query_id, answer.method, answer.shown_model) == (2, "corrected", 1)
    assert (answer.supersedes, answer.active_seconds, found.unchanged) == (None, 120.0, 2)
    assert project.journal.answer_of(2, "ada") is not None


def test_a_changed_answer_supersedes_its_own(out: Path, project: Project) -> None:
    paint(corrected(out), (0, slice(None)), None)
    (answer,) = brought_back(project, out).answers
    assert (answer.supersedes, answer.method, answer.shown_model) == (1, "scratch", None)
    expected = project.journal.answer(1).labels.copy()
    expected[0, 0][expected[0, 0] != IGNORE] = 0
    np.testing.assert_array_equal(answer.labels, expected)


def test_another_annotator_gives_an_answer_beside_it(out: Path, project: Project) -> None:
    paint(corrected(out), (0, slice(None)), ORANGE)
    (answer,) = import_pictures(project, out, "bob").answers
    assert (answer.annotator, answer.supersedes) == ("bob", None)
    assert {one.annotator for one in project.journal.answers_to(1)} == {"ada", "bob"}


def test_the_mask_tells_unlabelled_from_background(out: Path, project: Project) -> None:
    mask = png(out / "annotated" / LAST).copy()
    mask[:4] = 0
    write(out / "annotated" / LAST, mask)
    paint(corrected(out, LAST), (0, slice(None)), ORANGE)  # paint counts also where the mask is black
    (answer,) = brought_back(project, out).answers
    expected = np.zeros(BLANK.shape, dtype=np.uint8)
    expected[0, :4] = IGNORE
    expected[0, 0] = 1
    np.testing.assert_array_equal(answer.labels, expected)
    assert answer.method == "scratch"


def test_nothing_is_imported_twice(out: Path, project: Project) -> None:
    paint(corrected(out), (0, slice(None)), ORANGE)
    paint(corrected(out, DEEP_1), (0, slice(None)), ORANGE)
    assert len(brought_back(project, out, minutes=1).answers) == 2
    before = everything(project)
    assert brought_back(project, out, minutes=1).answers == ()
    assert everything(project) == before


def test_work_goes_on_in_the_same_pictures_and_back_to_the_beginning(out: Path, project: Project) -> None:
    untouched = corrected(out).read_bytes()
    paint(corrected(out), (0, slice(None)), ORANGE)
    (first,) = brought_back(project, out).answers
    paint(corrected(out), (1, slice(None)), BLUE)
    (second,) = brought_back(project, out).answers
    assert second.supersedes == first.id
    corrected(out).write_bytes(untouched)
    (third,) = brought_back(project, out).answers
    assert third.supersedes == second.id
    np.testing.assert_array_equal(third.labels, project.journal.answer(1).labels)


def test_an_import_that_was_killed_after_the_answers_adds_none_again(out: Path, project: Project) -> None:
    paint(corrected(out), (0, slice(None)), ORANGE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(project.journal, "add_event", _killed)
        with pytest.raises(KeyboardInterrupt):
            brought_back(project, out, minutes=2)
    found = brought_back(project, out, minutes=2)
    assert found.answers == ()
    assert total_cost(project.journal).minutes == pytest.approx(2.5)


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_was_answered_elsewhere_since_the_export_is_not_replaced(out: Path, project: Project) -> None:
    newer = answered(project, 1, labels=labels(ANSWERED, 1), supersedes=1)
    paint(corrected(out), (0, slice(None)), ORANGE)
    with pytest.raises(ValueError, match=rf"{FIRST}: ada answered query 1 after the export, by answer 2"):
        brought_back(project, out)
    assert project.journal.answer_ids() == {newer.id}


def test_minutes_are_shared_by_labelled_voxels_and_counted_for_the_annotator(
    out: Path, project: Project
) -> None:
    paint(corrected(out, DEEP_1), (0, slice(None)), ORANGE)  # 96 voxels
    paint(corrected(out, LAST), (0, slice(None)), ORANGE)  # 80 voxels
    found = import_pictures(project, out, "bob", minutes=17.6)
    assert {answer.query_id: answer.active_seconds for answer in found.answers} == pytest.approx(
        {2: 576.0, 3: 480.0}
    )
    (bob,) = [person for person in annotators(project.journal) if person.name == "bob"]
    assert bob.minutes == pytest.approx(17.6)
    glance = Activity(query_id=1, annotator="bob", key="k", looking_seconds=60.0, editing_seconds=30.0)
    project.journal.drafts.add_activity(glance)
    (bob,) = [person for person in annotators(project.journal) if person.name == "bob"]
    assert (bob.minutes, bob.looking_minutes) == (pytest.approx(19.1), 1.0)


def test_the_page_goes_on_from_what_was_imported(out: Path, project: Project) -> None:
    from microtome.serve.desk import Desk

    runs = np.array([[0, 5, 1]], dtype=np.int32)
    step = Op(query_id=1, annotator="ada", seq=1, key="stroke-1", kind="edit", tool="brush", runs=runs)
    project.journal.drafts.add_op(step)
    paint(corrected(out), (0, slice(None)), BLUE)
    (answer,) = brought_back(project, out).answers
    shown = Desk(project).open(1, "ada")
    assert shown["answer"] == {"id": answer.id, "seq": 2, "method": "scratch"}
    desk = Desk(project)
    np.testing.assert_array_equal(desk._draft(project.journal.query(1), "ada").labels(), answer.labels)


def test_a_page_that_had_painted_nothing_does_not_overwrite_what_was_imported(
    out: Path, project: Project
) -> None:
    from microtome.serve.desk import ConflictError, Desk
    from microtome.serve.messages import OpMessage

    desk = Desk(project)
    query = project.journal.drafts.assign("ada", holding=[2], repeat=1)
    assert query is not None
    assert query.id == 3
    desk.open(3, "ada")
    paint(corrected(out, LAST), (0, slice(None)), BLUE)
    (answer,) = brought_back(project, out).answers
    stroke = OpMessage(seq=1, key="stroke-1", kind="edit", tool="brush", runs=[0, 5, 1])
    with pytest.raises(ConflictError, match="answered elsewhere"):
        desk.add_op(3, "ada", stroke)
    np.testing.assert_array_equal(desk._draft(query, "ada").labels(), answer.labels)


def test_objects_stay_told_apart_where_the_class_stays(tmp_path: Path) -> None:
    with new_project(tmp_path, instances=("mito",)) as project:
        asked(project, ANSWERED)
        mito = np.ones(ANSWERED.shape, dtype=np.uint8)
        objects = np.arange(80, dtype=np.uint16).reshape(ANSWERED.shape)
        answered(project, 1, labels=mito, instances=objects)
        export_pictures(project, tmp_path / "out")
        paint(corrected(tmp_path / "out"), (0, slice(None)), BLUE)
        (answer,) = brought_back(project, tmp_path / "out").answers
        assert answer.instances is not None
        np.testing.assert_array_equal(answer.instances[0, 1:], objects[0, 1:])
        assert not answer.instances[0, 0].any()


def test_several_annotators_are_exported_as_their_majority(tmp_path: Path) -> None:
    with new_project(tmp_path) as project:
        asked(project, ANSWERED)
        for name, value in (("ada", 1), ("bob", 2), ("eve", 2)):
            answered(project, 1, name, labels=np.full(ANSWERED.shape, value, dtype=np.uint8))
        export_pictures(project, tmp_path / "out")
        assert (png(corrected(tmp_path / "out"))[..., :3] == BLUE).all()


def test_an_answer_that_was_corrected_comes_with_what_the_model_had_shown(tmp_path: Path) -> None:
    with new_project(tmp_path) as project:
        asked(project, ANSWERED)
        preview = predicted(project, 1)
        answered(project, 1, method="corrected", shown_model=preview.model_id)
        export_pictures(project, tmp_path / "out")
        raw = png(tmp_path / "out" / "raw" / FIRST)
        np.testing.assert_array_equal(raw[..., 3] > 0, preview.within(ANSWERED)[0] > 0)
        paint(corrected(tmp_path / "out"), (0, slice(None)), ORANGE)
        (answer,) = brought_back(project, tmp_path / "out").answers
        assert (answer.method, answer.shown_model) == ("corrected", preview.model_id)


def test_whole_sections_show_all_queries_and_what_lies_around(tmp_path: Path, project: Project) -> None:
    out = tmp_path / "out"
    export_pictures(project, out, whole_sections=True)
    assert sorted(path.name for path in (out / "corrected").iterdir()) == ["z000.png", "z001.png", "z002.png"]
    np.testing.assert_array_equal(png(out / "image" / "z000.png"), image()[0])
    assert not png(out / "annotated" / "z000.png")[:, 10:].any()
    paint(out / "corrected" / "z000.png", (slice(6, 10), slice(8, 12)), ORANGE)
    found = brought_back(project, out)
    assert [answer.query_id for answer in found.answers] == [1, 3]
    assert found.changed_voxels[1] == 4
    assert found.notes == ("corrected/z000.png: 8 pixels are painted beside the queries, and not taken",)


def test_queries_that_overlap_in_a_section_are_not_taken_for_changed(tmp_path: Path) -> None:
    with new_project(tmp_path) as project:
        for query in asked(project, ANSWERED, ANSWERED.shifted((0, 3, 4))):
            answered(project, query)
        export_pictures(project, tmp_path / "out", whole_sections=True)
        assert brought_back(project, tmp_path / "out").answers == ()


def test_withdrawn_and_skipped_queries_are_left_out(tmp_path: Path) -> None:
    with new_project(tmp_path) as project:
        asked(project, ANSWERED)
        project.journal.drafts.withdraw([1])
        with pytest.raises(ValueError, match="neither answers nor open queries"):
            export_pictures(project, tmp_path / "out")


def test_an_export_overwrites_nothing(out: Path, project: Project) -> None:
    before = (out / "labels.json").read_bytes()
    with pytest.raises(FileExistsError, match="exists already"):
        export_pictures(project, out)
    assert (out / "labels.json").read_bytes() == before


@contextmanager
def exported(whole: bool, box: Box, said: np.ndarray) -> Iterator[tuple[Project, Path]]:
    with tempfile.TemporaryDirectory() as name, new_project(Path(name)) as project:
        asked(project, box)
        answered(project, 1, labels=said)
        export_pictures(project, Path(name) / "out", whole_sections=whole)
        yield project, Path(name) / "out"


VALUES = st.sampled_from([0, 1, 2, IGNORE])


@settings(max_examples=12)
@given(
    said=arrays(np.uint8, DEEP.shape, elements=VALUES),
    drawn=arrays(np.uint8, DEEP.shape, elements=VALUES),
    whole=st.booleans(),
)
def test_a_round_trip_changes_exactly_what_was_painted(
    said: np.ndarray, drawn: np.ndarray, whole: bool
) -> None:
    """Where `drawn` is IGNORE the painter's hand does not go; 0 is the eraser."""
    with exported(whole, DEEP, said) as (project, out):
        assert brought_back(project, out).answers == ()
        for z, name in enumerate(
            ("z001.png", "z002.png")
            if whole
            else ("z001_y004_x004_query0001.png", "z002_y004_x004_query0001.png")
        ):
            picture = png(corrected(out, name)).copy()
            place = DEEP.slices[1:] if whole else (slice(None), slice(None))
            for value, pixel in ((0, (0, 0, 0, 0)), (1, (*ORANGE, 255)), (2, (*BLUE, 255))):
                picture[place][drawn[z] == value] = pixel
            write(corrected(out, name), picture)
        expected = np.where((drawn == IGNORE) | ((drawn == 0) & (said == IGNORE)), said, drawn)
        if np.array_equal(expected, said) or (expected == IGNORE).all():
            assert np.array_equal(expected, said)
            assert brought_back(project, out).answers == ()
        else:
            (answer,) = brought_back(project, out).answers
            np.testing.assert_array_equal(answer.labels, expected)
            assert project.journal.check() == []


def _without(path: Path) -> None:
    path.unlink()


def _cropped(path: Path) -> None:
    write(path, png(path)[:-1])


def _garbage(path: Path) -> None:
    path.write_bytes(b"GIMP")


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def _red(path: Path) -> None:
    paint(path, (3, 4), (255, 0, 0))


def _flattened(path: Path) -> None:
    """The image was not hidden when the layer was exported."""
    write(path, np.repeat(image()[ANSWERED.slices][0][..., None], 3, axis=2))


def _greys(path: Path) -> None:
    write(path, image()[ANSWERED.slices][0])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_without, "is missing"),
        (_cropped, "expected 10 × 8 pixels, as exported; got 10 × 7"),
        (_garbage, "expected a PNG image"),
        (_truncated, "is a damaged PNG image"),
        (
            _red,
            "1 pixels are of no class's colour, the first at y 3, x 4: "
            "expected #e69f00, #56b4e9; got #ff0000",
        ),
        (_flattened, "pixels are of no class's colour"),
        (_greys, "expected colours of classes, or grey values 0 to 2"),
    ],
)
def test_a_bad_picture_is_named_and_nothing_is_imported(
    out: Path, project: Project, spoil: object, message: str
) -> None:
    paint(corrected(out, DEEP_1), (0, slice(None)), ORANGE)  # this one is fine
    before = everything(project)
    spoil(corrected(out))  # type: ignore[operator]
    with pytest.raises((ValueError, OSError)) as caught:
        brought_back(project, out)
    assert str(corrected(out)) in str(caught.value)
    assert message in str(caught.value)
    assert everything(project) == before


def test_a_missing_mask_and_an_empty_answer_are_named(out: Path, project: Project) -> None:
    write(corrected(out), np.zeros((8, 10, 4), dtype=np.uint8))
    write(out / "annotated" / FIRST, np.zeros((8, 10), dtype=np.uint8))
    with pytest.raises(ValueError, match=f"{FIRST}: nothing is labelled in query 1 any more"):
        brought_back(project, out)
    (out / "annotated" / FIRST).unlink()
    with pytest.raises(FileNotFoundError, match=f"annotated/{FIRST} is missing"):
        brought_back(project, out)


def test_pictures_that_were_not_exported_are_mentioned(out: Path, project: Project) -> None:
    write(corrected(out, "copy.png"), np.zeros((8, 10, 4), dtype=np.uint8))
    assert brought_back(project, out).notes == ("corrected/copy.png was not exported, and not read",)


def test_soft_edges_are_counted(out: Path, project: Project) -> None:
    picture = np.zeros((8, 10, 4), dtype=np.uint8)
    picture[:4] = (*ORANGE, 255)
    picture[4, :, :] = (*ORANGE, 140)
    picture[5, :, :] = (*ORANGE, 100)
    picture[3, 0] = ((230 + 86) // 2 + 1, (159 + 180) // 2, 233 // 2 - 1, 255)
    write(corrected(out, LAST), picture)
    found = brought_back(project, out)
    assert found.notes == (f"corrected/{LAST}: 21 pixels of soft edges became the nearest class, or none",)
    (answer,) = found.answers
    assert (answer.labels[0, :5] == 1).all()
    assert not answer.labels[0, 5:].any()


def test_another_project_another_image_and_other_classes_are_refused(
    tmp_path: Path, out: Path, project: Project
) -> None:
    (tmp_path / "other").mkdir()
    with full_project(tmp_path / "other") as other, pytest.raises(ValueError, match="from another project"):
        brought_back(other, out)
    (tmp_path / "named").mkdir()
    with (
        full_project(tmp_path / "named", classes=("mito", "er")) as other,
        pytest.raises(ValueError, match=r"expected the classes \['mito', 'er'\]"),
    ):
        brought_back(other, out)
    np.save(tmp_path / "image.npy", image() + np.uint8(1))
    with pytest.raises(ValueError, match="changed since"):
        brought_back(project, out)


def _edited(out: Path, **changes: object) -> None:
    path = out / "labels.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": "sha256:00"}, "exported from another image"),
        ({"microtome_labels": 2}, "microtome_labels"),
        ({"painter": "GIMP"}, "painter"),
        ({"files": []}, "expected each section of each query in one file"),
        ({"files": [{"file": "../a.png", "box": "0:1,0:8,0:10", "queries": [1]}]}, "files"),
        ({"files": [{"file": "a.png", "box": "0:1,0:8,0:9", "queries": [1]}]}, "a.png cannot show query 1"),
        ({"files": [{"file": "a.png", "box": "0:1,0:8,0:99", "queries": [1]}]}, "0:99"),
        ({"files": [{"file": "a.png", "box": "0:1,0:8,0:10", "queries": [9]}]}, "a.png cannot show query 9"),
    ],
)
def test_a_manifest_that_was_edited_is_refused(
    out: Path, project: Project, changes: dict[str, object], message: str
) -> None:
    _edited(out, **changes)
    with pytest.raises(ValueError) as caught:
        brought_back(project, out)
    assert message in str(caught.value)
    assert "labels.json" in str(caught.value)


def test_a_folder_without_an_export_is_refused(tmp_path: Path, project: Project) -> None:
    with pytest.raises(ValueError, match=r"holds no exported labels: no labels\.json in it"):
        brought_back(project, tmp_path)
    (tmp_path / "labels.json").write_text("{")
    with pytest.raises(ValueError, match="is no JSON"):
        brought_back(project, tmp_path)


@pytest.mark.parametrize(
    ("name", "minutes"), [("", 0.0), (" ada", 0.0), ("a" * 41, 0.0), ("ada", np.nan), ("ada", -1.0)]
)
def test_names_and_minutes_are_checked(out: Path, project: Project, name: str, minutes: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        import_pictures(project, out, name, minutes)
