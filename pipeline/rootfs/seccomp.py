"""A filter for system calls that fail where only one user exists, although nothing is wrong: they succeed instead.

A user namespace that an ordinary user makes has one user. Giving a file to another one, taking another identity or
making a device fails there; packages do all three while they are configured. Under this filter such calls do nothing
and say that they worked, as those of fakeroot do, but for every program, static and emulated ones included: QEMU makes
the calls of this machine.

Layouts: linux/filter.h, linux/seccomp.h. Standard library only.
"""

from __future__ import annotations

import ctypes
import dataclasses
import os
import stat
import struct
from collections.abc import Iterable, Mapping

from pipeline.rootfs import kernel

_LOAD, _JUMP_EQUAL, _AND, _RETURN = 0x20, 0x15, 0x54, 0x06
_ALLOW, _ERRNO, _NOTIFY = 0x7FFF0000, 0x00050000, 0x7FC00000
_SET_MODE_FILTER = 1
_NEW_LISTENER = 1 << 3
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Numbers:
    """Numbers of system calls on one architecture."""

    audit: int
    """Its AUDIT_ARCH, linux/audit.h."""
    seccomp: int
    faked: tuple[int, ...]
    """chown and its kin, setgroups, setuid and its kin."""
    synced: tuple[int, ...]
    """sync and its kin."""
    make_node: Mapping[int, int]
    """mknod and mknodat, each with the place of its argument *mode*."""
    exit_group: int
    execve: int


_NUMBERS = {
    "x86_64": _Numbers(
        audit=0xC000003E,
        seccomp=317,
        faked=(92, 93, 94, 260, 116, 105, 106, 113, 114, 117, 119, 122, 123),
        synced=(74, 75, 162, 277, 306),
        make_node={133: 1, 259: 2},
        exit_group=231,
        execve=59,
    ),
    "aarch64": _Numbers(
        audit=0xC00000B7,
        seccomp=277,
        faked=(54, 55, 159, 143, 144, 145, 146, 147, 149, 151, 152),
        synced=(81, 82, 83, 84, 267),
        make_node={33: 2},
        exit_group=94,
        execve=221,
    ),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def filter_program(machine: str, *, watched: bool, durable: bool) -> bytes:
    """Return the filter for a machine (``uname -m``): struct sock_filter[].

    *watched* also hands exec and exit to a listener; unless *durable*, nothing waits for the disk.
    Raises KeyError for a machine that it does not know.
    """
    numbers = _NUMBERS[machine]
    code = [
        _statement(_LOAD, _ARCHITECTURE_AT),
        _jump(numbers.audit, equal=1, other=0),
        _statement(_RETURN, _ALLOW),
        _statement(_LOAD, _NUMBER_AT),
    ]
    for number, argument in numbers.make_node.items():
        code += _refuse_device(number, argument)
    watched_numbers = (numbers.exit_group, numbers.execve) if watched else ()
    code += _answer(watched_numbers, _NOTIFY)
    code += _answer(numbers.faked if durable else numbers.faked + numbers.synced, _ERRNO)  # errno 0: it worked
    code.append(_statement(_RETURN, _ALLOW))
    return b"".join(code)


def _answer(numbers: Iterable[int], action: int) -> list[bytes]:
    return [part for number in numbers for part in (_jump(number, equal=0, other=1), _statement(_RETURN, action))]


def _refuse_device(number: int, argument: int) -> list[bytes]:
    """Devices are not made, pipes and sockets are."""
    low_word = _ARGUMENTS_AT + 8 * argument  # little-endian on both machines
    return [
        _jump(number, equal=0, other=6),
        _statement(_LOAD, low_word),
        _statement(_AND, stat.S_IFMT(0o170000)),
        _jump(stat.S_IFCHR, equal=1, other=0),
        _jump(stat.S_IFBLK, equal=0, other=1),
        _statement(_RETURN, _ERRNO),
        _statement(_RETURN, _ALLOW),
    ]


def _statement(code: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, 0, 0, value)


def _jump(value: int, *, equal: int, other: int) -> bytes:
    """Compare what was loaded with *value*; skip so many instructions."""
    return struct.pack("=HBBI", _JUMP_EQUAL, equal, other, value)


def install(*, watched: bool, durable: bool) -> int | None:
    """Put this process, and all that it will start, under the filter; return the listener where it is watched.

    Raises OSError where the kernel refuses.
    """
    machine = os.uname().machine
    code = filter_program(machine, watched=watched, durable=durable)
    program = _Program(length=len(code) // 8, instructions=code)
    flags = _NEW_LISTENER if watched else 0
    result = kernel.syscall(_NUMBERS[machine].seccomp, _SET_MODE_FILTER, flags, ctypes.addressof(program))
    return result if watched else None
