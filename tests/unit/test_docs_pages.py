"""Pages of the documentation: every block has its mark, every command can be read, and the site has no warning."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import click
import pytest

from docs.generate.blocks import Block, missing_lines, pages, read_blocks
from pipeline.cli.main import commands
from pipeline.model.spec.reader import parse_spec

ROOT = Path(__file__).parents[2]
BLOCKS = [block for page in pages() for block in read_blocks(page)]
SHELL = [block for block in BLOCKS if block.language == "sh"]
ENDS_OF_COMMANDS = {"&&", "|", "||", ">", ">>", "2>&1", ";"}


def calls(block: Block) -> list[list[str]]:
    """Return the words of every call of the program in *block*."""
    found = []
    for line in block.commands():
        words = shlex.split(line, comments=True)
        for start in (place for place, word in enumerate(words) if word.lstrip("(") == "snapstitch"):
            rest = words[start + 1 :]
            end = next((place for place, word in enumerate(rest) if word in ENDS_OF_COMMANDS), len(rest))
            found.append([word.rstrip(")") for word in rest[:end]])
    return found


CALLS = [(block, words) for block in SHELL for words in calls(block)]


def test_the_pages_have_commands_that_are_run_and_some_that_are_not() -> None:
    marks = [block.mark for block in SHELL]
    assert marks.count("run") > 15
    assert marks.count("not run") > 5


@pytest.mark.parametrize("block", SHELL, ids=lambda block: block.place)
def test_a_block_for_a_shell_has_a_mark(block: Block) -> None:
    assert block.mark in {"run", "not run"}, f"{block.place} has neither <!-- run --> nor <!-- not run: REASON -->"
    assert block.mark == "run" or len(block.detail) > 10, f"{block.place} does not say why it is not run"


def understood(words: list[str]) -> None:
    """Read a command line as the program does, verbs of verbs included; what it names is made, nothing is run."""
    for word in (word for word in words if not word.startswith(("-", "/"))):
        Path(word).parent.mkdir(parents=True, exist_ok=True)
        if word.isupper() or re.search(r"\.(zst|gz|json|zip)$", word):
            Path(word).touch()
        elif "/" in word:
            Path(word).mkdir(exist_ok=True)
    command: click.Command = commands
    context = click.Context(commands)
    while isinstance(command, click.Group):
        inner = command.get_command(context, words[0])
        assert inner is not None, f"no verb {words[0]}"
        words, command = words[1:], inner
    command.make_context(command.name, list(words), parent=context).close()


@pytest.mark.parametrize("words", [words for _, words in CALLS], ids=[f"{block.place} {w[0]}" for block, w in CALLS])
def test_a_command_is_understood(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    understood(words)


SHORTENED = re.compile(r"[\[|…<]|\\$|V8|FILE\.\.\.")


def lines_of_other_pages() -> list[tuple[str, str]]:
    """Return every whole call of the program on the pages whose commands are not run; shortened ones are for people."""
    found = []
    for page in sorted(set((ROOT / "docs").glob("*.md")) - set(pages())):
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
            call = re.match(r"(?: {4})?python -m pipeline ([^`]*)$", line)
            if call and not SHORTENED.search(call[1]):
                found.append((f"{page.name}:{number}", call[1]))
    return found


OTHER_LINES = lines_of_other_pages()


@pytest.mark.parametrize("line", [line for _, line in OTHER_LINES], ids=[place for place, _ in OTHER_LINES])
def test_a_command_of_the_other_pages_is_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    understood(shlex.split(line, comments=True))


def test_settings_of_the_pages_are_understood() -> None:
    blocks = [block for block in BLOCKS if block.language == "toml"]
    assert blocks
    for block in blocks:
        parse_spec({"schema": 1, **tomllib.loads(block.text)}, file_name=block.place)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_links_of_the_pages_beside_the_readme(name: str) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", (ROOT / name).read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_files_that_the_architecture_names_are_there() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`([a-z0-9_./]+(?:\.py|\.toml|/))`", text))
    assert len(names) > 40
    places = (ROOT, ROOT / "pipeline")
    assert [name for name in sorted(names - {"dist/"}) if not any((place / name).exists() for place in places)] == []


@pytest.mark.parametrize("block", [block for block in SHELL if block.mark == "not run"], ids=lambda block: block.place)
def test_a_reason_names_tests_that_are_there(block: Block) -> None:
    assert [name for name in re.findall(r"tests/[\w/]+(?:\.py)?", block.detail) if not (ROOT / name).exists()] == []


def test_each_fallback_names_tests_that_are_there() -> None:
    """The table of docs/installing.md: a column for each way to install, and the tests of that way in it."""
    text = (ROOT / "docs/installing.md").read_text(encoding="utf-8")
    places = ("unit/data/prebuild_loader/test_*.py", "unit/installing/test_*.py", "integration/test_installing*.py")
    sources = ["".join(path.read_text() for path in sorted((ROOT / "tests").glob(place))) for place in places]
    rows = [line for line in text.splitlines() if line.startswith("| ") and "`test_" in line]
    assert len(rows) > 30
    for row in rows:
        cells = [re.findall(r"`(test_\w+)`", cell) for cell in row.split("|")[-4:-1]]
        lacking = [
            name for names, source in zip(cells, sources, strict=True) for name in names if f"def {name}(" not in source
        ]
        assert lacking == [], row


def test_sessions_of_nox_are_there() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in (*pages(), ROOT / "CONTRIBUTING.md"))
    defined = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    named = set(re.findall(r"nox -s ([a-z0-9-]+)", text))
    assert named
    assert [name for name in named if f"def {name}(" not in defined and not name.endswith(("-arm64", "-amd64"))] == []


@pytest.mark.parametrize(
    ("wanted", "missing"),
    [
        ("one\nthree\n", []),
        ("o…e\n…\nth…\n", []),
        ("three\none\n", ["one"]),
        ("on\n", ["on"]),
        ("two   words\n", []),
    ],
)
def test_what_output_is_like(wanted: str, missing: list[str]) -> None:
    assert missing_lines(wanted, "one\ntwo words\nthree\n") == missing


def test_no_page_of_the_site_has_a_drawing_as_text() -> None:
    """Only GitHub draws those by itself; a page of the site would load a script from another host."""
    pages_of_site = sorted((ROOT / "docs").rglob("*.md"))
    drawn = [b.place for page in pages_of_site for b in read_blocks(page) if b.language in {"mermaid", "dot"}]
    assert len(pages_of_site) > 40
    assert drawn == []


class Page(HTMLParser):
    """What a page of the site loads and links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag in {"script", "img", "iframe", "source", "video"} and "src" in given:
            self.loads.append(given["src"])
        if tag == "link" and given.get("rel") not in {"canonical", "next", "prev"}:
            self.loads.append(given["href"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    """Build the site with warnings as errors, and read every page of it."""
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)],
        cwd=ROOT, env={"PATH": "/usr/bin:/bin", "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return {path: Page(path.read_text(encoding="utf-8")) for path in sorted(out.rglob("*.html"))}


def test_every_page_is_in_the_site(site: dict[Path, Page]) -> None:
    wanted = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    (top,) = {path.parent for path in site if path.name == "404.html"}
    assert wanted == {path.relative_to(top) for path in site} - {Path("404.html")}


def test_no_page_loads_anything_from_another_host(site: dict[Path, Page]) -> None:
    assert {path.name: loaded for path, page in site.items() for loaded in page.loads if "//" in loaded} == {}


def test_every_link_within_the_site_leads_to_a_place_that_is_there(site: dict[Path, Page]) -> None:
    broken = []
    for path, page in site.items():
        if path.name == "404.html":
            continue  # its links begin at the root of a server
        for link in page.links:
            if "//" in link or link.startswith(("mailto:", "javascript:")):
                continue
            name, _sign, anchor = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            target = target / "index.html" if target.is_dir() else target
            anchors = site[target].anchors if target in site else {anchor}
            if not target.is_file() or (anchor and anchor not in anchors):
                broken.append(f"{path.name}: {link}")
    assert broken == []
