import dataclasses
import re
import tomllib

import pytest
import tomlkit

from microtome.learn.config import Recipe, TrainConfig, demo, lin, lin_small, lubrano, roels_saeys
from microtome.learn.settings import LATER, TABLES, recipe_from, tables_of
from microtome.net.config import NetConfig

RECIPES: dict[str, Recipe] = {
    "default": Recipe(),
    "demo": demo(),
    "roels_saeys": roels_saeys(),
    "lubrano dice": lubrano("dice"),
    "lubrano ce": lubrano("ce"),
    "lin": lin(),
    "lin polarity": lin("polarity"),
    "lin small distance": lin_small("distance"),
    "fine-tuned otherwise": Recipe(
        train=TrainConfig(optimiser="sgd", reject=0.5, warm_up=0.1), fine_tune=TrainConfig(warm_up=0.2)
    ),
    "ensemble": Recipe(members=3, snapshots=2),
    "suggestive": Recipe(members=4, subset=0.8),
    "learning loss": Recipe(net=NetConfig(loss_head=True), train=TrainConfig(loss_head_until=0.25)),
    "thin": Recipe(
        net=NetConfig((4, 8), ((1, 3, 3), (3, 3, 3)), ((1, 2, 2),)), train=TrainConfig(seconds=1.5)
    ),
}
every_recipe = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)


@every_recipe
def test_a_recipe_comes_back_from_its_tables(recipe: Recipe) -> None:
    assert recipe_from(tables_of(recipe)) == recipe


@every_recipe
def test_a_recipe_comes_back_from_a_file(recipe: Recipe) -> None:
    assert recipe_from(tomllib.loads(tomlkit.dumps(tables_of(recipe)))) == recipe


@every_recipe
def test_the_tables_hold_every_key_but_later_ones_that_change_nothing(recipe: Recipe) -> None:
    keys = {name: frozenset(table) | LATER & TABLES[name] for name, table in tables_of(recipe).items()}
    assert keys == {name: TABLES[name] for name in keys}


def test_later_settings_are_settings() -> None:
    assert LATER - TABLES["net"] - TABLES["train"] == frozenset()


@pytest.mark.parametrize("recipe", [Recipe(), demo(), roels_saeys(), lubrano("ce")])
def test_tables_of_earlier_recipes_say_nothing_of_later_settings(recipe: Recipe) -> None:
    assert LATER.isdisjoint(key for table in tables_of(recipe).values() for key in table)


def test_tables_say_which_later_settings_are_not_the_default() -> None:
    tables = tables_of(lin("polarity"))
    assert tables["net"]["skip"] == "add"
    assert {key: tables["train"][key] for key in LATER if key in tables["train"]} == {
        "target": "polarity",
        "optimiser": "sgd",
        "warm_up": 0.02,
        "reject": 0.95,
        "reject_below": 1000,
    }


def test_every_lin_recipe_can_be_trained() -> None:
    for made in (lin, lin_small):
        for target, classes in (("classes", 4), ("sigmoid", 2), ("polarity", 3), ("distance", 2)):
            made(target).require_trainable(classes)  # type: ignore[arg-type]


@pytest.mark.parametrize("classes", [2, 4])
def test_polarity_is_refused_before_anything_is_asked_where_there_are_not_two_classes(classes: int) -> None:
    with pytest.raises(ValueError, match=f"pre and post, in this order.*; got {classes - 1} classes"):
        lin("polarity").require_trainable(classes)


def test_no_tables_are_the_default_recipe() -> None:
    assert recipe_from({}) == Recipe()


def test_what_a_table_leaves_out_keeps_its_default() -> None:
    tables = {"net": {"widths": [4, 8]}, "train": {"steps": 5}, "ensemble": {"members": 2}}
    expected = Recipe(net=NetConfig(widths=(4, 8)), train=TrainConfig(steps=5), members=2)
    assert recipe_from(tables) == expected


def test_fine_tuning_starts_from_the_settings_of_training() -> None:
    tables = {"train": {"batch": 3, "steps": 7}, "fine_tune": {"steps": 2}}
    assert recipe_from(tables).fine_tune == TrainConfig(batch=3, steps=2)


