"""The same work, done in each way that people do it: a release build of pico for arm64, from nothing but tools.

* ``pipeline``: ours, packing and checking included
* ``native``: plain Cargo for the build machine: the limit, and not for arm64
* ``naive``: plain Cargo with a cross toolchain: the snapshot is the build machine's
* ``zigbuild``: cargo-zigbuild, a ready-made cross tool, with its own C compiler; the same snapshot
* ``root-native``: Cargo in an arm64 root with native compilers (``root run``)
* ``root-emulated``: the same, everything emulated
"""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.model.toolchain import Toolchain
from tests.bench.measuring import Usage, median_of
from tests.bench.places import PACKAGES, BenchError, Place
from tests.bench.trees import fresh_pico

TARGET = "arm64"
HOST = "amd64"
SCRIPT = "console.log(6 * 7)"


@dataclasses.dataclass(frozen=True)
class Product:
    """What a way made."""

    usage: Usage
    program: Path
    toolchain: Toolchain
    emulated_cpu_s: float | None = None
    """None where it is not counted apart."""


Way = Callable[[Place], Product]


def measure(place: Place, rounds: int, *, full: bool) -> dict[str, Any]:
    """Do each way *rounds* times, in turn for all, and say whether its product runs."""
    names = [name for name in WAYS if full or name not in DEAR]
    return {name: _measure(place, name, 1 if name in DEAR else rounds) for name in names}


def _measure(place: Place, name: str, rounds: int) -> dict[str, Any]:
    products: list[Product] = []

    def once() -> Usage:
        products.append(WAYS[name](place))
        return products[-1].usage

    try:
        runs = median_of(rounds, once)
    except BenchError as error:
        return {"failed": failure(error)}
    last = products[-1]
    return {
        "wall_s": runs[0].wall_s,
        "cpu_s": runs[0].cpu_s,
        "peak_memory_mb": runs[0].peak_memory_mb,
        "emulated_cpu_s": last.emulated_cpu_s,
        "runs": _runs(last),
        "rounds": [{"wall_s": usage.wall_s, "cpu_s": usage.cpu_s} for usage in runs],
    }


def failure(error: BenchError) -> str:
    """Return the line that tells most, fit for a table: the first error, or what was said last."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    errors = [line for line in lines if "error: " in line]
    line = [*errors, *reversed(lines), "nothing was said"][0]
    return line.removeprefix("= note: ").replace("|", "/").replace("<", "&lt;")[:160]


def _runs(product: Product) -> bool:
    """Tell whether the program runs a script, with the libraries of the sysroot."""
    toolchain = product.toolchain
    libraries = [toolchain.sysroot / "usr/lib" / toolchain.target.gnu_triple, toolchain.sysroot / "lib"]
    command = [str(product.program), "eval", SCRIPT]
    if toolchain.target.name == HOST:
        loader = toolchain.sysroot / toolchain.target.interpreter.lstrip("/")
        command = [str(loader), "--library-path", ":".join(map(str, libraries)), *command]
    else:
        command = [str(toolchain.qemu), "-L", str(toolchain.sysroot), *command]
    done = subprocess.run(command, env={}, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout == "42\n"


def _pipeline(place: Place) -> Product:
    toolchain = place.toolchain(TARGET)
    place.forget_builds()
    usage, (outcome,) = place.build(fresh_pico(place.directory))
    (program,) = place.cache_dir.glob(f"work/pico-*/target/{toolchain.target.rust_triple}/release/pico")
    return Product(usage, program, toolchain, outcome["emulated_cpu_s"])


def _native(place: Place) -> Product:
    toolchain = place.toolchain(HOST)
    return _cargo(place, toolchain, place.cargo_environment(toolchain), "build")


def _naive(place: Place) -> Product:
    toolchain = place.toolchain(TARGET)
    return _cargo(place, toolchain, place.cargo_environment(toolchain), "build")


def _zigbuild(place: Place) -> Product:
    """Leave compilers to cargo-zigbuild; what it cannot know is where the target's libnode is."""
    toolchain = place.toolchain(TARGET)
    triple = toolchain.target.rust_triple.replace("-", "_")
    libraries = toolchain.sysroot / "usr/lib" / toolchain.target.gnu_triple
    ours = tuple(f"{name}_{triple}" for name in ("CC", "CXX", "AR", "RANLIB", "CFLAGS", "CXXFLAGS"))
    env = {name: value for name, value in place.cargo_environment(toolchain).items() if name not in ours}
    env.pop(f"CARGO_TARGET_{triple.upper()}_LINKER", None)
    env |= {
        f"CXXFLAGS_{triple}": f"-I{toolchain.sysroot}/usr/include/node",
        f"CARGO_TARGET_{triple.upper()}_RUSTFLAGS": f"-Lnative={libraries} -Clink-arg=-Wl,--allow-shlib-undefined",
        "PATH": f"{Path(sys.executable).parent}:{env['PATH']}",
        "XDG_CACHE_HOME": str(place.directory / "zig-cache"),
    }
    shutil.rmtree(place.directory / "zig-cache", ignore_errors=True)
    return _cargo(place, toolchain, env, "zigbuild")


def _cargo(place: Place, toolchain: Toolchain, env: dict[str, str], verb: str) -> Product:
    """Build with plain Cargo; build scripts run on, and make their snapshot for, the build machine."""
    workspace, target_dir = fresh_pico(place.directory), place.directory / "target"
    shutil.rmtree(target_dir, ignore_errors=True)
    host = place.toolchain(HOST)
    env |= {name: value for name, value in host.env.items() if name.endswith("x86_64_unknown_linux_gnu")}
    env |= {
        "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER": str(host_linker(host, place.directory)),
        "PICO_SKIP_CROSS_CHECK": "1",
    }
    triple = toolchain.target.rust_triple
    usage = place.run(
        [str(toolchain.cargo), verb, "--locked", "--release", "--package", "pico", "--target", triple,
         "--target-dir", str(target_dir)],
        cwd=workspace, env=env,
    )  # fmt: skip
    return Product(usage, target_dir / triple / "release" / "pico", toolchain)


def host_linker(host: Toolchain, directory: Path) -> Path:
    """Write a linker whose programs find the libraries of the host's sysroot, and use its loader."""
    libraries = host.sysroot / "usr/lib" / host.target.gnu_triple
    loader = host.sysroot / host.target.interpreter.lstrip("/")
    linker = host.env["CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER"]
    script = directory / "host-linker"
    script.write_text(
        f'#!/bin/sh\nexec {linker} "$@" -Wl,--disable-new-dtags,-rpath,{libraries} -Wl,--dynamic-linker,{loader}\n'
    )
    script.chmod(0o755)
    return script


def _in_root(place: Place, *options: str) -> Product:
    """Build in a root; what crates the build needs, Cargo has fetched for the ways before."""
    workspace = fresh_pico(place.directory)
    packages = [word for name in PACKAGES for word in ("--package", name)]
    # GCC knows `-I=` with a sysroot only.
    seen = ("--env", "CXXFLAGS=-I/usr/include/node")
    usage = place.cargo_in_root(workspace, [*packages, *options], seen, "--package", "pico")
    return Product(usage, workspace / "target" / "release" / "pico", place.toolchain(TARGET))


WAYS: dict[str, Way] = {
    "pipeline": _pipeline,
    "native": _native,
    "naive": _naive,
    "zigbuild": _zigbuild,
    "root-native": _in_root,
    "root-emulated": lambda place: _in_root(place, "--no-native"),
}
DEAR = ("root-native", "root-emulated")
"""Done once, and only when asked for everything."""
