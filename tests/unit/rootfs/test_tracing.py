"""Entry by ptrace: what proot is told."""

from __future__ import annotations

import dataclasses

from pipeline.rootfs.order import Bind, Order
from pipeline.rootfs.tracing import words

ORDER = Order(
    argv=("make", "-j2"),
    env={},
    root="/roots/r",
    mount_point="/run/root",
    cwd="/project",
    binds=(Bind(source="/project", inside="/project"), Bind(source="/cache", inside="/.cache", read_only=True)),
    tracer="/tools/proot",
    emulator="/tools/qemu-aarch64",
)
PLACES = ["--bind=/dev", "--bind=/proc", "--bind=/sys", "--bind=/project:/project", "--bind=/cache:/.cache"]


def test_a_root_that_is_changed() -> None:
    assert words(ORDER, ends_all=True) == [
        "/tools/proot", "--root-id", "--kill-on-exit", "--rootfs=/roots/r", "--cwd=/project",
        "--qemu=/tools/qemu-aarch64", *PLACES, "make", "-j2",
    ]  # fmt: skip


def test_a_copy_takes_the_place_of_an_overlay() -> None:
    assert "--rootfs=/run/upper" in words(dataclasses.replace(ORDER, overlay="/run"), ends_all=False)


def test_loaders_of_native_programs_are_found() -> None:
    tools = Bind(source="/tools", inside="/.native", read_only=True)
    own = words(dataclasses.replace(ORDER, binds=(tools,)), ends_all=False)
    assert own[-4:-2] == ["--bind=/tools:/.native", "--bind=/tools:/host-rootfs/.native"]


def test_no_emulator_for_this_machines_own_kind() -> None:
    assert not [
        word for word in words(dataclasses.replace(ORDER, emulator=""), ends_all=False) if word.startswith("--qemu")
    ]
