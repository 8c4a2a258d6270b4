"""Finds out whether roots can be entered here, by entering one: without packages and without an emulator."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pipeline.context import Context
from pipeline.elf.probe import PROBE_EXIT_CODE, probe_program
from pipeline.errors import PipelineError, RootError
from pipeline.model.execution import Availability
from pipeline.model.root import Emulator, EntryWay
from pipeline.model.target import TARGETS, Target
from pipeline.rootfs import enter
from pipeline.rootfs.binfmt import handler
from pipeline.rootfs.order import Order

_WAY = "namespaces with a binfmt_misc of their own"


def choose_way(host: Target, context: Context) -> tuple[EntryWay, str]:
    """Return how roots are entered here, and why; raises RootError where neither way is open."""
    found = probe_entry(host, context)
    if found.available:
        return "namespaces", found.reason
    if enter.can_trace(context):
        return "proot", f"ptrace (proot), which is slow: {found.reason}"
    raise RootError(
        "roots cannot be entered on this machine",
        cause="the kernel is older than 6.7, or a container or a setting forbids user namespaces; and ptrace, which "
        "would do instead, is forbidden, too",
        action="in a container, allow them (--security-opt seccomp=unconfined), or ptrace (--cap-add SYS_PTRACE)",
        details=found.reason,
    )


def probe_entry(host: Target, context: Context) -> Availability:
    """Start a tiny program of another architecture in a tiny root; one of this machine takes the emulator's place."""
    foreign = next(target for target in TARGETS if target != host)
    with tempfile.TemporaryDirectory(prefix="snapstitch-probe-") as name:
        directory = Path(name)
        root, stand_in = directory / "root", directory / "emulator"
        (root / "root").mkdir(parents=True)
        (directory / "mount").mkdir()
        for path, target in ((stand_in, host), (root / "program", foreign)):
            path.write_bytes(probe_program(target))
            path.chmod(0o755)
        order = Order(
            argv=("/program",),
            env={},
            root=str(root),
            mount_point=str(directory / "mount"),
            handlers=(handler(Emulator(path=stand_in, target=foreign)),),
        )
        try:
            completed = enter.run_kept(order, directory, context)
        except PipelineError as error:
            return Availability(available=False, reason=f"{_WAY}: {error.details.strip() or error.what}")
    if completed.exit_code == PROBE_EXIT_CODE:
        return Availability(available=True, reason=f"{_WAY}: a tiny {foreign.name} program reached its handler")
    return Availability(available=False, reason=f"{_WAY}: a tiny program ended with {completed.exit_code}")
