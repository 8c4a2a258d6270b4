"""The state of the private apt."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.apt.private import PrivateApt, parse_uris
from pipeline.apt.sources import Source
from pipeline.errors import ToolboxError
from pipeline.model.events import NullReporter


def apt_in(directory: Path, keyring: Path) -> PrivateApt:
    return PrivateApt(
        directory=directory,
        architecture="s390x",
        sources=(Source(uri="http://m.example.org/debian", suite="bookworm", components=("main",)),),
        keyrings=(keyring,),
        left_out=("gcc", "cpp"),
        environ=os.environ,
        reporter=NullReporter(),
    )


def test_what_apt_is_told(tmp_path: Path) -> None:
    keyring = tmp_path / "k.gpg"
    keyring.write_bytes(b"key")
    apt = apt_in(tmp_path / "a b", keyring)
    apt.prepare()
    config = apt.config_path.read_text()
    assert f'Dir "{tmp_path}/a b";' in config
    assert 'APT::Architecture "s390x";' in config
    # The machine's hooks would delete the machine's own files.
    assert "#clear APT::Update::Post-Invoke;" in config
    assert (apt.directory / "etc/apt/trusted.gpg.d/k.gpg").read_bytes() == b"key"
    status = (apt.directory / "var/lib/dpkg/status").read_text()
    assert [line for line in status.splitlines() if line.startswith("Package")] == ["Package: gcc", "Package: cpp"]
    assert list((apt.directory / "etc/apt/preferences.d").iterdir()) == []


def test_no_keyring(tmp_path: Path) -> None:
    with pytest.raises(ToolboxError) as caught:
        apt_in(tmp_path / "apt", tmp_path / "none.gpg").prepare()
    assert str(caught.value) == (
        f"error: cannot read the keyring {tmp_path}/none.gpg: No such file or directory\n"
        "  usual cause: the package with the archive's keys is not installed, or a setting names a wrong file\n"
        "  what to do:  install the distribution's keyring package, or set SNAPSTITCH_APT_KEYRING"
    )


def test_a_machine_without_apt(tmp_path: Path) -> None:
    apt = PrivateApt(
        directory=tmp_path,
        architecture="arm64",
        sources=(),
        keyrings=(),
        left_out=(),
        environ={"PATH": str(tmp_path)},
        reporter=NullReporter(),
    )
    with pytest.raises(ToolboxError) as caught:
        apt.resolve(["libc6-dev"])
    assert str(caught.value) == (
        "error: there is no apt-get on this machine\n"
        "  usual cause: the private toolbox is made with the machine's apt\n"
        "  what to do:  use Debian or Ubuntu, build in the toolchain image (--toolchain docker), "
        "or use installed tools (--toolchain host)"
    )


def test_lists_are_not_fresh_before_the_first_update(tmp_path: Path) -> None:
    apt = apt_in(tmp_path / "apt", tmp_path)
    assert not apt.updated_within(1e9)
    assert apt.failed_suites() == ()


def test_what_apt_would_fetch() -> None:
    text = (
        "'http://m/pool/q/qemu-user_7.2%2bdfsg-7%2bb3_amd64.deb' qemu-user_1%3a7.2+dfsg-7+b3_amd64.deb 12 SHA256:ab\n"
        "'http://m/pool/n/node-acorn_8.8.1_all.deb' node-acorn_8.8.1_all.deb 128252 SHA256:cd\n"
        "some other line\n"
    )
    first, second = parse_uris(text)
    assert (first.name, first.version, first.architecture) == ("node-acorn", "8.8.1", "all")
    assert (second.name, second.version, second.architecture) == ("qemu-user", "1:7.2+dfsg-7+b3", "amd64")
    assert second.uri == "http://m/pool/q/qemu-user_7.2%2bdfsg-7%2bb3_amd64.deb"
    assert (second.size_bytes, second.sha256) == (12, "ab")
