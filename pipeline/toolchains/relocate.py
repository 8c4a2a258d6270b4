"""Programs of a prefix, made to run where they lie, whatever the machine's own libraries are.

Each program that is started by name gets the prefix's dynamic loader as its interpreter and the prefix's library
directories as DT_RPATH, so that no LD_LIBRARY_PATH is needed, which would leak into what the programs start.
DT_RPATH, unlike DT_RUNPATH, also serves the libraries that a library needs (ld.so(8)) unless that one has a
DT_RUNPATH of its own, which is therefore taken away.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from pipeline.elf.reader import is_elf, read_elf
from pipeline.errors import PipelineError, ToolboxError
from pipeline.model.target import TARGETS, Target
from pipeline.processes import proc

LLVM_PROGRAMS = (
    "clang", "lld", "llvm-ar", "llvm-nm", "llvm-objcopy", "llvm-objdump", "llvm-readobj", "llvm-symbolizer",
    "llvm-config", "llvm-profdata",
)  # fmt: skip
FURTHER_PROGRAMS = ("cmake", "make", "pkgconf", "pkg-config")
"""Programs that are put on the PATH of builds where their packages were asked for."""
PATCH_TIMEOUT_S = 120.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Relocation:
    """A prefix that is still under its temporary name, and what it will be called."""

    root: Path
    final: Path
    host: Target
    llvm_bin: PurePosixPath | None
    rust_prefix: PurePosixPath | None
    patchelf: Path | None
    """The machine's own; None: the one in the prefix."""
    environ: Mapping[str, str]
    further: tuple[PurePosixPath, ...] = ()
    """Other programs that will be started."""

    @property
    def library_dirs(self) -> tuple[PurePosixPath, ...]:
        """Return where the prefix keeps libraries of the host, below its root."""
        own = PurePosixPath("usr/lib") / self.host.gnu_triple
        llvm = (self.llvm_bin.parent / "lib",) if self.llvm_bin else ()
        rust = (self.rust_prefix / "lib",) if self.rust_prefix else ()
        return tuple(dict.fromkeys((own, *llvm, *rust)))

    def programs(self) -> Iterator[Path]:
        """Yield the programs that we start, as far as they are there."""
        names = [PurePosixPath("usr/bin/patchelf")]
        names += [PurePosixPath("usr/bin") / f"qemu-{target.qemu_name}" for target in TARGETS]
        names += [PurePosixPath("usr/bin") / name for name in FURTHER_PROGRAMS]
        if self.llvm_bin:
            names += [self.llvm_bin / name for name in LLVM_PROGRAMS]
        if self.rust_prefix:
            names += [self.rust_prefix / "bin" / name for name in ("rustc", "cargo", "rustdoc")]
        for name in (*names, *self.further):
            path = self.root / name
            if path.is_file() and not path.is_symlink() and is_elf(path) and read_elf(path).interpreter:
                yield path

    def plugins(self) -> Iterator[Path]:
        """Yield the libraries that programs of others load by name, whose own needs they do not know."""
        for directory in self.library_dirs:
            for path in sorted((self.root / directory).glob("libclang-*.so*")):
                if path.is_file() and not path.is_symlink() and is_elf(path):
                    yield path

    def libraries(self) -> Iterator[Path]:
        """Yield the shared libraries whose own search path would stand in the way."""
        for directory in self.library_dirs:
            for path in sorted((self.root / directory).glob("*.so*")):
                if path.is_file() and not path.is_symlink() and is_elf(path) and read_elf(path).runpath:
                    yield path


def relocate(relocation: Relocation) -> None:
    """Make the programs of a prefix run from its final place, and only from there.

    Raises ToolboxError when patchelf fails.
    """
    patchelf = _patchelf_command(relocation)
    interpreter = relocation.final / relocation.host.interpreter.lstrip("/")
    rpath = ":".join(str(relocation.final / directory) for directory in relocation.library_dirs)
    program_options = ("--set-interpreter", str(interpreter), "--force-rpath", "--set-rpath", rpath)
    jobs = [(*patchelf, *program_options, str(path)) for path in relocation.programs()]
    plugins = set(relocation.plugins())
    jobs += [(*patchelf, "--remove-rpath", str(path)) for path in relocation.libraries() if path not in plugins]
    jobs += [(*patchelf, "--force-rpath", "--set-rpath", rpath, str(path)) for path in plugins]
    env = proc.base_environment(relocation.environ)
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        try:
            for _done in pool.map(lambda argv: _patch(argv, env), jobs):
                pass
        finally:
            _temporary(relocation).unlink(missing_ok=True)


def _temporary(relocation: Relocation) -> Path:
    return relocation.root / ".patchelf"


def _patchelf_command(relocation: Relocation) -> tuple[str, ...]:
    """Return how to call patchelf: the prefix's own does not run by itself yet, and must not rewrite itself."""
    if relocation.patchelf:
        return (str(relocation.patchelf),)
    shutil.copy2(relocation.root / "usr/bin/patchelf", _temporary(relocation))
    loader = relocation.root / relocation.host.interpreter.lstrip("/")
    libraries = relocation.root / "usr/lib" / relocation.host.gnu_triple
    return (str(loader), "--library-path", str(libraries), str(_temporary(relocation)))


def _patch(argv: tuple[str, ...], env: Mapping[str, str]) -> None:
    try:
        proc.check(proc.Command(argv=argv, env=env, timeout_s=PATCH_TIMEOUT_S))
    except PipelineError as error:
        raise ToolboxError(
            f"cannot make {Path(argv[-1]).name} run from the toolbox",
            cause="patchelf does not know a feature of this file",
            action="use installed tools (--toolchain host), and report the package's version",
            details=str(error),
        ) from error
