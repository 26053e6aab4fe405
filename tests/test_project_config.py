from pathlib import Path

import pytest
import tomlkit

from microtome.box import Box
from microtome.project.config import ProjectConfig, load_config, save_config

ALLOWED = {"train": frozenset({"steps", "rate"}), "net": frozenset({"filters"})}


def raw() -> dict:
    return {
        "schema": 1,
        "classes": ["mitochondrion"],
        "seed": 0,
        "image": {
            "uri": "image.npy",
            "voxel_size_nm": [45, 4.6, 4.6],
            "downsample": [1, 2, 2],
            "shape": [20, 512, 512],
            "window": [0, 255],
            "fingerprint": "sha256:00",
        },
        "truth": {"uri": "truth.npy", "values": [1], "fingerprint": "sha256:01"},
        "query": {
            "shape": [1, 64, 64],
            "batch": 24,
            "strategy": "entropy",
            "sampling": "flips",
            "samples": 4,
        },
        "splits": {"train": "0:9", "test": "11:20"},
        "train": {"steps": 100, "rate": 0.001},
        "net": {"filters": [8, 16]},
    }


def load(tmp_path: Path, tables: dict) -> ProjectConfig:
    path = tmp_path / "project.toml"
    path.write_text(tomlkit.dumps(tables))
    return load_config(path, ALLOWED)


def changed(key: str, value: object) -> dict:
    tables = raw()
    table, _, name = key.rpartition(".")
    (tables[table] if table else tables)[name] = value
    return tables


def refusal(tmp_path: Path, tables: dict) -> str:
    with pytest.raises(ValueError) as caught:
        load(tmp_path, tables)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("project.toml")
    return str(caught.value)


def test_saving_and_loading_is_identity(tmp_path: Path) -> None:
    config = load(tmp_path, raw())
    save_config(config, tmp_path / "again.toml")
    assert load_config(tmp_path / "again.toml", ALLOWED) == config
    assert list(config.net["filters"]) == [8, 16]


def test_truth_window_and_downsampling_may_be_absent(tmp_path: Path) -> None:
    tables = raw()
    del tables["truth"], tables["image"]["window"], tables["image"]["downsample"]
    config = load(tmp_path, tables)
    assert (config.truth, config.image.window, config.image.downsample) == (None, None, (1, 1, 1))
    save_config(config, tmp_path / "again.toml")
    assert load_config(tmp_path / "again.toml", ALLOWED) == config


def test_saving_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    config = load(tmp_path, raw())
    save_config(config, tmp_path / "project.toml")
    assert [path.name for path in tmp_path.iterdir()] == ["project.toml"]


def test_a_save_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(tmp_path, raw())
    before = (tmp_path / "project.toml").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_config(config, tmp_path / "project.toml")
    assert (tmp_path / "project.toml").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["project.toml"]


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("query.strategi", "query.strategy"),
        ("clases", "classes"),
        ("image.downsampling", "image.downsample"),
        ("train.step", "train.steps"),
        ("net.filter", "net.filters"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(tmp_path: Path, key: str, nearest: str) -> None:
    message = refusal(tmp_path, changed(key, 1))
    assert message == f"project.toml: unknown key '{key}' (did you mean '{nearest}'?)"


def test_an_unknown_key_like_no_other_is_just_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, changed("zzz", 1)) == "project.toml: unknown key 'zzz'"


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    tables = raw()
    del tables["image"]["uri"]
    assert refusal(tmp_path, tables) == "project.toml: missing key 'image.uri'"


def test_a_file_without_schema_is_refused(tmp_path: Path) -> None:
    tables = raw()
    del tables["schema"]
    assert refusal(tmp_path, tables) == "project.toml: missing key 'schema'"


def test_a_newer_schema_is_refused_before_its_new_keys(tmp_path: Path) -> None:
    tables = {**raw(), "schema": 2, "invention": {"x": 1}}
    expected = "project.toml was made by a newer microtome (schema 2; this one reads up to 1)"
    assert refusal(tmp_path, tables) == expected


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("seed", "0", ["seed:", "integer", "'0'"]),
        ("seed", -1, ["seed:", "greater than or equal to 0", "-1"]),
        ("query.batch", True, ["query.batch:", "integer", "True"]),
        ("query.shape", [1, 64], ["query.shape[2]"]),
        ("query.shape", [1, 0, 64], ["query.shape[1]:", "greater than or equal to 1", "0"]),
        ("query", 3, ["query:", "3"]),
        ("image.voxel_size_nm", [45, 4.6, float("nan")], ["image.voxel_size_nm[2]:", "nan"]),
        ("image.window", [9, 9], ["image", "low < high", "[9.0, 9.0]"]),
        ("image.fingerprint", "md5:00", ["image.fingerprint:", "sha256", "md5:00"]),
        ("classes", [], ["classes:", "at least 1"]),
        ("classes", ["a", "a"], ["classes:", "distinct", "['a', 'a']"]),
        ("classes", ["background"], ["classes[0]:", "'background'"]),
        ("truth.values", [1, 2], ["truth.values", "1 classes", "got 2"]),
        ("truth.values", [0], ["truth.values[0]:", "0"]),
        ("splits.train", "0-9", ["'z0:z1'", "'0-9'"]),
        ("splits.train", "5:5", ["z0 < z1", "'5:5'"]),
        ("splits.train", "0:9,0:512,0:513", ["x1 <= 512", "0:513"]),
        ("splits.test", "8:20", ["must not overlap", "0:9", "8:20"]),
        ("splits.test", "11:21", ["z1 <= 20", "11:21"]),
        ("query.shape", [10, 64, 64], ["query.shape (10, 64, 64)", "0:9"]),
        ("train.rate", {"a": 1}, ["train.rate:", "expected a number", "{'a': 1}"]),
        ("train.rate", float("inf"), ["train.rate:", "finite", "inf"]),
    ],
)
def test_a_wrong_value_is_refused_with_key_and_what_came(
    tmp_path: Path, key: str, value: object, parts: list[str]
) -> None:
    message = refusal(tmp_path, changed(key, value))
    assert [part for part in parts if part not in message] == []


def test_broken_toml_is_refused_with_its_position(tmp_path: Path) -> None:
    path = tmp_path / "project.toml"
    path.write_text("schema = 1\nclasses = [\n= 3")
    with pytest.raises(ValueError, match=r"^project\.toml: not valid TOML: .*line 3"):
        load_config(path, ALLOWED)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "project.toml"
    path.write_bytes(b"schema\xff")
    with pytest.raises(ValueError, match=r"^project\.toml: not valid TOML: no UTF-8 text at byte 6"):
        load_config(path, ALLOWED)


def test_splits_become_boxes_of_whole_sections_or_parts(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        changed("splits.test", "0:20, 0:256, 0:512")
        | {"splits": {"train": "0:20,256:512,0:512", "test": "0:20, 0:256, 0:512"}},
    )
    assert config.train_box == Box((0, 256, 0), (20, 512, 512))
    assert config.test_box == Box((0, 0, 0), (20, 256, 512))
    assert load(tmp_path, raw()).train_box == Box((0, 0, 0), (9, 512, 512))


def test_a_setting_keeps_its_type(tmp_path: Path) -> None:
    settings = load(tmp_path, changed("train.steps", True)).train
    assert settings["steps"] is True
    assert settings["rate"] == 0.001
