"""A release, assembled and published, is what the patched `deno upgrade` finds: its own requests, by plain HTTP."""

from __future__ import annotations

import hashlib
import io
import re
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.errors import ReleaseError
from pipeline.github.access import Access
from pipeline.model.releases.manifest import DeltaFormat
from pipeline.model.releases.plan import plan_of_release
from pipeline.net.exchange import Secret
from pipeline.orchestrate.releases.publishing import PublishRequest, publish_release
from pipeline.packing import delta
from pipeline.releasing.directory import read_manifest
from tests.unit.github.publishing import QUICK, context_for
from tests.unit.github.stand_in import StandIn
from tests.unit.github.world import REPOSITORY, TOKEN
from tests.unit.releasing.finished import Sketch, content, write_build

ROOT = Path(__file__).parents[3]
PATCHES = sorted((ROOT / "patches" / "deno").glob("upgrade-*.patch"))
TRIPLE = "aarch64-unknown-linux-gnu"


def sketch(version: str, name: str = "deno") -> Sketch:
    zip_name = "deno-linux-arm64.zip" if name == "deno" else f"deno-{TRIPLE}.zip"
    return Sketch(name=name, version=version, files=("deno",), zip_name=zip_name)


def assemble(version: str, *options: str, tag: str | None = None) -> Path:
    dist = Path("dist", version).absolute()
    if not dist.exists():
        write_build(dist, sketch(version))
    tag = tag or f"v{version}"
    arguments = ("--tag", tag, "--dist", str(dist), "--spec", str(ROOT / "releases.toml"), "--cache-dir", "cache")
    assert main(["release", "assemble", *arguments, *options]) == 0
    return Path("release", tag).absolute()


def publish(github: StandIn, directory: Path) -> None:
    tag = directory.name
    github.world.refs[f"refs/tags/{tag}"] = github.world.make_commit(tag, "f" * 40)["sha"]
    access = Access(repository=REPOSITORY, api_url=github.url, token=Secret(TOKEN))
    plan = plan_of_release(read_manifest(directory / "release.json"))
    request = PublishRequest(access=access, tag=tag, directory=directory, plan=plan, notes="Notes.", patience=QUICK)
    publish_release(request, context_for(directory.parent))


