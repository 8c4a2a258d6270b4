"""Published packages through a real Cargo: from a registry served on the loopback interface, and from the real one."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import http.server
import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import IntegrityError, NetworkError, SourceError
from pipeline.model.events import NullReporter
from pipeline.model.spec.origins import RegistrySource
from pipeline.stages.building import source
from pipeline.stages.building.source import SourceInputs, SourceTree

from .crates import packed_crate

CARGO = os.environ.get("SNAPSTITCH_TEST_CARGO") or shutil.which("cargo")
pytestmark = pytest.mark.usefixtures("cargo_program")  # which fails where there is no Cargo
LOCK = '[[package]]\nname = "snapapp"\n'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Registry:
    """A sparse registry in a directory, its address, and a Cargo home that uses it instead of crates.io."""

    root: Path
    url: str
    home: Path

    def publish(self, name: str, version: str, *, checksum: str | None = None) -> str:
        content = crate(name, version)
        digest = hashlib.sha256(content).hexdigest()
        (self.root / "dl").mkdir(exist_ok=True)
        (self.root / "dl" / f"{name}-{version}.crate").write_bytes(content)
        entry = {
            "name": name,
            "vers": version,
            "deps": [],
            "cksum": checksum or digest,
            "features": {},
            "yanked": False,
        }
        index = self.root / "index" / name[:2] / name[2:4] / name
        index.parent.mkdir(parents=True, exist_ok=True)
        with index.open("a") as stream:
            stream.write(json.dumps(entry) + "\n")
        return digest


def crate(name: str, version: str) -> bytes:
    files = {
        "Cargo.toml": f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\n',
        "Cargo.lock": LOCK,
        "src/main.rs": "fn main() {}\n",
    }
    return packed_crate(name, version, files)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    root = tmp_path / "registry"
    root.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(root))) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        (root / "index").mkdir()
        (root / "index" / "config.json").write_text(json.dumps({"dl": url + "/dl/{crate}-{version}.crate"}))
        home = tmp_path / "cargo-home"
        home.mkdir()
        (home / "config.toml").write_text(
            '[source.crates-io]\nreplace-with = "loopback"\n'
            f'[source.loopback]\nregistry = "sparse+{url}/index/"\n[net]\nretry = 0\n'
        )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield Registry(root=root, url=url, home=home)
        finally:
            server.shutdown()
            thread.join()


def get(
    tmp_path: Path,
    version: str,
    *,
    home: Path | None,
    name: str = "snapapp",
    offline: bool = False,
    pin: str | None = None,
) -> SourceTree:
    environ = dict(os.environ) | ({"CARGO_HOME": str(home)} if home else {})
    inputs = SourceInputs(
        source=RegistrySource(kind="registry", package=name, version=version), cargo=Path(CARGO or ""), sha256=pin
    )
    context = Context(cache_dir=tmp_path / "cache", reporter=NullReporter(), environ=environ, offline=offline)
    return source.run(inputs, context)


def test_a_package_comes_with_its_lock_through_the_users_registry(tmp_path: Path, registry: Registry) -> None:
    digest = registry.publish("snapapp", "1.2.3")
    tree = get(tmp_path, "1.2.3", home=registry.home)
    assert tree == SourceTree(
        path=tmp_path / "cache" / "sources" / f"snapapp-1.2.3-{digest[:16]}" / "snapapp-1.2.3",
        digest=digest,
        revision="1.2.3",
    )
    assert (tree.path / "Cargo.lock").read_text() == LOCK
    assert sorted(path.name for path in registry.home.iterdir()) == ["config.toml"]
    assert sorted(path.name for path in (tmp_path / "cache" / "sources").iterdir()) == [
        ".snapapp-1.2.3.lock",
        f"snapapp-1.2.3-{digest[:16]}",
    ]


def test_a_package_that_was_fetched_serves_offline(tmp_path: Path, registry: Registry) -> None:
    registry.publish("snapapp", "1.2.3")
    first = get(tmp_path, "1.2.3", home=registry.home)
    shutil.rmtree(registry.root / "dl")
    assert get(tmp_path, "1.2.3", home=registry.home, offline=True) == first


def test_an_unknown_version_names_near_ones(tmp_path: Path, registry: Registry) -> None:
    for version in ("1.0.0", "1.9.0", "1.10.0", "1.10.1", "2.0.0", "2.1.0", "3.0.0-rc.1", "3.0.0"):
        registry.publish("snapapp", version)
    with pytest.raises(SourceError) as caught:
        get(tmp_path, "1.10.7", home=registry.home)
    assert str(caught.value) == (
        "error: the registry has no snapapp 1.10.7; near ones are 1.9.0, 1.10.0, 1.10.1, 2.0.0, 2.1.0, "
        "3.0.0-rc.1, 3.0.0\n"
        "  usual cause: the version was never published as a package, or the mirror is behind\n"
        "  what to do:  choose one of these in releases.toml"
    )


def test_an_unknown_package(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(SourceError, match="the registry has no package 'snapapp'"):
        get(tmp_path, "1.0.0", home=registry.home)


def test_an_altered_package_is_refused_and_not_kept(tmp_path: Path, registry: Registry) -> None:
    registry.publish("snapapp", "1.2.3", checksum="0" * 64)
    with pytest.raises(IntegrityError) as caught:
        get(tmp_path, "1.2.3", home=registry.home)
    assert caught.value.what == "snapapp 1.2.3 is not what the registry's checksum says"
    assert [path.name for path in (tmp_path / "cache" / "sources").iterdir()] == [".snapapp-1.2.3.lock"]


def test_a_pin_that_does_not_fit(tmp_path: Path, registry: Registry) -> None:
    digest = registry.publish("snapapp", "1.2.3")
    assert get(tmp_path, "1.2.3", home=registry.home, pin=digest).digest == digest
    with pytest.raises(IntegrityError) as caught:
        get(tmp_path, "1.2.3", home=registry.home, pin="1" * 64)
    assert caught.value.what == f"snapapp 1.2.3 has the SHA-256 {digest} instead of {'1' * 64}"


def test_a_registry_in_trouble(tmp_path: Path, registry: Registry) -> None:
    registry.publish("snapapp", "1.2.3")
    (registry.home / "config.toml").write_text(
        '[source.crates-io]\nreplace-with = "gone"\n[source.gone]\nregistry = "sparse+http://127.0.0.1:9/"\n'
        "[net]\nretry = 0\n"
    )
    with pytest.raises(NetworkError) as caught:
        get(tmp_path, "1.2.3", home=registry.home)
    assert caught.value.what == "Cargo cannot fetch snapapp 1.2.3"


def test_a_version_that_is_not_exact(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="'snapapp' '1' is no package of a registry"):
        get(tmp_path, "1", home=None)


@pytest.mark.network
def test_deno_as_published(tmp_path: Path) -> None:
    tree = get(tmp_path, "2.4.5", home=None, name="deno")
    assert tree.digest == "cb1965590d1025d56494aaed268ce2a3dfa151581f39bd4d0fd5f8df7d24f0ac"
    assert 'name = "deno_snapshots"' in (tree.path / "Cargo.lock").read_text()
