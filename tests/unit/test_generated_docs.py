"""Generated pages say what the code says; the picture and the table are made from the imports as they are."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from docs.generate.commands import commands_markdown
from docs.generate.modules import direct_uses, read_rooms, tiers
from docs.generate.pages import ROOMS_BEGIN, ROOMS_END, generated, with_rooms
from docs.generate.picture import picture
from pipeline.cli.examples import EXAMPLES

from .test_layers import modules

ROOT = Path(__file__).parents[2]
PAGES = generated()


@pytest.mark.parametrize("path", sorted(PAGES), ids=lambda path: path.name)
def test_a_generated_file_is_as_the_code_is(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == PAGES[path], "run: nox -s docs"


def test_what_is_stale_is_told_and_written(tmp_path: Path) -> None:
    """The command itself, on a copy of what it reads."""
    for name in ("docs", "pipeline"):
        (tmp_path / name).mkdir()
        subprocess.run(["cp", "-r", f"{ROOT / name}/.", str(tmp_path / name)], check=True)
    page = tmp_path / "docs/reference/commands.md"
    page.write_text("old\n", encoding="utf-8")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "docs.generate", *arguments]
        env = {"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"}
        return subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60)

    told = run("--check")
    assert (told.returncode, told.stdout) == (1, f"{page} is stale\n")
    assert (run().returncode, run("--check").returncode) == (0, 0)
    assert page.read_text(encoding="utf-8") == commands_markdown()


def test_every_verb_has_its_heading() -> None:
    page = commands_markdown()
    assert [path for path in EXAMPLES if f"\n{'#' * (1 + len(path.split()))} {path}\n" not in page] == []


def test_the_rooms_are_all_there_and_use_what_their_modules_import() -> None:
    """Held against the other reader of imports, that of the layers' test."""
    rooms = {room.name: room for room in read_rooms()}
    assert set(rooms) == {module.unit for module in modules()} - {"", "__main__"}
    assert {"cache", "stages"} <= rooms["orchestrate"].uses
    assert rooms["errors"].uses == frozenset()
    assert not [room.name for room in rooms.values() if not room.summary.endswith((".", ")"))]


def test_a_tier_uses_lower_ones_only_and_an_arrow_is_not_drawn_twice() -> None:
    rooms = read_rooms()
    seen = set[str]()
    for tier in tiers(rooms):
        assert all(room.uses <= seen for room in tier)
        seen |= {room.name for room in tier}
    uses = direct_uses(rooms)
    assert "stages" in uses["orchestrate"]
    assert "errors" not in uses["cli"]


def test_the_picture_has_a_box_for_each_package_within_its_frame() -> None:
    drawn = ET.fromstring(picture(read_rooms()))
    svg = "{http://www.w3.org/2000/svg}"
    names = {text.text for text in drawn.iter(f"{svg}text")}
    assert {"cli", "orchestrate", "stages", "model"} < names
    _left, _top, width, height = map(float, drawn.attrib["viewBox"].split())
    boxes = [
        tuple(float(box.attrib[name]) for name in ("x", "y", "width", "height")) for box in drawn.iter(f"{svg}rect")
    ]
    assert len(boxes) == len(names)
    assert all(x >= 0 and x + wide <= width and y + high <= height for x, y, wide, high in boxes)
    rows: dict[float, list[tuple[float, float]]] = {}
    for x, y, wide, _high in boxes:
        rows.setdefault(y, []).append((x, x + wide))
    assert not [
        row for row in rows.values() for one, two in zip(sorted(row), sorted(row)[1:], strict=False) if one[1] > two[0]
    ]


def test_a_page_without_its_marks_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^the page has 0 places for the rooms instead of one$"):
        with_rooms("# A page\n", ())
    assert with_rooms(f"{ROOMS_BEGIN}old{ROOMS_END}", ()).count("| room |") == 1
