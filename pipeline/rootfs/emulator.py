"""The static QEMU of a distribution's package."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from pipeline.apt.unpack import prepare_root, unpack
from pipeline.context import Context
from pipeline.elf.reader import read_elf
from pipeline.errors import RootError
from pipeline.model.target import Target


def take_emulator(files: Iterable[Path], target: Target, directory: Path, context: Context) -> None:
    """Put the emulator of *target*, which is in one of the packages *files*, into the *directory*.

    Raises RootError where there is none that is static, and what unpacking raises.
    """
    unpacked = directory / "unpacked"
    unpacked.mkdir()
    prepare_root(unpacked)
    for path in files:
        unpack(path, unpacked, context.environ)
    name = f"qemu-{target.qemu_name}"
    found = [unpacked / "usr/bin" / file_name for file_name in (f"{name}-static", name)]
    static = next((path for path in found if path.is_file() and read_elf(path).interpreter is None), None)
    if static is None:
        raise RootError(
            f"the emulator's package holds no static qemu-{target.qemu_name}",
            cause="the distribution's release packages QEMU in another way than those that were tried",
            action="use another suite (--suite), and report the package's version",
        )
    shutil.copy2(static, directory / name)
    shutil.rmtree(unpacked)
