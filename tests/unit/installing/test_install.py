"""Installing, from directories and from a server that misbehaves: a program that works, or an error that says why."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.context import Context
from pipeline.errors import (
    ArchiveError,
    CompileError,
    InstallError,
    IntegrityError,
    NetworkError,
    NotWritableError,
    PipelineError,
)
from pipeline.installing.fallback import Build
from pipeline.installing.install import install
from pipeline.installing.machine import machine_of, this_machine
from pipeline.installing.request import Installed, InstallRequest
from pipeline.model.events import NullReporter
from pipeline.model.prebuilds.manifest import Libc, Probe
from pipeline.model.target import find_target
from tests.unit.installing.releases import CRASHES, HANGS, NAME, WORKS, program, serving, write_release

HERE = this_machine(os.environ)
ARCH: dict[str, Any] = {"arch": HERE.arch}


class Listening(NullReporter):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@dataclasses.dataclass
class Place:
    """A directory to install into, and surroundings."""

    tmp_path: Path
    reporter: Listening
    environ: dict[str, str]

    @property
    def release(self) -> Path:
        return self.tmp_path / "release"

    @property
    def out(self) -> Path:
        return self.tmp_path / "out"

    def context(self, *, offline: bool = False) -> Context:
        return Context(cache_dir=self.tmp_path / "cache", reporter=self.reporter, environ=self.environ, offline=offline)

    def install(self, location: str | Path, *, offline: bool = False, **request: Any) -> Installed:  # noqa: ANN401
        (done,) = install(
            InstallRequest(location=str(location), into=self.out, **request), self.context(offline=offline)
        )
        return done

    def refused(self, kind: type[PipelineError], location: str | Path, **request: Any) -> PipelineError:  # noqa: ANN401
        with pytest.raises(kind) as caught:
            self.install(location, **request)
        assert visible(self.out) == []
        return caught.value


@pytest.fixture
def place(tmp_path: Path) -> Place:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    return Place(tmp_path=tmp_path, reporter=Listening(), environ=environ)


def visible(directory: Path) -> list[str]:
    return (
        sorted(path.name for path in directory.iterdir() if not path.name.startswith(".")) if directory.exists() else []
    )


def says(path: Path) -> str:
    return subprocess.run([path, "a", "b"], capture_output=True, text=True, check=True).stdout


def test_from_a_directory(place: Place) -> None:
    write_release(place.release, program(**ARCH))
    done = place.install(place.release)
    assert (done.path, done.how, done.probed, done.version) == (place.out / NAME, "installed", True, "1.0.0")
    assert says(done.path) == "works: a b\n"
    assert place.install(place.release).how == "present"
    assert [path.name for path in place.out.iterdir() if path.name.startswith(".install-")] == []


def test_from_a_server_and_again_without_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.net.RetryPolicy.pause_s", lambda *_: 0.0)
    index = write_release(place.release, program(**ARCH))
    with serving(place.release) as server:
        url = f"{server.url}/{index.name}"
        assert says(place.install(url).path) == "works: a b\n"
        assert len(server.seen) == 2
    (place.out / NAME).unlink()
    assert place.install(url, offline=True).how == "installed"
    (place.out / NAME).unlink()
    assert place.install(url).how == "installed"
    (warning,) = place.reporter.warnings
    assert warning.startswith(f"cannot fetch {url} (tried 5 times): ")
    assert warning.endswith("; a copy from an earlier run is used")


def test_offline_and_never_fetched(place: Place) -> None:
    with pytest.raises(NetworkError) as caught:
        place.install("https://localhost/tool-1.0.0.prebuilds.json", offline=True)
    assert str(caught.value) == (
        "error: https://localhost/tool-1.0.0.prebuilds.json must be fetched and --offline forbids it\n"
        "  usual cause: it was never fetched here, or the cache is another one\n"
        "  what to do:  run the same command once without --offline"
    )


def test_a_download_goes_on_where_it_was_cut(place: Place) -> None:
    index = write_release(place.release, program(WORKS + b"#" * 50_000, **ARCH))
    with serving(place.release) as server:
        server.cut_first = 2
        assert says(place.install(f"{server.url}/{index.name}").path) == "works: a b\n"
        ranges = [wanted for path, wanted in server.seen if not path.endswith(".json")]
    assert ranges[0] is None
    assert len(ranges) == 3
    assert all(ranges[1:])


def test_nothing_fits(place: Place) -> None:
    write_release(
        place.release,
        program(tag=".glibc", **ARCH, libc=Libc.GLIBC, libc_floor="9.9"),
        program(tag=".musl", **ARCH, libc=Libc.MUSL),
        program(tag="-mac", platform="darwin", arch="arm64"),
    )
    error = place.refused(InstallError, place.release)
    path = "prebuilds/linux-x64/bin/tool"
    assert str(error) == (
        f"error: there is no prebuild of tool for {HERE}\n"
        f"  usual cause: {path}.glibc needs glibc 9.9, this is {HERE.libc_version}; {path}.musl is for musl; "
        f"{path}-mac is for darwin\n"
        "  what to do:  build it from source here (--build), or ask its project for a prebuild of this platform"
    )
    assert error.exit_code == 38


@pytest.mark.parametrize(
    ("content", "how"),
    [(CRASHES, "signal SIGSEGV"), (HANGS, "no end within 0.2 s")],
)
def test_what_does_not_work_is_not_installed(place: Place, content: bytes, how: str) -> None:
    how = f"does not answer its probe with 41: {how}"
    probe = Probe(args=("--probe",), exit_code=41, timeout_s=0.2 if content == HANGS else 20)
    bad = program(content, tag=".glibc", **ARCH, libc=Libc.GLIBC, probe=probe)
    write_release(place.release, bad)
    assert f"bin/tool.glibc {how}" in place.refused(InstallError, place.release).cause
    # The next best one is taken.
    write_release(place.release, bad, program(**ARCH))
    done = place.install(place.release)
    assert done.prebuild == "prebuilds/linux-x64/bin/tool"
    assert done.reasons == (f"prebuilds/linux-x64/bin/tool.glibc {how}",)
    assert says(done.path) == "works: a b\n"


def test_a_program_for_another_libc_than_its_index_says(place: Place) -> None:
    """The floor is measured once more: the index promises an older one than the file needs."""
    real = Path(os.path.realpath("/bin/sh")).read_bytes()
    made = program(real, **ARCH, libc=Libc.GLIBC, libc_floor="2.0")
    write_release(place.release, made)
    old = dataclasses.replace(HERE, libc_version="2.1")
    error = place.refused(InstallError, place.release, machine=old)
    assert "bin/tool is measured to need glibc 2." in error.cause
    assert error.cause.endswith(", this is 2.1")
    other = dataclasses.replace(HERE, arch="arm64" if HERE.arch == "x64" else "x64")
    write_release(place.release, program(real, arch=other.arch))
    assert f"is measured to be for {HERE.arch}" in place.refused(InstallError, place.release, machine=other).cause


def test_an_altered_archive(place: Place) -> None:
    index = write_release(place.release, program(**ARCH))
    zipped = place.release / "tool-0.zip"
    zipped.write_bytes(zipped.read_bytes()[:-1] + b"x")
    error = place.refused(IntegrityError, place.release)
    assert error.what.endswith(" is not what the index beside it says")
    with serving(place.release) as server:
        error = place.refused(IntegrityError, f"{server.url}/{index.name}")
    assert " has the SHA-256 " in error.what


def test_an_archive_with_other_files_than_the_index_says(place: Place) -> None:
    made = program(**ARCH)
    altered = dataclasses.replace(made, contents=dict.fromkeys(made.contents, WORKS[:-1] + b"x"))
    write_release(place.release, altered)
    error = place.refused(IntegrityError, place.release)
    assert error.what == "prebuilds/linux-x64/bin/tool in tool-0.zip is not what the index says"


def test_a_zip_that_leads_out(place: Place) -> None:
    write_release(place.release, program(**ARCH), further=("../../evil",))
    error = place.refused(ArchiveError, place.release)
    assert "member '../../evil': its path leads out of the directory" in error.what
    assert not list(place.tmp_path.rglob("evil"))


def test_redirects(place: Place) -> None:
    index = write_release(place.release, program(**ARCH))
    with serving(place.release) as there, serving(place.release) as server:
        server.redirect = lambda path: None if path.endswith(".json") else f"{there.url}{path}"
        error = place.refused(InstallError, f"{server.url}/{index.name}")
        host = there.url.removeprefix("http://")
        own = server.url.removeprefix("http://")
        assert error.what in {
            f"{there.url}/tool-0.{end} is on a host that is not allowed" for end in ("zip", "tar.zst")
        }
        assert error.cause == f"a redirect, or an address in the index; allowed are {own}"
        assert there.seen == []
        # Allowing the host does not allow to do without encryption; naming it as a mirror does.
        error = place.refused(InstallError, f"{server.url}/{index.name}", hosts=(host,))
        assert error.what.endswith(" is not encrypted")
        assert says(place.install(f"{server.url}/{index.name}", mirrors=(there.url,)).path) == "works: a b\n"


def test_an_address_in_the_index_on_another_host(place: Place) -> None:
    with serving(place.release) as there, serving(place.release) as server:
        index = write_release(place.release, program(**ARCH), url=there.url)
        assert "not allowed" in place.refused(InstallError, f"{server.url}/{index.name}").what


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_mirrors_that_are_down_or_wrong(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.net.RetryPolicy.pause_s", lambda *_: 0.0)
    index = write_release(place.release, program(**ARCH))
    wrong = place.tmp_path / "wrong"
    write_release(wrong, program(**ARCH))
    (wrong / "tool-0.zip").write_bytes(b"x" * (wrong / "tool-0.zip").stat().st_size)
    down = f"http://127.0.0.1:{closed_port()}"
    with serving(place.release) as server, serving(wrong) as mirror:
        url = f"{server.url}/{index.name}"
        assert says(place.install(url, mirrors=(down, mirror.url)).path) == "works: a b\n"
        assert len(mirror.seen) == 2


def test_a_mirror_that_shows_a_login_page(place: Place) -> None:
    index = write_release(place.release, program(**ARCH))
    portal = place.tmp_path / "portal"
    portal.mkdir()
    (portal / index.name).write_text("<html>")
    with serving(place.release) as server, serving(portal) as mirror:
        assert place.install(f"{server.url}/{index.name}", mirrors=(mirror.url,)).how == "installed"
        assert mirror.paths()[0] == f"/{index.name}"


def test_a_damaged_cache(place: Place) -> None:
    """It is fetched anew; where nothing may be fetched, that is what is said."""
    index = write_release(place.release, program(**ARCH))
    with serving(place.release) as server:
        url = f"{server.url}/{index.name}"
        place.install(url)
        for path in (place.tmp_path / "cache").rglob("*"):
            if path.is_file():
                path.write_bytes(b"damaged")
        (place.out / NAME).unlink()
        with pytest.raises(NetworkError, match="must be fetched and --offline forbids it"):
            place.install(url, offline=True)
        assert place.install(url).how == "installed"


def test_a_cache_that_cannot_be_used(place: Place) -> None:
    index = write_release(place.release, program(**ARCH))
    (place.tmp_path / "cache").write_text("")
    with serving(place.release) as server:
        error = place.refused(NotWritableError, f"{server.url}/{index.name}")
    assert error.what == f"cannot make the directory {place.tmp_path}/cache/prebuilds/indexes: Not a directory"


def test_several_installs_at_once(place: Place) -> None:
    made = program(**ARCH, files={"lib/data": b"d" * 100_000})
    index = write_release(place.release, made)
    with serving(place.release) as server, concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(place.install, f"{server.url}/{index.name}") for _ in range(4)]
        assert {job.result().path for job in jobs} == {place.out / NAME}
        # Whoever came later took what the first one had fetched.
        assert len([path for path in server.paths() if not path.endswith(".json")]) == 1
    assert says(place.out / NAME) == "works: a b\n"
    assert visible(place.out) == [NAME]


def test_companions_are_switched_over_at_once(place: Place) -> None:
    reads = b'#!/bin/sh\n[ "$1" = --probe ] && exit 41\ncat "$(dirname "$(readlink -f "$0")")/lib/data"\n'
    for version, data in (("1.0.0", b"one"), ("2.0.0", b"two")):
        write_release(place.tmp_path / version, program(reads, **ARCH, files={"lib/data": data}), version=version)
        done = place.install(place.tmp_path / version)
        assert (says(done.path), done.version) == (data.decode(), version)
        assert place.install(place.tmp_path / version).how == "present"
    final, newest = place.out / NAME, place.tmp_path / "2.0.0"
    assert final.is_symlink()
    (final.resolve().parent / "lib/data").write_bytes(b"bad")
    assert place.install(newest).how == "installed"
    assert says(final) == "two"


def test_for_another_machine_nothing_is_run(place: Place) -> None:
    write_release(place.release, program(CRASHES, arch="arm64", libc=Libc.MUSL))
    machine = machine_of(find_target("arm64"), Libc.MUSL, None)
    done = place.install(place.release, machine=machine)
    assert (done.how, done.probed, done.path.read_bytes()) == ("installed", False, CRASHES)


def test_digests_are_locked(place: Place) -> None:
    lock = place.tmp_path / "prebuilds.lock.json"
    other = program(tag=".musl", arch="arm64", libc=Libc.MUSL)
    write_release(place.release, program(**ARCH), other)
    assert place.refused(InstallError, place.release, lock=lock, frozen=True).what == f"{lock} does not know tool"
    place.install(place.release, lock=lock)
    first = lock.read_text()
    assert first.count("prebuilds/linux-x64/bin/tool") == 2
    # Another platform's file is replaced: what is locked for it stays.
    write_release(place.release, program(**ARCH), program(CRASHES, tag=".musl", arch="arm64", libc=Libc.MUSL))
    place.install(place.release, lock=lock, frozen=True)
    assert lock.read_text() == first
    (place.out / NAME).unlink()
    write_release(place.release, program(WORKS + b"#", **ARCH), other)
    error = place.refused(IntegrityError, place.release, lock=lock)
    assert error.what == "prebuilds/linux-x64/bin/tool of tool 1.0.0 is not the locked one"
    place.install(place.release, lock=lock, update_lock=True)
    assert lock.read_text() != first
    (place.out / NAME).unlink()
    newer = place.tmp_path / "newer"
    write_release(newer, program(**ARCH), version="2.0.0")
    assert place.refused(IntegrityError, newer, lock=lock).what == f"{lock} locks tool 1.0.0, and the index is of 2.0.0"
    lock.write_text("<<<<<<<\n")
    assert place.refused(InstallError, newer, lock=lock).what == f"{lock} is no lock file of prebuilds"


def build(place: Place, command: str) -> Build:
    return Build(argv=("/bin/sh", "-c", command), directory=place.tmp_path, output=Path("built"))


def test_what_does_not_fit_is_built(place: Place) -> None:
    write_release(place.release, program(arch="sparc"))
    (place.tmp_path / "source").write_bytes(WORKS)
    done = place.install(place.release, build=build(place, "cp source built && chmod +x built"))
    assert (done.how, done.probed, done.path) == ("built", True, place.out / NAME)
    assert says(done.path) == "works: a b\n"
    assert place.reporter.warnings == [
        f"no prebuild of tool is used on {HERE}: prebuilds/linux-x64/bin/tool is for sparc; it is built here"
    ]


def test_a_build_that_makes_nothing_that_works(place: Place) -> None:
    write_release(place.release, program(arch="sparc"))
    (place.tmp_path / "source").write_bytes(CRASHES)
    error = place.refused(InstallError, place.release, build=build(place, "cp source built && chmod +x built"))
    assert error.what == "what was built of tool does not answer its probe with 41: signal SIGSEGV"


@pytest.mark.parametrize(("command", "how"), [("exit 3", "exit status 3"), ("true", "left no built")])
def test_a_build_that_fails(place: Place, command: str, how: str) -> None:
    write_release(place.release, program(arch="sparc"))
    error = place.refused(CompileError, place.release, build=build(place, command))
    assert error.what == f"the build command of tool failed ({how}), and no prebuild fits"


def test_variables(place: Place) -> None:
    index = write_release(place.release, program(**ARCH))
    own = place.tmp_path / "own"
    own.write_bytes(WORKS)
    place.environ["TOOL_BINARY"] = str(own)
    assert (place.install(place.release).how, place.install(place.release).path) == ("named", own)
    own.unlink()
    assert place.refused(InstallError, place.release).what == f"{own}, named by TOOL_BINARY, is not there"
    del place.environ["TOOL_BINARY"]
    place.environ["TOOL_BUILD_FROM_SOURCE"] = "1"
    assert "TOOL_BUILD_FROM_SOURCE asks for a build" in place.refused(InstallError, place.release).cause
    del place.environ["TOOL_BUILD_FROM_SOURCE"]
    with serving(place.release) as server, serving(place.release) as mirror:
        place.environ["TOOL_SKIP_DOWNLOAD"] = "1"
        error = place.refused(InstallError, f"{server.url}/{index.name}")
        assert error.what.endswith("would have to be downloaded, and TOOL_SKIP_DOWNLOAD forbids it")
        del place.environ["TOOL_SKIP_DOWNLOAD"]
        place.environ["TOOL_BINARY_MIRROR"] = mirror.url
        place.install(f"{server.url}/{index.name}")
        assert [path for path in server.paths() if not path.endswith(".json")] == []
        assert len(mirror.seen) == 1


def nothing(_directory: Path) -> None:
    """Write no index."""


def login_page(directory: Path) -> None:
    (directory / "x.prebuilds.json").write_text("<html>")


def two(directory: Path) -> None:
    write_release(directory, program())
    write_release(directory, program(), version="2.0.0")


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (nothing, "No such file or directory"),
        (login_page, "Invalid JSON: expected value at line 1 column 1"),
        (two, "it has 2 of them: tool-1.0.0.prebuilds.json, tool-2.0.0.prebuilds.json"),
    ],
)
def test_what_is_no_index(place: Place, write: Callable[[Path], None], why: str) -> None:
    place.release.mkdir()
    write(place.release)
    error = place.refused(InstallError, place.release)
    assert error.what.endswith(f" is no index of prebuilds: {why}")


def test_names(place: Place) -> None:
    write_release(place.release, program(**ARCH))
    assert place.install(place.release, names=(NAME,)).how == "installed"
    with pytest.raises(InstallError, match=r"the index of tool 1.0.0 has no 'tol'"):
        place.install(place.release, names=("tol",))
    write_release(place.release, program(**ARCH, name="../tool"))
    with pytest.raises(InstallError, match="which is no name of an npm package"):
        place.install(place.release)
