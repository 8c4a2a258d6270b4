"""An emulated root, made and entered by a user without any rights; compilers in it are native."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .ordinary import OrdinaryUser, make_user

PACKAGES = ("gcc", "g++", "libc6-dev", "ccache", "musl-tools", "python3", "dpkg-dev")
ROOT_OPTIONS = (
    "--target", "arm64", "--minimal", "--native-python", *(word for name in PACKAGES for word in ("--package", name)),
)  # fmt: skip
C = '#include <stdio.h>\nint main(void) { puts("from C"); return 0; }\n'
CXX = (
    '#include <vector>\n#include <cstdio>\nint main() { std::vector<int> v{1, 2}; std::printf("%zu\\n", v.size()); }\n'
)
COMPARE = """
set -e
for tool in "gcc a.c" "g++ b.cc"; do
    set -- $tool
    $1 -g -O2 -c $2 -o native.o
    env NATIVE=0 $1 -g -O2 -c $2 -o emulated.o
    objcopy -R .comment native.o; objcopy -R .comment emulated.o
    cmp native.o emulated.o && echo "$1 same"
    $1 -v -E $2 2>&1 >/dev/null | sed -n '/search starts/,/End of/p' >native.dirs
    env NATIVE=0 $1 -v -E $2 2>&1 >/dev/null | sed -n '/search starts/,/End of/p' >emulated.dirs
    test -s native.dirs && cmp native.dirs emulated.dirs && echo "$1 looks in the same places"
    $1 -flto -O2 $2 -o program && ./program
done
"""


@pytest.fixture(scope="module")
def user() -> Iterator[OrdinaryUser]:
    """Yield a user with a root: gcc and what it takes."""
    home = Path(tempfile.mkdtemp(prefix="snapstitch-user-"))
    try:
        user = make_user(home)
        made = user.run("root", "create", *ROOT_OPTIONS, "--json")
        assert made.returncode == 0, made.stderr
        assert Path(json.loads(made.stdout)["directory"], "rootfs/usr/bin/dpkg").is_file()
        yield user
        gone = user.run("root", "destroy", "--target", "arm64")
        assert gone.returncode == 0, gone.stderr
        assert not list((user.cache_dir / "root").glob("arm64-*"))
    finally:
        shutil.rmtree(home)


def run(user: OrdinaryUser, *arguments: str) -> subprocess.CompletedProcess[str]:
    return user.run("root", "run", *ROOT_OPTIONS, *arguments)


def left_behind(user: OrdinaryUser, words: str) -> list[str]:
    """Return processes whose command line is *words*, mounts and entries of binfmt_misc that are still there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_text(errors="replace").replace("\0", " ").strip() == words:
                found.append(f"process {process.name}")
        except OSError:
            continue
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    found += [line for line in mounts if str(user.home) in line]
    return found + [str(path) for path in Path("/proc/sys/fs/binfmt_misc").glob("snapstitch-*")]


def wait_until(met: Callable[[], bool], limit_s: float = 60) -> None:
    deadline = time.monotonic() + limit_s
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.network
@pytest.mark.slow
def test_every_package_is_configured(user: OrdinaryUser) -> None:
    said = run(
        user, "sh", "-c", "uname -m; id -u; dpkg --audit; dpkg-query -W -f '${db:Status-Abbrev}\\n' | sort | uniq -c"
    )
    assert said.returncode == 0, said.stderr
    machine, number, states = said.stdout.splitlines()
    assert (machine, number, states.split()[1]) == ("aarch64", "0", "ii")


@pytest.mark.network
@pytest.mark.slow
def test_native_compilers_make_what_the_emulated_ones_make(user: OrdinaryUser) -> None:
    project = user.home / "project"
    (project / "a.c").write_text(C)
    (project / "b.cc").write_text(CXX)
    said = run(user, "--report", "--report-file", "ran.json", "bash", "-c", COMPARE)
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines() == [
        "gcc same", "gcc looks in the same places", "from C", "g++ same", "g++ looks in the same places", "2",
    ]  # fmt: skip
    report = json.loads((project / "ran.json").read_text())
    ran = {(one["name"], one["emulated"]): one for one in report["ran"]}
    assert re.search(r"^emulated +\d+ +[\d.]+  cc1plus$", said.stderr, re.MULTILINE)
    for compiler in ("cc1", "cc1plus"):
        assert ran[compiler, True]["runs"] == 2
        assert ran[compiler, False]["runs"] >= 3
    assert ran["cc1plus", True]["cpu_s"] > 2 * ran["cc1plus", False]["cpu_s"] > 0
    assert ran["program", True]["runs"] == 2