@pytest.mark.parametrize("tables", [{"train": {"steps": 3}}, {"fine_tune": {}}])
def test_without_a_fine_tune_table_every_round_is_from_scratch(tables: dict) -> None:
    assert recipe_from(tables).fine_tune is None


def test_roels_and_saeys_fine_tune_and_lubrano_does_not() -> None:
    assert dataclasses.replace(roels_saeys().train, epochs=200, learning_rate=5e-4) == roels_saeys().fine_tune
    assert "fine_tune" not in tables_of(lubrano())


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"net": {"widhts": [4]}}, "net.widhts: unknown key (did you mean 'widths'?)"),
        ({"train": {"stepz": 4}}, "train.stepz: unknown key"),
        ({"fine_tune": {"stepz": 4}}, "fine_tune.stepz: unknown key"),
        ({"augment": {"rotate": 4.0}}, "augment.rotate: unknown key"),
        ({"ensemble": {"size": 4}}, "ensemble.size: unknown key"),
        ({"train": {"rejekt": 0.5}}, "train.rejekt: unknown key (did you mean 'reject'?)"),
        ({"train": {"target": "polar"}}, "'polarity' or 'distance'; got 'polar'"),
        ({"train": {"optimiser": "adam"}}, "train.optimiser: Input should be 'adamw' or 'sgd'; got 'adam'"),
        ({"net": {"skip": "sum"}}, "net.skip: Input should be 'concatenate' or 'add'; got 'sum'"),
        ({"train": {"reject": 1.0}}, "train: training expects reject in [0, 1); got 1.0"),
        ({"train": {"reject_below": 0}}, "train: training expects reject_below >= 1; got 0"),
        ({"train": {"warm_up": 1.5}}, "train: training expects warm_up in [0, 1]; got 1.5"),
        ({"train": {"target": "distance"}}, "loss 'squared' for target 'distance', and for no other"),
        ({"train": {"loss": "squared"}}, "for no other; got ('classes', 'squared')"),
        (
            {"train": {"target": "sigmoid"}, "fine_tune": {"target": "classes"}},
            "one target in training and fine-tuning; got ('sigmoid', 'classes')",
        ),
        ({"net": {"widths": "wide"}}, "net.widths: Input should be a valid tuple; got 'wide'"),
        ({"net": {"kernels": [[1, 3, 3], [1, 3]]}}, "net.kernels.1.2: Field required; got [1, 3]"),
        ({"net": {"norm": "group"}}, "net.norm: Input should be 'batch', 'instance' or 'none'; got 'group'"),
        ({"train": {"batch": 2.5}}, "train.batch: Input should be a valid integer"),
        ({"train": {"loss": "mse"}}, "train.loss: Input should be"),
        ({"fine_tune": {"ema": "much"}}, "fine_tune.ema: Input should be a valid number"),
        ({"augment": {"symmetries": 7}}, "augment.symmetries: Input should be a valid boolean"),
        ({"ensemble": {"members": "two"}}, "ensemble.members: Input should be a valid integer"),
        ({"net": {"widths": []}}, "net: widths must be positive channel counts; got ()"),
        ({"train": {"batch": 0}}, "train: training expects batch >= 1; got 0"),
        ({"ensemble": {"members": 0}}, "members and snapshots >= 1; got (0, 1)"),
        ({"ensemble": {"members": 2.5}}, "ensemble.members: Input should be a valid integer"),
        ({"ensemble": {"subset": "most"}}, "ensemble.subset: Input should be a valid number"),
        ({"ensemble": {"subset": 0.0}}, "training expects subset in (0, 1]; got 0.0"),
        ({"ensemble": {"subset": 1.5}}, "training expects subset in (0, 1]; got 1.5"),
        ({"net": {"loss_head": "yes, please"}}, "net.loss_head: Input should be a valid boolean"),
        ({"train": {"loss_head_until": 1.5}}, "train: training expects loss_head_until in [0, 1]; got 1.5"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(tables: dict, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        recipe_from(tables)
    assert "\n" not in str(caught.value)
