"""The function ``uname`` of a C library, rewritten: run, not only looked at."""

from __future__ import annotations

import ctypes
import mmap
import platform
from pathlib import Path

import pytest

from pipeline.elf.symbols import code_of, dynamic_symbols
from pipeline.rootfs.machine_name import answering, set_machine_name

on_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="what is rewritten is x86-64 code")


@on_x86
def test_what_the_function_says() -> None:
    code = answering(b"aarch64")
    memory = mmap.mmap(-1, len(code), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
    answer = ctypes.create_string_buffer(6 * 65)
    assert function(ctypes.addressof(answer)) == 0
    fields = [answer.raw[at : at + 65].rstrip(b"\0") for at in range(0, len(answer), 65)]
    assert (fields[0], fields[4]) == (b"Linux", b"aarch64")


@on_x86
def test_only_the_function_is_changed(tmp_path: Path) -> None:
    own = next(path for path in _libraries() if path.is_file())
    library = tmp_path / "libc.so.6"
    library.write_bytes(own.read_bytes())
    assert set_machine_name(library, "s390x")
    (symbol,) = (found for found in dynamic_symbols(library) if found.name == "uname")
    assert code_of(library, symbol).startswith(answering(b"s390x"))
    changed = sum(one != other for one, other in zip(own.read_bytes(), library.read_bytes(), strict=True))
    assert 0 < changed <= len(answering(b"s390x"))
    # It is not what it was.
    assert not set_machine_name(library, "a-very-long-name")
    library.write_bytes(library.read_bytes().replace(answering(b"s390x"), b"\x90" * len(answering(b"s390x"))))
    assert not set_machine_name(library, "s390x")


def _libraries() -> list[Path]:
    return [Path("/lib/x86_64-linux-gnu/libc.so.6"), Path("/usr/lib64/libc.so.6")]