@pytest.mark.network
@pytest.mark.slow
def test_what_a_program_sees(user: OrdinaryUser) -> None:
    script = (
        "command -v ninja || echo absent; command -v gcc; tail -n +3 /proc/net/dev | cut -d: -f1; ls /home; echo $0"
    )
    said = run(user, "--no-network", "--no-project", "sh", "-c", script)
    assert said.stdout.split() == ["absent", "/.native/names/gcc", "lo", "sh"], said.stderr
    assert run(user, "false").returncode == 1
    assert run(user, "sh", "-c", "sleep 98.7 & exit 3").returncode == 3
    assert not left_behind(user, "sleep 98.7")
    assert run(user, "sh", "-c", "sleep 98.8 & exit 0").returncode == 0
    assert not left_behind(user, "sleep 98.8")
    assert not list((user.cache_dir / "root" / "runs").iterdir())
    assert run(user, "no-such-program").returncode == 127


PYTHON = """
import ctypes, json, os, platform, ssl, sys, sysconfig
print(json.dumps([sys.executable, sys.prefix, platform.machine(), sysconfig.get_platform(), sysconfig.get_paths(),
                  sysconfig.get_config_var("EXT_SUFFIX"), sys.path[1:]]))
"""
FROM_BOTH = """
set -e
uname -m; NATIVE=0 uname -m
python3 probe.py >native; NATIVE=0 python3 probe.py >emulated; cmp native emulated; cat native
python3 -m venv --without-pip environment; environment/bin/python3 -c 'import sys; print(sys.prefix)'
mkdir -p tree/DEBIAN
printf '%s: a\\n' Package Maintainer Description >tree/DEBIAN/control
printf 'Version: 1\\nArchitecture: arm64\\n' >>tree/DEBIAN/control
seq 100000 >tree/numbers
export SOURCE_DATE_EPOCH=1
for switch in 1 0; do NATIVE=$switch dpkg-deb --root-owner-group -b tree $switch.deb >packed; done
cmp 0.deb 1.deb && echo equal
"""


@pytest.mark.network
@pytest.mark.slow
def test_native_programs_tell_of_the_roots_machine(user: OrdinaryUser) -> None:
    project = user.home / "project"
    (project / "probe.py").write_text(PYTHON)
    said = run(user, "--report-file", "ran.json", "bash", "-c", FROM_BOTH)
    assert said.returncode == 0, said.stderr
    native, emulated, python, environment, equal = said.stdout.splitlines()
    assert (native, emulated, equal) == ("aarch64", "aarch64", "equal")
    assert json.loads(python)[:4] == ["/usr/bin/python3", "/usr", "aarch64", "linux-aarch64"]
    assert environment == str(project / "environment")
    ran = {(one["name"], one["emulated"]) for one in json.loads((project / "ran.json").read_text())["ran"]}
    assert {(name, kind) for name in ("dpkg-deb", "uname") for kind in (True, False)} <= ran


CACHED = """
set -e
export CCACHE_DIR=$PWD/ccache
for kind in one two; do
    ccache -z >/dev/null
    for turn in 1 2; do
        if [ $kind = one ]; then ccache gcc -O2 -c a.c -o $turn.o
        else PATH=/usr/lib/ccache:$PATH gcc -O1 -c a.c -o $turn.o; fi
    done
    cmp 1.o 2.o
    ccache --print-stats | grep -E '^(direct_cache_hit|cache_miss)'
done
"""


