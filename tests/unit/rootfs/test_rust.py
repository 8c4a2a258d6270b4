"""A native Rust in the directory of native tools."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path, PurePosixPath

from pipeline.model.target import find_target
from pipeline.rootfs.rust import NativeRust
from pipeline.rootfs.rustc_words import Settings


def test_what_is_written(tmp_path: Path) -> None:
    programs = tmp_path / "usr/bin"
    programs.mkdir(parents=True)
    for name in ("rustc", "python3.11", "x86_64-linux-gnu-gcc-12"):
        (programs / name).touch()
    (programs / "python3").symlink_to("python3.11")
    (programs / "gcc-12").symlink_to("x86_64-linux-gnu-gcc-12")
    (programs / "gcc").symlink_to("gcc-12")
    host, target = find_target("amd64"), find_target("arm64")
    rust = NativeRust(host=host, target=target, prefix=PurePosixPath("/.native"))
    assert rust.is_in(tmp_path)
    rust.write(tmp_path)
    settings = Settings((tmp_path / "rust/settings").read_text())
    assert (settings.host, settings.target) == (host.rust_triple, target.rust_triple)
    assert (tmp_path / "rust/rustc").read_text().startswith("#!/.native/usr/bin/python3.11 -IS\n")
    code = "import sys; from pipeline.rootfs import rustc; sys.exit(rustc.main('/nowhere/rustc', []))"
    alone = [sys.executable, "-IS", "-c", f"import sys; sys.path.insert(0, {str(tmp_path / 'rust/modules')!r}); {code}"]
    assert "/nowhere/settings" in subprocess.run(alone, capture_output=True, text=True, check=False).stderr
    assert os.access(tmp_path / "rust/rustdoc", os.X_OK)
    assert (tmp_path / "rust/host-cc").read_text() == (
        "#!/.native/usr/bin/dash\n"
        'exec /.native/usr/bin/x86_64-linux-gnu-gcc-12 --sysroot=/.native -B/.native/usr/bin/ "$@"\n'
    )
    std = tmp_path / "rust/lib/rustlib" / target.rust_triple
    assert std.readlink() == Path("/usr/lib/rustlib/aarch64-unknown-linux-gnu")