class Updater:
    """What the patched ``cli/tools/upgrade.rs`` does, request by request; the addresses are those of the patches."""

    def __init__(self, url: str, installed: str, program: bytes) -> None:
        self.url, self.installed, self.program = url, installed, program

    def get(self, path: str) -> bytes:
        """Follows redirects, as its client does."""
        with urllib.request.urlopen(f"{self.url}/{path}") as response:
            found: bytes = response.read()
            return found

    def latest(self, query: str = "") -> str:
        """``fetch_latest_version``; a language server asks with ``?lsp``."""
        text = self.get(f"latest/download/release-latest.txt{query}").decode()
        return re.sub("^v+", "", text.strip())

    def whole(self, version: str) -> bytes:
        """``get_download_url`` and ``unpack_into_dir``."""
        with zipfile.ZipFile(io.BytesIO(self.get(f"download/v{version}/deno-{TRIPLE}.zip"))) as archive:
            return archive.read("deno")

    def expected(self, path: str) -> str:
        """``fetch_sha256_from_url``."""
        word = self.get(path).decode().split()[0]
        assert re.fullmatch("[0-9a-f]{64}", word)
        return word

    def by_delta(self, version: str) -> bytes:
        """``try_delta_upgrade`` of 2.8.1 and later, one step."""
        stem = f"deno-{TRIPLE}"
        assert self.expected(f"download/v{self.installed}/{stem}.sha256sum") == sha256(self.program)
        address = f"download/v{version}/{stem}.from-{self.installed}.bsdiff"
        data = self.get(address)
        assert self.expected(f"{address}.sha256sum") == sha256(data)
        new = delta.apply(DeltaFormat.BSDIFF, self.program, data, new_bytes=len(content(sketch(version), "deno")))
        assert self.expected(f"download/v{version}/{stem}.sha256sum") == sha256(new)
        return new


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def updater(github: StandIn, installed: str) -> Updater:
    return Updater(f"{github.world.web}/owner/app/releases", installed, content(sketch(installed), "deno"))


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_the_patches_ask_for_these_addresses(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "<URL>/latest/download/release-latest.txt " in text
    assert "<URL>/download/v<version>/deno-<triple>.zip " in text
    assert '+    Cow::Owned(format!("{}/latest/download", RELEASE_URL))' in text


@pytest.mark.usefixtures("here")
def test_a_published_release_is_found_and_holds_the_program(github: StandIn) -> None:
    old = assemble("2.4.5")
    publish(github, old)
    new = assemble("2.4.6", "--previous", str(old))
    assert updater(github, "2.4.5").latest() == "2.4.5"
    publish(github, new)
    installed = updater(github, "2.4.5")
    assert (installed.latest(), installed.latest("?lsp")) == ("2.4.6", "2.4.6")
    program = content(sketch("2.4.6"), "deno")
    assert installed.whole("2.4.6") == program
    assert installed.by_delta("2.4.6") == program
    assert github.leaks == []
    assert "latest-file" in github.log, "the stand-in was not asked"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        installed.whole("2.4.7")


@pytest.mark.usefixtures("here")
def test_the_files_for_the_updater_are_in_sums_and_manifest() -> None:
    directory = assemble("2.4.5")
    made = [asset.name for asset in read_manifest(directory / "release.json").assets() if asset.kind == "updater"]
    assert made == [f"deno-{TRIPLE}.zip", "release-latest.txt", f"deno-{TRIPLE}.sha256sum"]
    sums = (directory / "SHA256SUMS").read_text()
    assert all(f"  {name}\n" in sums for name in made)
    assert (directory / made[0]).read_bytes() == (directory / "deno-linux-arm64.zip").read_bytes()
    assert (directory / "release-latest.txt").read_text() == "v2.4.5\n"


@pytest.mark.usefixtures("here")
def test_a_revision_names_itself_as_the_latest(github: StandIn) -> None:
    publish(github, assemble("2.4.5", tag="v2.4.5-r2"))
    installed = updater(github, "2.4.4")
    assert installed.latest() == "2.4.5-r2"
    assert installed.whole(installed.latest()) == content(sketch("2.4.5"), "deno")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("tag", ["v1.0.0", "v2.4.50", "v2.4.5-rc1"])
def test_a_tag_at_which_nothing_is_looked_for_is_warned_of(tag: str, capsys: pytest.CaptureFixture[str]) -> None:
    directory = assemble("2.4.5", tag=tag)
    assert (
        f"the updater of deno looks for 2.4.5 at the tag v2.4.5, not at {tag}: the release has no files for it"
        in " ".join(capsys.readouterr().err.split())
    )
    assert [asset for asset in read_manifest(directory / "release.json").assets() if asset.kind == "updater"] == []


@pytest.mark.usefixtures("here")
def test_two_runtimes_cannot_have_one_name(capsys: pytest.CaptureFixture[str]) -> None:
    dist = Path("dist").absolute()
    write_build(dist, sketch("2.4.5"))
    write_build(dist, sketch("2.4.5", "deno-git"))
    options = ("--tag", "v2.4.5", "--spec", str(ROOT / "releases.toml"), "--cache-dir", "cache", "--quiet")
    assert main(["release", "assemble", *options]) == ReleaseError.exit_code
    assert capsys.readouterr().err == (
        f"error: deno-{TRIPLE}.zip, which the updater of deno looks for, is the name of another file of this release\n"
        "  usual cause: two runtimes with the same names in one release: each needs a release of its own\n"
        "  what to do:  assemble one of them alone, with --dist; or change `updater` in releases.toml\n"
    )
    assert not Path("release", "v2.4.5").exists()