@pytest.mark.network
@pytest.mark.slow
def test_a_compiler_cache_in_front_of_the_native_compiler(user: OrdinaryUser) -> None:
    (user.home / "project" / "a.c").write_text(C)
    said = run(user, "--report", "bash", "-c", CACHED)
    assert said.returncode == 0, said.stderr
    once = ["cache_miss\t1", "direct_cache_hit\t1"]
    assert sorted(said.stdout.splitlines()) == sorted(once * 2), said.stdout
    assert "emulated" in said.stderr
    assert not re.search(r"^emulated .* (cc1|ccache)$", said.stderr, re.MULTILINE)


@pytest.mark.network
@pytest.mark.slow
def test_a_root_of_musl_from_a_file(user: OrdinaryUser) -> None:
    """A loader, a program and the name of a distribution: native tools of another one must stay out."""
    project = user.home / "project"
    (project / "a.c").write_text(C)
    made = run(user, "sh", "-c", "musl-gcc -O2 a.c -o program; cp -L /lib/ld-musl-aarch64.so.1 .")
    assert made.returncode == 0, made.stderr
    rootfs = user.home / "musl"
    for name, source in (("bin/program", "program"), ("lib/ld-musl-aarch64.so.1", "ld-musl-aarch64.so.1")):
        (rootfs / name).parent.mkdir(parents=True)
        shutil.copy(project / source, rootfs / name)
    (rootfs / "etc").mkdir()
    (rootfs / "etc/os-release").write_text("ID=alpine\nVERSION_ID=3.20.0\n")
    words = ("root", "run", "--target", "arm64", "--no-project", "--rootfs")
    for packer, ending in (("--xz", "xz"), ("--zstd", "zst")):
        archive = user.home / f"root.tar.{ending}"
        subprocess.run(["tar", packer, "-cf", archive, "-C", rootfs, "."], check=True)
        archive.chmod(0o644)
        said = user.run(*words, str(archive), "/bin/program")
        assert (said.returncode, said.stdout) == (0, "from C\n"), said.stderr
        assert "everything in the root is emulated: it is of another kind" in said.stderr
    damaged = user.home / "damaged.tar.zst"
    damaged.write_bytes((user.home / "root.tar.zst").read_bytes()[:-200])
    assert user.run(*words, str(damaged), "/bin/program").returncode == 24


@pytest.mark.network
@pytest.mark.slow
def test_changes_are_thrown_away_or_kept(user: OrdinaryUser) -> None:
    assert run(user, "touch", "/etc/mark").returncode == 0
    assert run(user, "test", "-e", "/etc/mark").returncode == 1
    assert run(user, "--keep", "mine", "sh", "-c", "touch /etc/mark; chown 5:5 /etc/mark").returncode == 0
    assert run(user, "--keep", "mine", "test", "-e", "/etc/mark").returncode == 0
    assert not list((user.cache_dir / "root" / "runs").iterdir())


@pytest.mark.network
@pytest.mark.slow
def test_entry_by_ptrace(user: OrdinaryUser) -> None:
    (user.home / "project" / "a.c").write_text(C)
    script = "uname -m; id -u; command -v gcc; gcc a.c -o program && ./program; touch /etc/mark"
    said = run(user, "--entry", "proot", "sh", "-c", script)
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines() == ["aarch64", "0", "/.native/names/gcc", "from C"]
    assert run(user, "test", "-e", "/etc/mark").returncode == 1
    assert not list((user.cache_dir / "root" / "runs").iterdir())


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "entry"),
    [
        (signal.SIGKILL, "namespaces"),
        (signal.SIGINT, "namespaces"),
        (signal.SIGTERM, "namespaces"),
        (signal.SIGKILL, "proot"),
    ],
)
def test_nothing_is_left_behind(user: OrdinaryUser, number: signal.Signals, entry: str) -> None:
    seconds = f"97{int(number)}.{len(entry)}"
    words = f"sleep {seconds}"
    argv = user.argv(
        "root", "run", *ROOT_OPTIONS, "--entry", entry, "sh", "-c", f"sleep {seconds} & sleep {seconds}; true"
    )
    process = subprocess.Popen(argv, env=user.env(), cwd=user.home / "project", stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: bool(left_behind(user, words)))
        process.send_signal(number)
        assert process.wait(60) == (130 if number != signal.SIGKILL else -signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: not left_behind(user, words))
    assert run(user, "true").returncode == 0
    assert not list((user.cache_dir / "root" / "runs").iterdir())
