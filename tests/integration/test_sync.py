"""New versions in a registry on the loopback interface, asked by a real Cargo, and what releases.toml says then."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.processes import proc
from pipeline.sources import registry

from .command import Cli, Ended
from .crates import packed_crate
from .published import Shelf

pytestmark = pytest.mark.network  # the toolbox
PUBLISHED = {
    "1.0.0": "137.2.1", "1.1.0": "137.2.1", "1.2.0": "150.4.0", "1.3.0": "137.2.1", "2.0.0-rc.1": "137.2.1",
}  # fmt: skip
YANKED = "1.3.0"
# The cache knows packages by name and version, and outlives this file.
NAME = f"syncapp{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]}"
SPEC = """\
schema = 1
[runtimes.app]
# Why this one.
source = { kind = "registry", package = "@NAME@", version = "1.0.0" }
v8 = { kind = "source" }
targets = ["arm64"]
[runtimes.local]
source = { kind = "path", path = "." }
""".replace("@NAME@", NAME)


def crate(version: str, v8: str) -> bytes:
    files = {
        "Cargo.toml": f'[package]\nname = "{NAME}"\nversion = "{version}"\nedition = "2021"\nrust-version = "1.63"\n',
        "Cargo.lock": f'[[package]]\nname = "v8"\nversion = "{v8}"\n',
        "src/main.rs": "fn main() {}\n",
    }
    return packed_crate(NAME, version, files)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Yield a Cargo home that takes packages from a registry of five versions."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    root, home = tmp_path / "registry", tmp_path / "cargo-home"
    (root / "sy" / "nc").mkdir(parents=True)
    home.mkdir()
    entries = []
    for version, v8 in PUBLISHED.items():
        content = crate(version, v8)
        (root / f"{NAME}-{version}.crate").write_bytes(content)
        entry = {"name": NAME, "vers": version, "deps": [], "features": {}, "yanked": version == YANKED}
        entries.append(json.dumps({**entry, "cksum": hashlib.sha256(content).hexdigest()}) + "\n")
    (root / "sy" / "nc" / NAME).write_text("".join(entries))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(root))) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        (root / "config.json").write_text(json.dumps({"dl": url + "/{crate}-{version}.crate"}))
        (home / "config.toml").write_text(
            f'[source.crates-io]\nreplace-with = "loopback"\n[source.loopback]\nregistry = "sparse+{url}/"\n'
        )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield home
        server.shutdown()
        thread.join()


def sync(cli: Cli, home: Path, spec: Path, *options: str) -> Ended:
    return cli.run("sync", "--spec", spec, "--toolchain", "private", *options, env={"CARGO_HOME": str(home)})


def test_new_versions_are_described_once(cli: Cli, home: Path, tmp_path: Path) -> None:
    spec = tmp_path / "releases.toml"
    spec.write_text(SPEC)
    tried = sync(cli, home, spec, "--dry-run")
    assert (tried.exit_code, tried.result["changed"], tried.result["written"]) == (0, True, False), tried.stderr
    assert spec.read_text() == SPEC
    done = sync(cli, home, spec, "--runtime", "app", "--runtime", "app")
    assert [(item["version"], item["vm_version"], item["buildable"]) for item in done.result["versions"]] == [
        ("1.2.0", "150.4.0", False), ("1.1.0", "137.2.1", True),
    ]  # fmt: skip
    assert done.result["left_out"] == []
    text = spec.read_text()
    assert text == SPEC.replace(
        "[runtimes.local]",
        """
# Found by `sync`: v8 137.2.1.
[[runtimes.app.versions]]
version = "1.1.0"
buildable = true
rust = "1.63"

# Found by `sync`: v8 150.4.0.
# Not yet: for arm64: V8 of the v8 crate 150.4.0 is too new for the toolbox: it needs GN of 2026-09-16 or later, Clang
# 22 or later, and a Rust toolchain laid out as Chromium's.
[[runtimes.app.versions]]
version = "1.2.0"
buildable = false
rust = "1.63"

