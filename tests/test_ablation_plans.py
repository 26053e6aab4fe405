"""What the ablation compares where networks see objects cut out."""

from ablation_report import CUT
from bench_objects_ablation import CUT_OUT, SETTINGS, on, with_images
from microtome.benchmark.objects.ablation import BEST, PAPER
from microtome.benchmark.objects.trial import Plan

NAME = "vnc-synapses"


def test_only_designs_that_look_at_images_are_told_again() -> None:
    names = [str(design) for design in with_images(PAPER, BEST)]
    assert names == ["image only 256", "late fusion 256", "hierarchical 64 × 4"]


def test_masks_are_described_alike_whether_objects_are_cut_out_or_not() -> None:
    for name in ("phantom", NAME):
        plain, cut = (
            on(Plan(features=features), name, tiny=False).features for features in (SETTINGS, CUT_OUT)
        )
        assert (plain.masks, plain.training, plain.side, plain.step) == (
            cut.masks,
            cut.training,
            cut.side,
            cut.step,
        )
        assert plain.around is None
        assert cut.around == 3


def test_real_voxels_are_half_as_wide_as_those_of_the_phantom() -> None:
    assert on(Plan(features=SETTINGS, name=CUT), "phantom", tiny=False).features == SETTINGS
    assert on(Plan(features=SETTINGS, name=CUT), NAME, tiny=False).features.step == 2
