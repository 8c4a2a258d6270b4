"""The directory that GN takes for a Clang installation: scripts in front of the toolchain's compilers.

V8's build makes programs (torque, mksnapshot, …) and runs them at once, by ``./NAME``. Here they are programs of
the target. The script in front of the linker puts the linked program aside as ``NAME.elf`` and a launcher in its
place, which starts the emulator with it. That needs no entry in the kernel's table of binary formats, no namespace, no
particular kernel, no container, and no change to the crate. It is sound with ninja: the launcher is the output that
ninja knows, written last, by one rename, within the link step; an interrupted link leaves no output or one that has
no entry in ninja's log, and either is made again.

Everything else goes through ``data/precompile.sh``: V8's sources spend four fifths of their time on headers, which are
compiled once for each target of GN. The objects are the same, byte for byte.
"""

from __future__ import annotations

import dataclasses
import importlib.resources
import shlex
from pathlib import Path

from pipeline import fs
from pipeline.errors import ToolboxError
from pipeline.model.toolchain import Toolchain
from pipeline.v8.recipe import GENERATOR_PROGRAMS, Architecture

SCHEMA = 2
RUNNER_NAME = "run-target"
PRECOMPILE_NAME = "precompile"
STORE_NAME = "headers"
"""Of the directory in which precompiled headers are kept: 150 to 300 MB each, for a handful of targets of GN."""
_LINK = """\
#!/bin/sh
# Compile or link; of a program that this build runs itself, make a launcher.
out= previous=
for argument in "$@"; do
  [ "$previous" = -o ] && out=$argument
  previous=$argument
done
case ${{out##*/}} in
  {programs}) ;;
  *) exec {precompile} {store} {compiler} "$@" ;;
esac
{compiler} "$@" || exit
mv -f "$out" "$out.elf" &&
cat > "$out.launcher" <<'END' && chmod 755 "$out.launcher" && mv -f "$out.launcher" "$out"
#!/bin/sh
exec {runner} "$0.elf" "$@"
END
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClangBase:
    """What the directory is made from."""

    toolchain: Toolchain
    llvm_major: int
    architecture: Architecture
    run_prefix: tuple[str, ...]
    """What stands before a program of the target to run it here: an emulator or a loader, with its options."""

    def write(self, directory: Path) -> None:
        """Write the scripts and the link to the run-time library; what is there and right stays untouched.

        Raises ToolboxError when the sysroot has no run-time library for the target.
        """
        for name, text in self._scripts(directory).items():
            path = directory / "bin" / name
            if fs.write_if_changed(path, text):
                path.chmod(0o755)
        link = (
            directory / f"lib/clang/{self.llvm_major}/lib" / self.architecture.runtime_library_dir
        ) / "libclang_rt.builtins.a"
        fs.make_directory(link.parent)
        library = self.runtime_library()
        if not link.is_symlink() or link.readlink() != library:
            link.unlink(missing_ok=True)
            link.symlink_to(library)

    def runtime_library(self) -> Path:
        """Return the target's libclang_rt.builtins. Raises ToolboxError when it is not there."""
        name = f"libclang_rt.builtins-{self.architecture.runtime_library_suffix}.a"
        inner = f"usr/lib/llvm-{self.llvm_major}/lib/clang/{self.llvm_major}/lib/linux"
        path = self.toolchain.sysroot / inner / name
        if not path.is_file():
            raise ToolboxError(
                f"there is no {name} in the sysroot",
                cause=f"the package libclang-rt-{self.llvm_major}-dev of {self.toolchain.target.name} is not there",
                action="give --toolchain private (or auto), or install that package",
            )
        return path

    def _scripts(self, directory: Path) -> dict[str, str]:
        runner, precompile = directory / "bin" / RUNNER_NAME, directory / "bin" / PRECOMPILE_NAME
        bin_dir, gnu = self.toolchain.path_dirs[0], self.toolchain.target.gnu_triple
        tools = {f"llvm-{name}": bin_dir / f"{gnu}-{name}" for name in ("ar", "nm", "objcopy", "strip")}
        plain = {"clang": bin_dir / f"{gnu}-clang", **tools}
        scripts = {name: f'#!/bin/sh\nexec {shlex.quote(str(path))} "$@"\n' for name, path in plain.items()}
        linker = _LINK.format(
            programs="|".join(GENERATOR_PROGRAMS),
            compiler=shlex.quote(str(bin_dir / f"{gnu}-clang++")),
            runner=shlex.quote(str(runner)),
            precompile=shlex.quote(str(precompile)),
            store=shlex.quote(str(directory / STORE_NAME)),
        )
        own = importlib.resources.files("pipeline").joinpath("data", "precompile.sh").read_text(encoding="utf-8")
        # Launchers name this script, so that they stay right when the emulator is another one in a later run.
        start = f'#!/bin/sh\nexec {shlex.join(self.run_prefix)} "$@"\n'
        return {**scripts, "clang++": linker, PRECOMPILE_NAME: own, RUNNER_NAME: start}