[runtimes.local]""",
    )
    again = sync(cli, home, spec)
    assert again.result["left_out"] == [{"runtime": "local", "reason": "its source is of kind path"}]
    assert (again.result["changed"], again.result["versions"], spec.read_text()) == (False, [], text)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--runtime", "ap"), "there is no runtime 'ap'"),
        (("--runtime", "local"), "local has nobody to ask for versions"),
        (("--since", "x"), "'x' is no version"),
    ],
)
def test_what_cannot_be_asked(cli: Cli, home: Path, tmp_path: Path, options: tuple[str, ...], what: str) -> None:
    spec = tmp_path / "releases.toml"
    spec.write_text(SPEC)
    ended = sync(cli, home, spec, *options)
    assert (ended.exit_code in {2, 4}, ended.result["error"]["what"]) == (True, what)


def test_a_registry_in_a_directory_shows_its_newest_version(cargo_program: Path, tmp_path: Path) -> None:
    shelf = Shelf.at(tmp_path)
    for version in ("1.0.0", "1.2.0"):
        manifest = f'[package]\nname = "{NAME}"\nversion = "{version}"\nedition = "2021"\n'
        shelf.publish({"x/Cargo.toml": manifest, "x/src/main.rs": "fn main() {}\n"})
    env = proc.base_environment(os.environ) | {"CARGO_HOME": str(shelf.cargo_home)}
    order = registry.CrateOrder(name=NAME, version="1.0.0", cargo=cargo_program, env=env)
    assert registry.published(order, tmp_path / "work") == (registry.Published(version="1.2.0"),)


GIT_SPEC = """\
schema = 1
[runtimes.app]
source = { kind = "git", url = "@URL@", rev = "@REV@", version = "1.0.0", tag = "app-{version}" }
v8 = { kind = "source" }
targets = ["arm64"]
"""


def git(directory: Path, *arguments: str) -> str:
    who = ("-c", "user.name=upstream", "-c", "user.email=upstream@example.org")
    argv = ["git", *who, "-C", str(directory), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with a tag for each version, annotated ones among them, and other tags."""
    directory = tmp_path / "upstream"
    (directory / "src").mkdir(parents=True)
    git(directory, "init", "--quiet")
    for version, v8 in (("1.0.0", "137.2.1"), ("1.1.0", "137.2.1"), ("1.2.0", "150.4.0"), ("2.0.0-rc.1", "137.2.1")):
        (directory / "Cargo.toml").write_text(
            f'[workspace]\nmembers = []\n[workspace.package]\nversion = "{version}"\nrust-version = "1.63"\n'
        )
        (directory / "Cargo.lock").write_text(f'[[package]]\nname = "v8"\nversion = "{v8}"\n')
        git(directory, "add", ".")
        git(directory, "commit", "--quiet", "-m", version)
        git(directory, "tag", *(("-a", "-m", "x") if version == "1.1.0" else ()), f"app-{version}")
    git(directory, "tag", "v9.0.0")
    git(directory, "tag", "app-nightly")
    return directory


@pytest.fixture
def served(repository: Path, tmp_path: Path) -> Iterator[str]:
    """Yield the address at which git's own daemon serves the repository."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path / "daemon.log"
    with log.open("wb") as out:
        daemon = subprocess.Popen(
            ["git", "daemon", "--listen=127.0.0.1", f"--port={port}", f"--base-path={repository.parent}",
             "--export-all", "--reuseaddr", "--log-destination=stderr", "--verbose", str(repository)],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while "Ready to rumble" not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        yield f"git://127.0.0.1:{port}/{repository.name}"
        daemon.terminate()
        daemon.wait()


def test_new_tags_of_a_repository_are_described_with_their_commits(
    cli: Cli, home: Path, repository: Path, served: str, tmp_path: Path
) -> None:
    spec = tmp_path / "releases.toml"
    first = git(repository, "rev-parse", "app-1.0.0")
    spec.write_text(GIT_SPEC.replace("@URL@", served).replace("@REV@", first))
    done = sync(cli, home, spec)
    assert [(item["version"], item["rev"], item["buildable"], item["rust"]) for item in done.result["versions"]] == [
        ("1.2.0", git(repository, "rev-parse", "app-1.2.0"), False, "1.63"),
        # Not the tag's own name: what it points at.
        ("1.1.0", git(repository, "rev-parse", "app-1.1.0^{commit}"), True, "1.63"),
    ]
    text = spec.read_text()
    assert f'rev = "{git(repository, "rev-parse", "app-1.1.0^{commit}")}"' in text
    again = sync(cli, home, spec)
    assert (again.result["changed"], spec.read_text()) == (False, text)


def test_a_repository_that_is_not_there(cli: Cli, home: Path, tmp_path: Path) -> None:
    spec = tmp_path / "releases.toml"
    spec.write_text(GIT_SPEC.replace("@URL@", f"file://{tmp_path}/none.git").replace("@REV@", "a" * 40))
    ended = sync(cli, home, spec)
    assert (ended.exit_code, ended.result["error"]["what"]) == (
        28, f"git cannot take its tags from file://{tmp_path}/none.git",
    )  # fmt: skip
