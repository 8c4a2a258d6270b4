"""Zips of releases that have no index: measured, pinned, tried, and refused when they are not what was pinned."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import ArchiveError, InstallError, IntegrityError, NetworkError
from pipeline.installing.install import install
from pipeline.installing.machine import machine_of, this_machine
from pipeline.installing.release_zip import version_in
from pipeline.installing.request import Installed, InstallRequest
from pipeline.model.events import NullReporter
from pipeline.model.prebuilds.manifest import Libc, Probe
from pipeline.model.target import TARGETS
from tests.unit.installing.releases import serving, sha256

HERE = next(target for target in TARGETS if target.node_arch == this_machine(os.environ).arch)
OTHER = next(target for target in TARGETS if target is not HERE)
ZIP = f"tool-{HERE.rust_triple}.zip"
VERSION = Probe(args=("--version",))


def write_zip(path: Path, members: dict[str, bytes] | None = None) -> Path:
    """Write a zip with a real program of this machine, called ``tool``, or with *members*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    program = Path(shutil.which("true") or "/bin/true").read_bytes()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in ({"tool": program} if members is None else members).items():
            archive.writestr(name, content)
    return path


def run(
    tmp_path: Path, location: str, *, cache: str = "cache", offline: bool = False, **request: object
) -> tuple[Installed, ...]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    context = Context(cache_dir=tmp_path / cache, reporter=NullReporter(), environ=environ, offline=offline)
    settings = {"location": location, "into": tmp_path / "out", "zip_probe": VERSION} | request
    return install(InstallRequest(**settings), context)  # type: ignore[arg-type]


def test_a_zip_of_this_machine_is_measured_tried_and_locked(tmp_path: Path) -> None:
    write_zip(tmp_path / "release/v1.2.3" / ZIP)
    lock = tmp_path / "lock.json"
    with serving(tmp_path / "release") as server:
        server.cut_first = 1
        url = f"{server.url}/v1.2.3/tool-{{triple}}.zip"
        (done,) = run(tmp_path, url, lock=lock)
        assert (done.path, done.version, done.how, done.probed) == (tmp_path / "out/tool", "1.2.3", "installed", True)
        assert subprocess.run([done.path], check=False).returncode == 0
        assert server.paths() == [f"/v1.2.3/{ZIP}"] * 2
        assert server.seen[1][1] is not None  # it went on where it was cut
        done.path.unlink()
        # Replaced by its owner, or by someone else: this machine's next one does not take it.
        write_zip(tmp_path / "release/v1.2.3" / ZIP, {"tool": done_bytes() + b"\0"})
        with pytest.raises(IntegrityError, match="is not the locked one"):
            run(tmp_path, url, lock=lock, frozen=True, cache="other")
        assert not (tmp_path / "out/tool").exists()
    (again,) = run(tmp_path, url, lock=lock, frozen=True, sha256=None, offline=True)
    assert again.how == "installed"


def done_bytes() -> bytes:
    return Path(shutil.which("true") or "/bin/true").read_bytes()


def test_a_digest_pins_the_zip_itself(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "release" / ZIP)
    digest = sha256(path.read_bytes())
    with serving(tmp_path / "release") as server:
        url = f"{server.url}/{ZIP}"
        with pytest.raises(IntegrityError, match=f"has the SHA-256 {digest} instead of {'0' * 64}"):
            run(tmp_path, url, sha256="0" * 64)
        (done,) = run(tmp_path, url, sha256=digest)
        done.path.unlink()
        asked = len(server.seen)
        assert run(tmp_path, url, sha256=digest)[0].how == "installed"  # from the cache
        assert len(server.seen) == asked
    with pytest.raises(IntegrityError, match="instead of"):
        run(tmp_path, str(path), sha256="0" * 64)
    assert run(tmp_path, str(path), sha256=digest)[0].version == "0"


