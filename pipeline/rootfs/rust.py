"""A native Rust for an emulated root: what the script ``rustc`` finds beside it in the directory of native tools."""

from __future__ import annotations

import dataclasses
import importlib.resources
import os
import shlex
from pathlib import Path, PurePosixPath

from pipeline import fs
from pipeline.model.target import Target

DIRECTORY = PurePosixPath("rust")
PROGRAMS = ("rustc", "rustdoc")
"""What the script stands for; Cargo is taken as it is."""
PACKAGES = ("python3-minimal",)
"""What the script is run by."""
_MODULES = ("__init__.py", "rootfs/__init__.py", "rootfs/rustc.py", "rootfs/rustc_words.py")
_SCRIPT = """\
#!{interpreter} -IS
import sys
sys.path.insert(0, "{modules}")
from pipeline.rootfs.rustc import main
sys.exit(main(sys.argv[0], sys.argv[1:]))
"""
# -I and -S: no variable and no package of the user's reaches it, and it starts in 15 ms.
_MODULES_DIR = "modules"
_LINKER = "host-cc"


def program_texts() -> dict[str, str]:
    """Return the modules of the program ``rustc`` by their names below a directory of modules."""
    package = importlib.resources.files("pipeline")
    return {f"pipeline/{name}": (package / name).read_text(encoding="utf-8") for name in _MODULES}


@dataclasses.dataclass(frozen=True, kw_only=True)
class NativeRust:
    """rustc in a prefix, and the GCC of this machine beside it, which links procedural macros."""

    host: Target
    target: Target
    prefix: PurePosixPath
    """Where the prefix will lie."""

    def is_in(self, root: Path) -> bool:
        """Return whether the prefix *root* has a rustc."""
        return (root / "usr/bin/rustc").is_file()

    def write(self, root: Path) -> None:
        """Write the script, its settings and the linker of macros into the prefix *root*."""
        directory = fs.make_directory(root / DIRECTORY)
        interpreter = self.prefix / "usr/bin" / _final_name(root / "usr/bin/python3")
        for name, text in program_texts().items():
            fs.write_text(directory / _MODULES_DIR / name, text)
        modules = self.prefix / DIRECTORY / _MODULES_DIR
        for name in PROGRAMS:
            _executable(directory / name, _SCRIPT.format(interpreter=interpreter, modules=modules))
        _executable(directory / _LINKER, self._linker(root))
        fs.write_text(directory / "settings", self._settings())
        rustlib = fs.make_directory(directory / "lib/rustlib")
        (rustlib / self.host.rust_triple).symlink_to(self.prefix / "usr/lib/rustlib" / self.host.rust_triple)
        # The root's own standard library, where the root has Rust.
        (rustlib / self.target.rust_triple).symlink_to(PurePosixPath("/usr/lib/rustlib") / self.target.rust_triple)

    def _settings(self) -> str:
        values = {
            "bin-dir": self.prefix / "usr/bin",
            "sysroot": self.prefix / DIRECTORY,
            "shown-sysroot": "/usr",
            "host": self.host.rust_triple,
            "target": self.target.rust_triple,
            "host-linker": self.prefix / DIRECTORY / _LINKER,
        }
        return "".join(f"{name}={value}\n" for name, value in values.items())

    def _linker(self, root: Path) -> str:
        gcc = self.prefix / "usr/bin" / _final_name(root / "usr/bin/gcc")
        argv = (str(gcc), f"--sysroot={self.prefix}", f"-B{self.prefix / 'usr/bin'}/")
        return f'#!{self.prefix / "usr/bin/dash"}\nexec {shlex.join(argv)} "$@"\n'


def _final_name(link: Path) -> str:
    """Return the name of the file in the same directory that *link* leads to."""
    return PurePosixPath(os.path.realpath(link)).name


def _executable(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
