"""The README's program runs, and its two commands come first."""

import re
from pathlib import Path

import pytest

import microtome

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_readme_opens_with_the_two_commands() -> None:
    assert re.findall(r"```\n(.*?)```", README, re.DOTALL)[0] == "make demo\nmake test\n"


def test_the_program_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(program, "README.md", "exec"), {})
    assert capsys.readouterr().out == "(1, 96, 96) (2, 1, 96, 96)\n"


def test_every_public_name_is_what_it_says() -> None:
    assert len(microtome.__all__) <= 25
    for name in microtome.__all__:
        assert getattr(microtome, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        _ = microtome.nothing


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_links_of_a_page_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []
