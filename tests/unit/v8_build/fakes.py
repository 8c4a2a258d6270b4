"""A compiler, GN and ninja that are shell scripts, and a toolchain around them."""

from __future__ import annotations

from pathlib import Path

from pipeline.model.target import find_target
from pipeline.model.toolchain import Tool, Toolchain

ARM64 = find_target("arm64")
GNU = ARM64.gnu_triple
COMPILER = """\
#!/bin/sh
# Writes a script, in place of a program, to what follows -o.
echo "compiler $*" >> "$0.log"
while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done
[ -e "$0.broken" ] && { echo 'ld.lld: error: undefined symbol: v8' >&2; exit 3; }
printf '#!/bin/sh\\necho "I am $0 with $*"\\n' > "$out" && chmod 755 "$out"
"""


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def toolchain(directory: Path, *, with_runtime_library: bool = True) -> Toolchain:
    bin_dir, sysroot = directory / "tools" / "bin", directory / "sysroot"
    for name in ("clang", "clang++"):
        script(bin_dir / f"{GNU}-{name}", COMPILER)
    for name in ("ar", "nm", "objcopy", "strip"):
        script(bin_dir / f"{GNU}-{name}", f'#!/bin/sh\necho "{name} $*"\n')
    library = sysroot / "usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.builtins-aarch64.a"
    library.parent.mkdir(parents=True)
    if with_runtime_library:
        library.write_bytes(b"!<arch>\n")
    return Toolchain(
        target=ARM64,
        cargo=directory / "cargo",
        env={},
        path_dirs=(bin_dir,),
        sysroot=sysroot,
        qemu=directory / "qemu",
        qemu_version="7.2.22",
        patchelf=directory / "patchelf",
        strip=bin_dir / f"{GNU}-strip",
        tools=(Tool(name="clang", version="19.1.7", origin="private"),),
        digest="t" * 64,
    )
