"""A small project that grows, for several test modules."""

from pathlib import Path

from conftest import TINY
from microtome.benchmark.phantom import PhantomConfig
from microtome.cli.create import NewProject, create

STAGES = """
[[grow]]
after = 1
ask = 1

[[grow]]
after = 2
ask = 2
net = "separable"
errors = "both"

[[grow]]
after = 4
ask = 3
net = "thin"
errors = "missed"
members = 2
"""


def growing_project(root: Path, *, stages: str = STAGES, audits: int = 1, sections: int = 12) -> Path:
    """A phantom of some sections of 64², asked a section at a time; the first is in the middle."""
    new = NewProject(
        classes=("membranes",),
        phantom=PhantomConfig(shape=(sections, 64, 64), seed=1),
        query_shape=(1, 64, 64),
        train=f"0:{sections}",
        strategy="outward",
        start_strategy="outward",
        start=1,
    )
    create(root, new, lambda text: None)
    settings = root / "project.toml"
    text = settings.read_text().replace("audits = 1", f"audits = {audits}")
    text = text.replace('sampling = "flips"', 'sampling = "single"')
    for default, tiny in TINY.items():
        assert default in text
        text = text.replace(default, tiny)
    settings.write_text(text + stages)
    return root
