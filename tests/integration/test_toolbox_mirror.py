"""The toolbox against a mirror on loopback: good days and bad ones, with the machine's real apt."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import (
    DiskFullError,
    IntegrityError,
    NetworkError,
    NotWritableError,
    ToolboxError,
)
from pipeline.model.toolchain import Toolchain
from pipeline.stages.building import toolbox
from tests.integration.apt_mirror import Mirror, context_in, inputs_for, package_of, serving
from tests.integration.command import processor_s


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    with serving(tmp_path / "mirror") as served:
        yield served


def make(mirror: Mirror, tmp_path: Path, packages: tuple[str, ...] = ("libvm-dev",)) -> tuple[Toolchain, list[str]]:
    context, reporter = context_in(tmp_path / "my cache")
    return toolbox.run(inputs_for(mirror.uri, tmp_path, packages), context), reporter.texts


def version(toolchain: Toolchain, name: str) -> str:
    return next(tool.version for tool in toolchain.tools if tool.name == name)


def test_the_newest_rust_and_its_llvm_are_taken(mirror: Mirror, tmp_path: Path) -> None:
    toolchain, warnings = make(mirror, tmp_path)
    assert warnings == []
    assert (version(toolchain, "rustc"), version(toolchain, "cargo")) == ("1.96.0", "1.96.0")
    assert version(toolchain, "clang") == "22.1.7"
    assert (toolchain.qemu_version, version(toolchain, "patchelf")) == ("7.2.0", "0.14.3")
    std = toolchain.path_dirs[0].parent / "rust/lib/rustlib"
    assert sorted(path.name for path in std.iterdir()) == [
        "aarch64-unknown-linux-gnu",
        "x86_64-unknown-linux-gnu",
    ]
    assert (std / "aarch64-unknown-linux-gnu/lib/libstd-1.96.0.rlib").is_file()
    assert (toolchain.sysroot / "usr/include/vm.h").is_file()


def test_the_old_layout_is_unpacked_into_a_merged_usr(mirror: Mirror, tmp_path: Path) -> None:
    toolchain, _warnings = make(mirror, tmp_path)
    assert (toolchain.sysroot / "lib").is_symlink()
    loader = toolchain.sysroot / "usr/lib/ld-tiny.so.1"
    assert loader.is_symlink()
    assert loader.resolve() == toolchain.sysroot.resolve() / "usr/lib/aarch64-linux-gnu/ld-tiny.so"
    assert not (toolchain.sysroot / "usr/share/doc/ca-tiny/left-out").exists()


def test_the_third_partys_archive_is_not_asked(mirror: Mirror, tmp_path: Path) -> None:
    make(mirror, tmp_path)
    written = (tmp_path / "my cache/toolbox/apt").rglob("*.sources")
    assert {line for path in written for line in path.read_text().splitlines() if "URIs" in line} == {
        f"URIs: {mirror.uri}"
    }


def test_a_second_call_is_quick_and_asks_nothing(mirror: Mirror, tmp_path: Path) -> None:
    first, _warnings = make(mirror, tmp_path)
    mirror.requests.clear()
    before = processor_s()
    second, _warnings = make(mirror, tmp_path)
    assert processor_s() - before < 0.5, "a warm call takes milliseconds; more means that apt ran"
    assert second == first
    assert mirror.requests == []


def test_offline_uses_what_is_there(mirror: Mirror, tmp_path: Path) -> None:
    online, _warnings = make(mirror, tmp_path)
    mirror.requests.clear()
    context, _reporter = context_in(tmp_path / "my cache", offline=True)
    assert toolbox.run(inputs_for(mirror.uri, tmp_path), context) == online
    assert mirror.requests == []


def test_offline_with_nothing_cached(mirror: Mirror, tmp_path: Path) -> None:
    context, _reporter = context_in(tmp_path / "cache", offline=True)
    with pytest.raises(NetworkError) as caught:
        toolbox.run(inputs_for(mirror.uri, tmp_path), context)
    assert str(caught.value) == (
        "error: the toolbox for arm64 must be fetched and --offline forbids it\n"
        "  usual cause: it was never made here with these packages, or its cache was removed\n"
        "  what to do:  run the same command once without --offline"
    )
    assert mirror.requests == []


def test_no_network_and_nothing_cached(tmp_path: Path) -> None:
    context, _reporter = context_in(tmp_path / "cache")
    with pytest.raises(NetworkError) as caught:
        # Port 9 (discard) of loopback: nothing answers.
        toolbox.run(inputs_for("http://127.0.0.1:9/debian", tmp_path), context)
    said = str(caught.value).split("\n\n", 1)[1]
    assert said == (
        "error: the mirror cannot be reached: cannot fetch the package lists of bookworm\n"
        "  usual cause: no network, a proxy that apt does not know of, or a mirror that is down\n"
        "  what to do:  check the network (`apt-get update` must work), or choose another mirror "
        "(SNAPSTITCH_APT_MIRROR)"
    )


def test_an_old_plan_is_used_when_the_network_is_down(tmp_path: Path) -> None:
    with serving(tmp_path / "mirror") as mirror:
        online, _warnings = make(mirror, tmp_path)
    cache = tmp_path / "my cache"
    (plan_path,) = (cache / "toolbox/plans").glob("*.json")
    plan = json.loads(plan_path.read_text())
    plan_path.write_text(json.dumps(plan | {"created_at": plan["created_at"] - 30 * 86400}))
    for stamp in (cache / "toolbox/apt").glob("*/updated"):
        os.utime(stamp, (0, 0))
    toolchain, (warning,) = make(mirror, tmp_path)
    assert toolchain == online
    assert warning == (
        "the package lists are of an earlier day: the mirror cannot be reached: "
        "cannot fetch the package lists of bookworm"
    )


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_one_broken_index_of_a_later_suite(mirror: Mirror, tmp_path: Path, architecture: str) -> None:
    index = mirror.directory / f"dists/bookworm-security/main/binary-{architecture}/Packages"
    index.write_text(index.read_text().replace("Maintainer: Nobody", "Maintainer: NOBODY"))
    toolchain, warnings = make(mirror, tmp_path)
    assert version(toolchain, "rustc") == "1.85.0", "the newest that host and target share"
    assert version(toolchain, "clang") == "19.1.7", "the one whose LLVM is rustc's"
    assert len(warnings) == 1
    assert warnings[0].startswith(
        f"going on without bookworm-security for {architecture}: its package lists cannot be had now (Hash Sum mismatch"
    )
    (plan_path,) = (tmp_path / "my cache/toolbox/plans").glob("*.json")
    assert json.loads(plan_path.read_text())["without"] == ["bookworm-security"]


def test_a_broken_index_of_the_first_suite(mirror: Mirror, tmp_path: Path) -> None:
    index = mirror.directory / "dists/bookworm/main/binary-arm64/Packages"
    index.write_text(index.read_text().replace("Maintainer: Nobody", "Maintainer: NOBODY"))
    with pytest.raises(IntegrityError) as caught:
        make(mirror, tmp_path)
    assert str(caught.value).split("\n\n", 1)[1] == (
        "error: what was fetched is not what the archive's index says: cannot fetch the package lists of bookworm\n"
        "  usual cause: a mirror that is being updated or is broken, or a proxy that changes files\n"
        "  what to do:  try again in a while, or choose another mirror (SNAPSTITCH_APT_MIRROR)"
    )


def test_an_archive_that_someone_else_signed(mirror: Mirror, tmp_path: Path) -> None:
    release = mirror.directory / "dists/bookworm/InRelease"
    release.write_text(release.read_text().replace("Origin: Tests", "Origin: Others"))
    with pytest.raises(IntegrityError) as caught:
        make(mirror, tmp_path)
    assert (
        str(caught.value)
        .split("\n\n", 1)[1]
        .startswith("error: the signature of an archive is not valid: cannot fetch the package lists of bookworm\n")
    )


def damage(mirror: Mirror, pattern: str) -> Path:
    """Change the last byte of the package file that *pattern* names."""
    (path,) = mirror.directory.glob(f"pool/*/{pattern}")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    return path


def test_a_package_whose_digest_is_wrong(mirror: Mirror, tmp_path: Path) -> None:
    path = damage(mirror, "libc6_*_arm64.deb")
    with pytest.raises(IntegrityError) as caught:
        make(mirror, tmp_path)
    assert str(caught.value).split("\n\n", 1)[1] == (
        f"error: what was fetched is not what the archive's index says: cannot fetch {path.name}\n"
        "  usual cause: a mirror that is being updated or is broken, or a proxy that changes files\n"
        "  what to do:  try again in a while, or choose another mirror (SNAPSTITCH_APT_MIRROR)"
    )
    assert leftovers(tmp_path / "my cache") == []
    damage(mirror, "libc6_*_arm64.deb")  # changes it back
    mirror.requests.clear()
    make(mirror, tmp_path)
    assert mirror.packages_requested() == ["libc6:arm64"], "the others were kept"


def test_a_mirror_that_lacks_packages_of_a_later_suite(mirror: Mirror, tmp_path: Path) -> None:
    (path,) = mirror.directory.glob("pool/bookworm-security/libstd-rust-web-dev_*_arm64.deb")
    path.unlink()
    toolchain, warnings = make(mirror, tmp_path)
    assert version(toolchain, "rustc") == "1.85.0"
    name = "libstd-rust-web-dev_1.96.0+dfsg1-1~deb12u1_arm64.deb"
    assert warnings == [f"going on without bookworm-security: the mirror does not have {name}"]
    mirror.requests.clear()
    assert make(mirror, tmp_path) == (toolchain, [])
    assert mirror.requests == [], "the smaller plan is remembered"


def test_a_mirror_that_lacks_packages_of_the_first_suite(mirror: Mirror, tmp_path: Path) -> None:
    (path,) = mirror.directory.glob("pool/bookworm/libc6_*_arm64.deb")
    path.unlink()
    with pytest.raises(ToolboxError) as caught:
        make(mirror, tmp_path)
    assert str(caught.value).split("\n\n", 1)[1] == (
        f"error: the mirror does not have {path.name}\n"
        "  usual cause: newer versions have replaced them since the index was fetched, or the mirror is incomplete\n"
        "  what to do:  try again later, or choose another mirror (SNAPSTITCH_APT_MIRROR)"
    )


def make_old(mirror: Mirror, tmp_path: Path) -> None:
    """Ask for a sysroot of an older release than the machine's."""
    context, _reporter = context_in(tmp_path / "my cache")
    toolbox.run(dataclasses.replace(inputs_for(mirror.uri, tmp_path), suite="bullseye"), context)


