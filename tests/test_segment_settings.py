import re
from typing import Any

import pytest

from microtome.segment.settings import InstanceSettings


def test_by_default_instances_are_components_of_one_half_and_more() -> None:
    default = InstanceSettings()
    assert (default.method, default.threshold, default.smallest, default.holes) == ("components", 0.5, 1, 0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"threshold": 0.0}, "expected threshold in (0, 1]; got 0.0"),
        ({"threshold": float("nan")}, "expected threshold in (0, 1]; got nan"),
        ({"connectivity": 18}, "expected a connectivity of 6 or 26; got 18"),
        ({"smallest": 0}, "expected a smallest size of at least 1 voxel; got 0"),
        ({"holes": -1}, "expected holes of at least 0 voxels; got -1"),
        ({"smoothing_nm": -1.0}, "expected smoothing_nm in [0, 100000]; got -1.0"),
        ({"block": (0, 1, 1)}, "expected a block of three positive sides; got (0, 1, 1)"),
        (
            {"method": "watershed"},
            "watershed: expected a seed threshold, a seed distance or both",
        ),
        ({"method": "boundaries"}, "boundaries: expected a seed distance above 0 nm; got 0.0"),
        (
            {"method": "watershed", "seed_distance_nm": 9.0, "connectivity": 26},
            "watershed: expected a connectivity of 6; got 26",
        ),
        (
            {"method": "boundaries", "seed_distance_nm": 9.0, "holes": 5},
            "boundaries: expected no holes and no seed threshold",
        ),
        ({"seed_threshold": 0.9}, "components: expected no seed threshold and no seed distance"),
    ],
)
def test_settings_out_of_range_or_without_use_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        InstanceSettings(**given)
