"""How npm is called, and what its failures mean; npm itself runs in tests/integration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.errors import IntegrityError, NetworkError, PrebuildError, SourceError
from pipeline.model.events import NullReporter
from pipeline.sources.npm import Npm, NpmPackage, ensure_package, npm_environment, pack


def npm(tmp_path: Path, script: str) -> Npm:
    """Return an npm that is a shell script, whose first argument is the name of npm's own script."""
    program = tmp_path / "bin" / "node"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\nshift\n{script}\n")
    program.chmod(0o755)
    return Npm(node=program, cli=tmp_path / "npm-cli.js")


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(cache_dir=tmp_path / "cache", reporter=NullReporter(), environ={"PATH": "/usr/bin:/bin"})


def lock(name: str, integrity: str) -> str:
    return json.dumps({"packages": {f"node_modules/{name}": {"integrity": integrity}}})


def test_the_users_settings_reach_npm_and_secrets_of_others_do_not() -> None:
    environ = {
        "HOME": "/home/me", "PATH": "/bin", "npm_config_registry": "https://example.org", "NPM_CONFIG_CAFILE": "/ca",
        "NODE_EXTRA_CA_CERTS": "/ca", "GITHUB_TOKEN": "secret", "NODE_OPTIONS": "--require evil",
    }  # fmt: skip
    found = npm_environment(environ, Path("/node/bin"))
    assert found["PATH"] == "/node/bin:/bin"
    assert {name: found[name] for name in ("npm_config_registry", "NPM_CONFIG_CAFILE", "NODE_EXTRA_CA_CERTS")}
    assert not {"GITHUB_TOKEN", "NODE_OPTIONS"} & set(found)


def test_a_package_is_fetched_once(tmp_path: Path, context: Context) -> None:
    fetched = tmp_path / "fetched"
    script = f"""echo "$@" >> '{fetched}'; echo '{lock("a", "sha512-x")}' > package-lock.json"""
    package = NpmPackage(name="a", version="1.0.0", dependencies={"b": "2.0.0"})
    first = ensure_package(package, npm(tmp_path, script), context)
    assert ensure_package(package, npm(tmp_path, "exit 1"), context) == first
    (line,) = fetched.read_text().splitlines()
    assert line.startswith("install --ignore-scripts ")
    assert line.endswith(" a@1.0.0 b@2.0.0")


def test_offline_is_passed_on(tmp_path: Path, context: Context) -> None:
    command = npm(tmp_path, "").command(
        Context(cache_dir=tmp_path, reporter=NullReporter(), environ={}, offline=True), tmp_path, "install"
    )
    assert command.argv[-1] == "--offline"
    assert npm(tmp_path, "").command(context, tmp_path, "install").argv[-1] == "install"


def test_another_package_than_described(tmp_path: Path, context: Context) -> None:
    package = NpmPackage(name="a", version="1.0.0", integrity="sha512-right")
    with pytest.raises(IntegrityError) as caught:
        ensure_package(package, npm(tmp_path, f"echo '{lock('a', 'sha512-other')}' > package-lock.json"), context)
    assert str(caught.value) == (
        "error: a 1.0.0 is not the one that is described: sha512-other, not sha512-right\n"
        "  usual cause: the registry, or a proxy before it, has another package under this name and version\n"
        "  what to do:  find out why; correct `integrity` in releases.toml only if the new one is to be trusted"
    )
    assert [path.name for path in (tmp_path / "cache/npm").iterdir() if not path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("code", "error", "what"),
    [
        ("E404", SourceError, "npm finds no a 1.0.0, or no package that it is compiled with"),
        ("ETARGET", SourceError, "npm finds no a 1.0.0, or no package that it is compiled with"),
        ("EINTEGRITY", IntegrityError, "what npm got for a 1.0.0 is not what the registry says"),
        ("ENOTFOUND", NetworkError, "npm cannot get a 1.0.0"),
        ("SELF_SIGNED_CERT_IN_CHAIN", NetworkError, "npm cannot get a 1.0.0"),
    ],
)
def test_what_failures_mean(
    tmp_path: Path, context: Context, code: str, error: type[NetworkError | SourceError | IntegrityError], what: str
) -> None:
    with pytest.raises(error) as caught:
        ensure_package(
            NpmPackage(name="a", version="1.0.0"), npm(tmp_path, f"echo npm error code {code} >&2; exit 1"), context
        )
    assert caught.value.what == what
    assert f"npm error code {code}" in caught.value.details
    assert "install --ignore-scripts" in caught.value.action


def test_what_npm_does_not_pack(tmp_path: Path, context: Context) -> None:
    with pytest.raises(PrebuildError) as caught:
        pack(tmp_path, tmp_path / "out", npm(tmp_path, "echo npm error Invalid version >&2; exit 1"), context)
    assert caught.value.what == f"npm cannot pack {tmp_path}"
    assert "Invalid version" in caught.value.details