def test_a_release_that_has_left_the_mirror(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(ToolboxError) as caught:
        make_old(mirror, tmp_path)
    assert str(caught.value).split("\n\n", 1)[1] == (
        "error: the mirror has no suite bullseye: cannot fetch the package lists of bullseye\n"
        "  usual cause: the release has ended and moved to the distribution's archive of old releases, "
        "or the mirror is partial\n"
        "  what to do:  add an entry for this suite, with the archive that has it, to the machine's apt sources, "
        "or choose another suite"
    )


def test_a_release_without_packages_for_the_target(mirror: Mirror, tmp_path: Path) -> None:
    shutil.copytree(mirror.directory / "dists/bookworm-security", mirror.directory / "dists/bullseye")
    with pytest.raises(ToolboxError) as caught:
        make_old(mirror, tmp_path)
    assert str(caught.value) == (
        "error: the mirror has no packages of bullseye for arm64\n"
        "  usual cause: the release is not made for this architecture, or no longer: "
        "old ones keep a few architectures only\n"
        "  what to do:  choose another release (`suite` in releases.toml, or --suite)"
    )


def leftovers(cache: Path) -> list[str]:
    """Return the names of prefixes and of half-made ones."""
    base = cache / "toolbox"
    return sorted(p.name for p in base.iterdir() if p.is_dir() and p.name not in {"apt", "packages", "plans"})


def test_an_unknown_package_name(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(ToolboxError) as caught:
        make(mirror, tmp_path, ("libnodd-dev",))
    assert str(caught.value) == (
        "error: there is no package 'libnodd-dev': cannot resolve packages for arm64\n"
        "  usual cause: a misspelt name, or a package that the suite does not have for this architecture\n"
        "  what to do:  correct the name (`apt-cache search` finds packages), or choose another suite"
    )


CHILD = """
import sys
from pathlib import Path
from pipeline.errors import PipelineError
from pipeline.stages.building import toolbox
from tests.integration.apt_mirror import context_in, inputs_for
context, _reporter = context_in(Path(sys.argv[2]))
try:
    toolbox.run(inputs_for(sys.argv[1], Path(sys.argv[3])), context)
except PipelineError as error:
    print(type(error).__name__)
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


def child(mirror: Mirror, cache: Path, tmp_path: Path) -> tuple[str, ...]:
    return (sys.executable, "-c", CHILD, mirror.uri, str(cache), str(tmp_path))


def kill_once(process: subprocess.Popen[bytes], directory: Path, pattern: str) -> None:
    """Kill *process* as soon as something in *directory* matches *pattern*."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None and not any(directory.glob(pattern)):
        time.sleep(0.005)
    process.kill()
    process.wait()


def test_killed_while_fetching(mirror: Mirror, tmp_path: Path) -> None:
    mirror.chunk_delay_s = 0.02
    cache = tmp_path / "my cache"
    root = Path(__file__).parents[2]
    with subprocess.Popen(child(mirror, cache, tmp_path), cwd=root) as process:
        kill_once(process, cache, "toolbox/packages/*.deb")
    assert process.returncode == -signal.SIGKILL
    kept = {package_of(path.name) for path in (cache / "toolbox/packages").glob("*.deb")}
    assert kept, "at least one package was complete"
    mirror.chunk_delay_s = 0.0
    time.sleep(0.3)  # the downloader dies with its parent: what it asked for before that does not count
    mirror.requests.clear()
    toolchain, _warnings = make(mirror, tmp_path)
    assert not kept & set(mirror.packages_requested())
    assert mirror.packages_requested(), "it was killed before the end"
    assert toolchain.sysroot.is_dir()
    assert not list((cache / "toolbox").glob(".*.part"))


def test_killed_while_unpacking(mirror: Mirror, tmp_path: Path) -> None:
    mirror.chunk_delay_s = 0.02  # the first packages are unpacked while the others still come
    cache = tmp_path / "my cache"
    root = Path(__file__).parents[2]
    with subprocess.Popen(child(mirror, cache, tmp_path), cwd=root) as process:
        kill_once(process, cache, "toolbox/.*.part/usr/lib/*/*")
    assert process.returncode == -signal.SIGKILL
    assert list((cache / "toolbox").glob(".*.part")), "it was killed before the end"
    mirror.chunk_delay_s = 0.0
    toolchain, _warnings = make(mirror, tmp_path)
    assert (toolchain.sysroot / "usr/include/vm.h").is_file()
    assert not list((cache / "toolbox").glob(".*.part"))


def test_two_at_once(mirror: Mirror, tmp_path: Path) -> None:
    mirror.chunk_delay_s = 0.001
    cache = tmp_path / "my cache"
    root = Path(__file__).parents[2]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        argv = child(mirror, cache, tmp_path)
        runs = [pool.submit(subprocess.run, argv, cwd=root, capture_output=True, check=False) for _ in range(2)]
        results = [run.result() for run in runs]
    assert [result.returncode for result in results] == [0, 0], results
    requested = mirror.packages_requested()
    assert sorted(requested) == sorted(set(requested)), "each package was fetched once"
    assert sorted(name.split("-")[0] for name in leftovers(cache)) == ["host", "sysroot", "toolchain", "tools"]


def in_tmpfs(options: str, directory: Path, argv: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run *argv* where *directory* is a file system of its own, mounted with *options*; needs no root."""
    script = 'mount -t tmpfs -o "$0" none "$1" && shift && exec "$@"'
    command = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, options, str(directory), *argv)
    root = Path(__file__).parents[2]
    completed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if completed.stderr.startswith(("unshare:", "mount:")):
        pytest.fail(f"this test needs user namespaces: {completed.stderr}")
    return completed


def test_disk_full(mirror: Mirror, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    completed = in_tmpfs("size=100k", cache, child(mirror, cache, tmp_path))
    assert (completed.returncode, completed.stdout.strip()) == (DiskFullError.exit_code, "DiskFullError"), completed
    assert "error: no space left on the disk" in completed.stderr


def test_cache_directory_is_read_only(mirror: Mirror, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    completed = in_tmpfs("ro", cache, child(mirror, cache, tmp_path))
    assert (completed.returncode, completed.stdout.strip()) == (NotWritableError.exit_code, "NotWritableError")
    assert completed.stderr == (
        f"error: cannot write to {cache}/toolbox: Read-only file system\n"
        "  usual cause: the directory belongs to another user or is mounted read-only\n"
        "  what to do:  choose another place with --cache-dir (or --out), or correct the directory's owner\n"
    )