def test_a_mirror_is_asked_first(tmp_path: Path) -> None:
    write_zip(tmp_path / "mirror" / ZIP)
    (tmp_path / "release").mkdir()
    with serving(tmp_path / "mirror") as mirror, serving(tmp_path / "release") as server:
        run(tmp_path, f"{server.url}/{ZIP}", mirrors=(mirror.url,))
        assert (len(mirror.seen), len(server.seen)) == (1, 0)


def test_a_mirror_with_other_bytes_is_not_the_last_word(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "release" / ZIP)
    write_zip(tmp_path / "mirror" / ZIP, {"tool": b"another"})
    with serving(tmp_path / "mirror") as mirror, serving(tmp_path / "release") as server:
        (done,) = run(tmp_path, f"{server.url}/{ZIP}", mirrors=(mirror.url,), sha256=sha256(path.read_bytes()))
        assert (done.how, len(mirror.seen)) == ("installed", 1)


def test_redirects_to_other_hosts_are_refused(tmp_path: Path) -> None:
    write_zip(tmp_path / "release" / ZIP)
    with serving(tmp_path / "release") as there, serving(tmp_path / "release") as server:
        server.redirect = lambda path: f"{there.url}{path}"
        with pytest.raises(InstallError, match="is on a host that is not allowed"):
            run(tmp_path, f"{server.url}/{ZIP}")
        assert there.seen == []


def test_for_another_machine(tmp_path: Path) -> None:
    """What lies under the other machine's name is for this one: the header counts, not the name."""
    musl = machine_of(OTHER, Libc.MUSL, None)
    write_zip(tmp_path / "release" / f"tool-{OTHER.rust_triple}.zip")
    with serving(tmp_path / "release") as server:
        with pytest.raises(InstallError, match="there is no prebuild of tool for linux-"):
            run(tmp_path, f"{server.url}/tool-{{triple}}.zip", machine=machine_of(OTHER, Libc.GLIBC, None))
        with pytest.raises(NetworkError, match=OTHER.rust_triple.replace("-gnu", "-musl")):
            run(tmp_path, f"{server.url}/tool-{{triple}}.zip", machine=musl)


@pytest.mark.parametrize(
    ("members", "kind", "why"),
    [
        ({"readme": b"x"}, InstallError, "there is no program for Linux"),
        ({"tool": b"\x7fELF"}, ArchiveError, "tool"),
        ({"tool": b"x", "../evil": b"x"}, ArchiveError, "leads out"),
    ],
)
def test_zips_that_are_refused(tmp_path: Path, members: dict[str, bytes], kind: type[Exception], why: str) -> None:
    with pytest.raises(kind, match=why):
        run(tmp_path, str(write_zip(tmp_path / ZIP, members)))
    assert not list(tmp_path.rglob("evil"))


def test_companions_travel_along(tmp_path: Path) -> None:
    path = write_zip(tmp_path / ZIP, {"bin/tool": done_bytes(), "LICENSE": b"free", "lib/x.so": b"no program"})
    (done,) = run(tmp_path, str(path))
    assert subprocess.run([done.path], check=False).returncode == 0
    assert (done.path.resolve().parents[1] / "LICENSE").read_bytes() == b"free"


def test_one_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match=r"there is no .*/no\.zip"):
        run(tmp_path, str(tmp_path / "no.zip"))
    with pytest.raises(NetworkError, match="must be fetched and --offline forbids it"):
        run(tmp_path, "https://example.com/no.zip", offline=True)


@pytest.mark.parametrize(
    ("location", "version"),
    [
        ("https://example.com/releases/download/v2.9.8/deno-x86_64-unknown-linux-gnu.zip", "2.9.8"),
        ("https://example.com/tool-1.0.0-rc.1-linux.zip", "1.0.0-rc.1"),
        ("/downloads/tool.zip", "0"),
    ],
)
def test_versions_in_addresses(location: str, version: str) -> None:
    assert version_in(location) == version
