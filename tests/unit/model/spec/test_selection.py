"""From what was asked for to the request for a build."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import UnknownNameError, UsageError
from pipeline.model.build import TargetRequest
from pipeline.model.spec.origins import GitSource, PathSource, PrebuiltVm, RegistrySource, SourceVm, SystemVm
from pipeline.model.spec.selection import Selection, resolve
from pipeline.model.spec.tables import RuntimeSpec, Spec, TargetSpec
from pipeline.model.target import find_target

BASE = Path("/project")
OUT = Path("/out")
APP = RuntimeSpec(source=PathSource(kind="path", path=Path("app")), targets=("arm64", "armhf"))
OTHER = RuntimeSpec(source=PathSource(kind="path", path=Path("/elsewhere")))
SPEC = Spec(
    schema_version=1,
    default_runtime="app",
    runtimes={"app": APP, "other": OTHER},
    targets={"arm64": TargetSpec(suite="bookworm", glibc="2.36")},
)


def test_the_default_runtime_for_all_its_targets() -> None:
    request = resolve(SPEC, Selection(out_dir=OUT), base_dir=BASE)
    placed = APP.model_copy(update={"source": PathSource(kind="path", path=Path("/project/app"))})
    assert (request.name, request.runtime, request.workspace_dir) == ("app", placed, Path("/project/app"))
    assert request.targets == (
        TargetRequest(target=find_target("arm64"), suite="bookworm", glibc="2.36"),
        TargetRequest(target=find_target("armhf")),
    )
    assert request.out_dir == OUT


def test_a_named_runtime_with_an_absolute_path() -> None:
    request = resolve(SPEC, Selection(out_dir=OUT, runtime="other", targets=("s390x",)), base_dir=BASE)
    assert (request.name, request.workspace_dir) == ("other", Path("/elsewhere"))


def test_a_target_by_its_other_names_and_only_once() -> None:
    selection = Selection(out_dir=OUT, targets=("aarch64-unknown-linux-gnu", "linux/arm64", "arm64"))
    assert [wanted.target.name for wanted in resolve(SPEC, selection, base_dir=BASE).targets] == ["arm64"]


def test_another_suite() -> None:
    request = resolve(SPEC, Selection(out_dir=OUT, suite="trixie"), base_dir=BASE)
    assert [wanted.suite for wanted in request.targets] == ["trixie", "trixie"]


def sysroot(described: RuntimeSpec, **chosen: str) -> tuple[str | None, str | None]:
    """The suite and the newest glibc of an arm64 build."""
    selection = Selection(out_dir=OUT, ad_hoc=described, targets=("arm64",), **chosen)  # type: ignore[arg-type]
    (wanted,) = resolve(SPEC, selection, base_dir=BASE).targets
    return wanted.suite, wanted.glibc


def test_a_runtime_has_a_suite_of_its_own() -> None:
    assert sysroot(APP) == ("bookworm", "2.36")
    other = APP.model_copy(update={"suite": "bullseye"})
    assert sysroot(other) == ("bullseye", None), "the glibc of another suite says nothing"
    assert sysroot(other.model_copy(update={"glibc": "2.31"})) == ("bullseye", "2.31")
    assert sysroot(APP.model_copy(update={"glibc": "2.34"})) == ("bookworm", "2.34")


def test_the_command_line_comes_last() -> None:
    other = APP.model_copy(update={"suite": "bullseye", "glibc": "2.31"})
    assert sysroot(other, suite="trixie") == ("trixie", None)
    assert sysroot(other, suite="trixie", glibc="2.38") == ("trixie", "2.38")
    assert sysroot(other, glibc="2.28") == ("bullseye", "2.28")


def test_an_ad_hoc_runtime_needs_no_specification() -> None:
    selection = Selection(out_dir=OUT, ad_hoc=OTHER, targets=("amd64",), executor="qemu", toolchain="host")
    request = resolve(Spec(schema_version=1), selection, base_dir=BASE)
    assert (request.name, request.runtime) == (None, OTHER)
    assert (request.executor, request.toolchain) == ("qemu", "host")


def test_the_only_runtime_is_the_default() -> None:
    spec = Spec(schema_version=1, runtimes={"other": OTHER})
    assert resolve(spec, Selection(out_dir=OUT), base_dir=BASE).name == "other"


def test_unknown_runtime() -> None:
    with pytest.raises(UnknownNameError) as caught:
        resolve(SPEC, Selection(out_dir=OUT, runtime="othr"), base_dir=BASE)
    assert str(caught.value) == (
        "error: there is no runtime 'othr'; did you mean 'other'?\n"
        "  usual cause: a misspelt name, or a runtime that releases.toml does not describe\n"
        "  what to do:  choose one of app, other, or name a directory with --path"
    )


def test_no_default_among_several() -> None:
    spec = SPEC.model_copy(update={"default_runtime": None})
    with pytest.raises(UsageError) as caught:
        resolve(spec, Selection(out_dir=OUT), base_dir=BASE)
    assert str(caught.value) == (
        "error: which runtime is meant?\n"
        "  usual cause: releases.toml names no default-runtime\n"
        "  what to do:  choose one of app, other with --runtime"
    )


def test_nothing_to_build() -> None:
    with pytest.raises(UsageError) as caught:
        resolve(Spec(schema_version=1), Selection(out_dir=OUT), base_dir=BASE)
    assert str(caught.value) == (
        "error: there is no runtime to build\n"
        "  usual cause: there is no releases.toml here, or it is empty\n"
        "  what to do:  name a Cargo workspace with --path DIR"
    )


def test_a_target_that_the_runtime_is_not_for() -> None:
    with pytest.raises(UsageError) as caught:
        resolve(SPEC, Selection(out_dir=OUT, targets=("s390x",)), base_dir=BASE)
    assert str(caught.value) == (
        "error: this runtime is not for s390x\n"
        "  usual cause: releases.toml names its targets: arm64, armhf\n"
        "  what to do:  choose one of them, or add the target there"
    )


@pytest.mark.parametrize(
    "source",
    [
        RegistrySource(kind="registry", package="a", version="1"),
        GitSource(kind="git", url="u", rev="0" * 40),
    ],
)
def test_sources_that_are_fetched_have_no_directory_yet(source: RegistrySource | GitSource) -> None:
    runtime = OTHER.model_copy(update={"source": source})
    request = resolve(SPEC, Selection(out_dir=OUT, ad_hoc=runtime), base_dir=BASE)
    assert request.workspace_dir is None
    assert request.runtime.source == source


@pytest.mark.parametrize(
    ("mirror", "placed"),
    [("mirror", "/project/mirror"), ("/m", "/m"), ("https://example.org/m", "https://example.org/m")],
)
def test_a_mirror_directory_begins_at_the_file(mirror: str, placed: str) -> None:
    runtime = OTHER.model_copy(update={"v8": PrebuiltVm(kind="prebuilt", mirror=mirror)})
    request = resolve(SPEC, Selection(out_dir=OUT, ad_hoc=runtime), base_dir=BASE)
    assert request.runtime.v8 == PrebuiltVm(kind="prebuilt", mirror=placed)


def test_the_virtual_machine_and_the_profile_can_be_chosen_anew() -> None:
    chosen = Selection(out_dir=OUT, v8=SourceVm(kind="source"), profile="fast")
    request = resolve(SPEC, chosen, base_dir=BASE)
    assert (request.runtime.v8, request.runtime.profile) == (SourceVm(kind="source"), "fast")


def test_a_target_may_have_a_virtual_machine_of_its_own() -> None:
    general, own = PrebuiltVm(kind="prebuilt", mirror="m"), PrebuiltVm(kind="prebuilt", mirror="n")
    runtime = OTHER.model_copy(update={"v8": general, "v8_for": {"armhf": own, "s390x": SourceVm(kind="source")}})
    described = resolve(SPEC, Selection(out_dir=OUT, ad_hoc=runtime), base_dir=BASE).runtime
    assert described.vm_of("arm64") == PrebuiltVm(kind="prebuilt", mirror="/project/m")
    assert described.vm_of("armhf") == PrebuiltVm(kind="prebuilt", mirror="/project/n")
    assert described.vm_of("s390x") == SourceVm(kind="source")
    chosen = Selection(out_dir=OUT, ad_hoc=runtime, v8=SystemVm(kind="system", packages=("libx",)))
    asked = resolve(SPEC, chosen, base_dir=BASE).runtime
    assert (asked.vm_of("armhf"), asked.vm_packages("armhf")) == (chosen.v8, ("libx",))
