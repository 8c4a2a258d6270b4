"""Which version of a runtime is meant, and what it changes."""

from __future__ import annotations

import pytest

from pipeline.errors import UnknownNameError, UsageError
from pipeline.model.spec.origins import GitSource, PathSource, PrebuiltVm, RegistrySource, SourceVm
from pipeline.model.spec.runtime_parts import VersionSpec
from pipeline.model.spec.selection import Selection, resolve
from pipeline.model.spec.tables import RuntimeSpec, Spec
from pipeline.model.spec.versions import at_version
from tests.unit.model.spec.test_selection import BASE, OUT

APP = RuntimeSpec(
    source=RegistrySource(kind="registry", package="app", version="1.9.0"),
    targets=("arm64",),
    v8=PrebuiltVm(kind="prebuilt"),
    accept_lost_features=("old/one",),
    profiles={"fast": {"opt-level": 1}, "release": {"lto": True}},
    versions=(
        VersionSpec(version="1.8.5"),
        VersionSpec(
            version="1.10.0",
            rust="1.95",
            v8=SourceVm(kind="source"),
            accept_lost_features=(),
            profiles={"release": {"lto": "thin"}},
        ),
        VersionSpec(version="2.0.0", buildable=False),
    ),
)


def test_the_newest_that_can_be_built() -> None:
    chosen = at_version("app", APP, None)
    assert isinstance(chosen.source, RegistrySource)
    assert chosen.source.version == "1.10.0"


def test_what_a_version_says_and_what_it_leaves_out() -> None:
    chosen = at_version("app", APP, "1.10.0")
    assert (chosen.rust, chosen.v8, chosen.accept_lost_features) == ("1.95", SourceVm(kind="source"), ())
    assert chosen.profiles == {"fast": {"opt-level": 1}, "release": {"lto": "thin"}}
    assert chosen.targets == ("arm64",)


def test_the_runtimes_own_version_is_as_it_is() -> None:
    assert at_version("app", APP, "1.9.0") == APP


def test_one_that_cannot_be_built_can_be_named() -> None:
    chosen = at_version("app", APP, "2.0.0")
    assert isinstance(chosen.source, RegistrySource)
    assert (chosen.source.version, chosen.accept_lost_features) == ("2.0.0", ("old/one",))


def test_an_unknown_version() -> None:
    with pytest.raises(UnknownNameError) as error:
        at_version("app", APP, "1.10.1")
    assert str(error.value) == (
        "error: releases.toml does not describe version 1.10.1 of app; did you mean '1.10.0'?\n"
        "  usual cause: each version needs its own facts: what lifting it may leave out, its profiles, "
        "the Rust that it wants\n"
        "  what to do:  choose one of 1.8.5, 1.9.0, 1.10.0, 2.0.0, or add the version to [[runtimes.app.versions]]"
    )


def test_a_commit_without_a_version_is_the_only_one() -> None:
    runtime = RuntimeSpec(source=GitSource(kind="git", url="https://example.com/app", rev="a" * 40))
    assert at_version("app", runtime, None) == runtime
    with pytest.raises(UsageError) as error:
        at_version("app", runtime, "1.0.0")
    assert str(error.value) == (
        "error: app has no versions to choose from\n"
        "  usual cause: its sources are of kind 'git', and nothing says which version they are\n"
        "  what to do:  leave the version out"
    )


@pytest.mark.parametrize(
    ("runtime", "version", "expected"),
    [("app", None, "1.10.0"), ("app@1.8.5", None, "1.8.5"), ("app", "2.0.0", "2.0.0"), ("app@1.9.0", "1.9.0", "1.9.0")],
)
def test_a_request_for_a_version(runtime: str, version: str | None, expected: str) -> None:
    spec = Spec(schema_version=1, runtimes={"app": APP})
    request = resolve(spec, Selection(runtime=runtime, version=version, out_dir=OUT), base_dir=BASE)
    assert isinstance(request.runtime.source, RegistrySource)
    assert (request.name, request.runtime.source.version) == ("app", expected)


def test_two_versions_at_once() -> None:
    spec = Spec(schema_version=1, runtimes={"app": APP})
    with pytest.raises(UsageError) as error:
        resolve(spec, Selection(runtime="app@1.9.0", version="2.0.0", out_dir=OUT), base_dir=BASE)
    assert str(error.value) == (
        "error: which version of app is meant, 1.9.0 or 2.0.0?\n"
        "  usual cause: --runtime and --version name two\n"
        "  what to do:  leave one of them out"
    )


def test_no_version_behind_the_at() -> None:
    spec = Spec(schema_version=1, runtimes={"app": APP})
    with pytest.raises(UsageError) as error:
        resolve(spec, Selection(runtime="app@", out_dir=OUT), base_dir=BASE)
    assert str(error.value) == (
        "error: which version of app is meant?\n"
        "  usual cause: there is nothing behind the @\n"
        "  what to do:  write app@VERSION, or leave the @ out"
    )


def test_versions_of_a_spec_are_told_apart() -> None:
    with pytest.raises(ValueError, match=r"version '1\.9\.0' is described more than once"):
        RuntimeSpec(source=APP.source, targets=("arm64",), versions=(VersionSpec(version="1.9.0"),))
    with pytest.raises(
        ValueError, match=r"'versions' need 'source\.version', which says what the runtime's own 'rev' is"
    ):
        RuntimeSpec(
            source=GitSource(kind="git", url="https://example.com/app", rev="a" * 40),
            versions=(VersionSpec(version="1.0.0"),),
        )
    with pytest.raises(
        ValueError, match="'versions' are for a source of kind 'registry' or 'git': a directory has one"
    ):
        RuntimeSpec(source=PathSource(kind="path", path=BASE), versions=(VersionSpec(version="1.0.0"),))


def test_versions_of_a_repository_have_a_commit_each() -> None:
    source = GitSource(kind="git", url="https://example.com/app", rev="a" * 40, version="1.0.0")
    newer = VersionSpec(version="1.1.0", rev="b" * 40, rust="1.90")
    runtime = RuntimeSpec(source=source, versions=(newer, VersionSpec(version="0.9.0", rev="c" * 40)))
    chosen = at_version("app", runtime, None)
    assert chosen.source == source.model_copy(update={"version": "1.1.0", "rev": "b" * 40})
    assert chosen.rust == "1.90"
    assert at_version("app", runtime, "1.0.0") == runtime
    with pytest.raises(ValueError, match=r"version '1\.2\.0' needs a 'rev'"):
        RuntimeSpec(source=source, versions=(VersionSpec(version="1.2.0"),))
    with pytest.raises(ValueError, match=r"version '1\.2\.0' has a 'rev'"):
        RuntimeSpec(source=APP.source, targets=("arm64",), versions=(VersionSpec(version="1.2.0", rev="b" * 40),))
