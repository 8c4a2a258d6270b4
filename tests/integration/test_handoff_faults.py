"""What goes wrong between machines: disks that are full, other accounts, generators without measure, two snapshots."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from pipeline.model.target import target_of_machine
from pipeline.packing.tarball import TarMember
from pipeline.snapshots import bundles

from .accounts import account
from .command import Cli
from .handoffs import Handoff, machine, refused, running
from .sshd import running_sshd

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow]


@pytest.mark.root
def test_three_accounts(cli: Cli, cargo_program: Path) -> None:
    """Each sees its own home only. The one in the middle has no project, no toolbox, and the tree is gone."""
    target = target_of_machine(os.uname().machine)
    assert target is not None
    options = ("--target", target.name, "--path", "my workspace", "--toolchain", "private")
    with account(cli, 54322) as middle, account(cli, 54323) as last:
        with account(cli, 54321) as first:
            machine(cli, cargo_program, first.home)
            first.own()
            ended = first.pipeline("generator", *options, "--out", "bundle.tar.gz")
            assert ended.exit_code == 0, ended.stderr
            assert (first.home / "bundle.tar.gz").stat().st_uid == 54321
            bundle = middle.take(first.home / "bundle.tar.gz")
            tree = first.home
        assert not tree.exists()
        script = "mkdir unpacked && tar -xzf bundle.tar.gz -C unpacked && ./unpacked/run --out made.tar.gz"
        done = middle.run("/bin/sh", "-c", script)
        assert done.returncode == 0, done.stderr
        made = middle.home / "made.tar.gz"
        assert made.stat().st_uid == 54322
        assert {path.name for path in middle.home.iterdir()} - {"cache"} == {bundle.name, "unpacked", made.name}
        machine(cli, cargo_program, last.home)
        snapshot = last.take(made)
        ended = last.pipeline("stitch", *options, "--snapshot", snapshot.name, "--check", "x => heap(ab)")
        assert ended.outcome()["checks"]["verdict"] == "ok"
        assert list((last.home / "dist").glob("*.zip"))


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _size_bytes(bundle: Path) -> int:
    """Return what the root in a bundle takes on a disk with pages of 4 KiB."""
    with tarfile.open(bundle) as archive:
        return sum(-(-info.size // 4096) * 4096 + 4096 for info in archive if info.name.startswith("root"))


@pytest.mark.root
@pytest.mark.parametrize(
    ("room_bytes", "said"), [(-2_000_000, "tar: "), (1_500_000, "No space left on device when the program ended")]
)
def test_a_full_disk(cli: Cli, handoff: Handoff, tmp_path: Path, room_bytes: int, said: str) -> None:
    """Too small for what is sent, or for what the generator makes."""
    out = tmp_path / "never.snapshot.tar.zst"
    with running_sshd(cli, tmp_path, disk_bytes=_size_bytes(handoff.bundle) + room_bytes) as small:
        ended = handoff.middle.run(
            "snapshot", handoff.bundle, "--executor", "ssh:box", "--ssh-config", small.config(), "--remote-run",
            handoff.emulator, "--out", out,
        )  # fmt: skip
        lines = refused(ended, 13)
        assert lines[-3:] == [
            "error: no space left on box",
            "  usual cause: the generator with its libraries and sources takes some 100 MB in TMPDIR there",
            "  what to do:  free some space there, or set TMPDIR for the user, and run the same command again",
        ]
        assert any(line.startswith(said) for line in lines), lines
        assert list(small.tmp_dir.iterdir()) == []
    assert not out.exists()


def test_two_snapshots_for_one_build(handoff: Handoff, tmp_path: Path) -> None:
    """The product has the one that was named last, as a whole, however often it is changed."""
    one, two = tmp_path / "one.snapshot.tar.zst", tmp_path / "two.snapshot.tar.zst"
    handoff.middle.result("snapshot", handoff.bundle, "--executor", "qemu", "--out", one)
    with bundles.opened(one) as (directory, _request):
        text = directory / "steps" / "snap-1.0.0" / "out" / "snapshot.txt"
        text.write_text(text.read_text().replace("ab", "AB"))
        (directory / "SHA256SUMS").unlink()
        files = (path for path in directory.rglob("*") if path.is_file())
        bundles.write_bundle(
            two, [TarMember(name=path.relative_to(directory).as_posix(), content=path) for path in files]
        )
    said = refused(handoff.last.stitch(one, "--snapshot", two), 2)
    assert said[-3] == f"error: two snapshots for one build: {one} and {two}"
    for snapshot, printed in ((one, "ab"), (two, "AB"), (one, "ab")):
        outcome = handoff.last.stitch(snapshot, "--check", f"x => heap({printed})").outcome()
        assert outcome["checks"]["verdict"] == "ok", printed


def test_a_child_that_stays_on_the_host(cli: Cli, cargo_program: Path, tmp_path: Path) -> None:
    """It would hold the connection open, and write into a directory that is to be removed."""
    target = target_of_machine(os.uname().machine)
    assert target is not None
    place = machine(cli, cargo_program, _made(tmp_path / "place"))
    script = place.workspace / "snap" / "build.rs"
    spawn = 'std::process::Command::new("/proc/self/exe").arg("stay-71825").spawn().unwrap();'
    stay = "if std::env::args().count() > 1 { std::thread::sleep(std::time::Duration::from_secs(90)); return }"
    script.write_text(script.read_text().replace("fn main() {", f"fn main() {{ {stay} {spawn}", 1))
    (tmp_path / "sshd").mkdir()
    with running_sshd(cli, tmp_path / "sshd") as host:
        bundle = place.generator(target=target.name)
        options = ("--executor", "ssh:box", "--ssh-config", host.config(), "--out", tmp_path / "s.tar.zst")
        made = place.result("snapshot", bundle, *options)
        assert made["steps"]["snap-1.0.0"]["duration_s"] < 30
        assert list(host.tmp_dir.iterdir()) == []
    assert not running("stay-71825")
