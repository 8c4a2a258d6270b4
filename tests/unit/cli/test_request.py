"""From options to a request."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pipeline.cli.option_values import parse_check, parse_probe, parse_v8
from pipeline.cli.request import RequestOptions, make_request, make_requests, request_options
from pipeline.errors import PipelineError, UsageError
from pipeline.model.build import BuildRequest
from pipeline.model.spec.origins import PathSource, PrebuiltVm, SourceVm, SystemVm, VmProvider
from pipeline.model.spec.runtime_parts import Canary

SPEC = """\
schema = 1
default-runtime = "app"
[targets.arm64]
suite = "bookworm"
[runtimes.app]
source = { kind = "path", path = "sources" }
[runtimes.other]
source = { kind = "path", path = "others" }
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "releases.toml").write_text(SPEC)
    (tmp_path / "a workspace").mkdir()
    return tmp_path


def parse(*arguments: str) -> RequestOptions:
    """Return what the options are after click has read them."""
    kept: list[RequestOptions] = []

    @click.command()
    @request_options
    def command(options: RequestOptions) -> None:
        kept.append(options)

    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return kept[0]


def request(place: Path, *arguments: str) -> BuildRequest:
    return make_request(parse(*arguments), start_dir=place)


def test_a_runtime_of_the_specification(place: Path) -> None:
    made = request(place, "--target", "arm64")
    assert (made.name, made.workspace_dir, made.out_dir) == ("app", place / "sources", place / "dist")
    assert [(wanted.target.name, wanted.suite) for wanted in made.targets] == [("arm64", "bookworm")]
    assert (made.toolchain, made.executor) == ("auto", "auto")


def test_several_runtimes_are_several_requests(place: Path) -> None:
    options = parse("--target", "arm64", "--runtime", "app", "--runtime", "other", "--runtime", "app")
    assert [made.name for made in make_requests(options, start_dir=place)] == ["app", "other"]
    with pytest.raises(UsageError, match="one --version for several runtimes"):
        make_requests(dataclasses.replace(options, version="1.2"), start_dir=place)
    with pytest.raises(UsageError, match="several runtimes at once"):
        make_request(options, start_dir=place)


def test_the_specification_is_found_from_below(place: Path) -> None:
    assert request(place / "a workspace").workspace_dir == place / "sources"


def test_a_directory_needs_nothing_else(place: Path) -> None:
    made = request(place, "--path", "a workspace", "-t", "arm64")
    assert made.name is None
    assert made.workspace_dir == place / "a workspace"
    assert made.runtime.vm_crate == "v8"
    assert made.runtime.v8 == SystemVm(kind="system", packages=("libnode-dev",))
    assert made.runtime.canaries == ()
    assert made.targets[0].suite == "bookworm"


def test_a_directory_without_any_specification(tmp_path: Path) -> None:
    made = request(tmp_path, "--path", ".", "-t", "arm64")
    assert (made.workspace_dir, made.targets[0].suite) == (tmp_path, None)


def test_everything_about_a_directory(place: Path) -> None:
    made = request(
        place, "--path", "a workspace", "--package", "app", "--vm-crate", "vm", "--bin", "a", "--bin", "b",
        "--features", "x,y z", "--features", "w", "--no-default-features", "--profile", "dist", "--env", "A=b=c",
        "--system-package", "libvm-dev", "--check", "eval 'print(6 * 7)' => 42", "--timeout", "7.5",
        "--out", "/out", "--toolchain", "private", "--executor", "qemu", "--suite", "trixie", "--glibc", "2.38",
    )  # fmt: skip
    runtime = made.runtime
    assert runtime.source == PathSource(kind="path", path=place / "a workspace")
    assert (made.name, runtime.package, runtime.vm_crate, runtime.binaries) == ("app", "app", "vm", ("a", "b"))
    assert (runtime.features, runtime.default_features, runtime.profile) == (("x", "y", "z", "w"), False, "dist")
    assert (runtime.env, runtime.generator_timeout_s) == ({"A": "b=c"}, 7.5)
    assert runtime.v8 == SystemVm(kind="system", packages=("libvm-dev",))
    assert runtime.canaries == (Canary(args=("eval", "print(6 * 7)"), stdout_contains="42"),)
    assert (made.out_dir, made.toolchain, made.executor) == (Path("/out"), "private", "qemu")
    assert {(wanted.suite, wanted.glibc) for wanted in made.targets} == {("trixie", "2.38")}


@pytest.mark.parametrize(
    ("arguments", "what", "action"),
    [
        (["--package", "x", "--strip-me"][:2], "--package only goes with --path",
         "add --path DIR, or set the same in releases.toml for a runtime"),
        (["--vm-crate", "x", "--features", "y"], "--vm-crate, --features only goes with --path",
         "add --path DIR, or set the same in releases.toml for a runtime"),
        (["--path", "a workspace", "--runtime", "app"], "--runtime and --path exclude each other",
         "leave one of them out"),
        (["--path", "nowhere"], "--path nowhere is not a directory", "name the directory of a Cargo workspace"),
        (["--path", "a workspace", "--env", "A"], "--env 'A' is not NAME=VALUE", "such as --env CC_FLAGS=-O2"),
        (["--path", "a workspace", "--check", "eval 1"], "--check 'eval 1' is not ARGS=>TEXT",
         "such as --check \"eval 'print(6*7)' => 42\""),
        (["--path", "a workspace", "--check", "eval '1 => 2"], "--check \"eval '1 => 2\": No closing quotation",
         "close every quote"),
        (["--path", "a workspace", "--env", "TARGET=x"], "env: Cargo sets TARGET for build scripts itself",
         "see `python -m pipeline build --help`"),
        (["--path", "a workspace", "--bin", "a", "--bin", "a"], "binaries: 'a' is given more than once",
         "see `python -m pipeline build --help`"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit(place: Path, arguments: list[str], what: str, action: str) -> None:
    with pytest.raises(UsageError) as caught:
        request(place, *arguments)
    assert str(caught.value) == (
        f"error: {what}\n  usual cause: the options do not fit together\n  what to do:  {action}"
    )


def test_a_check_keeps_its_arrows() -> None:
    assert parse_check("eval 'x = y' => a => b").stdout_contains == "a => b"


def test_a_specification_elsewhere(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    made = request(elsewhere, "--spec", str(place / "releases.toml"))
    assert (made.workspace_dir, made.out_dir) == (place / "sources", elsewhere / "dist")


def test_a_mistake_in_the_specification_is_told_even_with_a_directory(place: Path) -> None:
    (place / "releases.toml").write_text("schema = 2\n")
    with pytest.raises(PipelineError, match=r"releases\.toml has 1 mistake"):
        request(place, "--path", "a workspace")


@pytest.mark.parametrize(
    ("text", "provider"),
    [
        ("system", SystemVm(kind="system")),
        ("system:libvm-dev,libz-dev", SystemVm(kind="system", packages=("libvm-dev", "libz-dev"))),
        ("prebuilt", PrebuiltVm(kind="prebuilt")),
        ("prebuilt:mirror", PrebuiltVm(kind="prebuilt", mirror="/start/mirror")),
        ("prebuilt:/mirror", PrebuiltVm(kind="prebuilt", mirror="/mirror")),
        ("prebuilt:http://127.0.0.1:8/v8", PrebuiltVm(kind="prebuilt", mirror="http://127.0.0.1:8/v8")),
        ("source", SourceVm(kind="source")),
    ],
)
def test_a_vm_from_elsewhere(text: str, provider: VmProvider) -> None:
    assert parse_v8(text, start_dir=Path("/start")) == provider


def test_a_vm_from_nowhere(place: Path) -> None:
    with pytest.raises(UsageError) as caught:
        request(place, "--v8", "prebuild:/mirror", "-t", "arm64")
    assert str(caught.value) == (
        "error: --v8 'prebuild:/mirror' is none of system, prebuilt, source\n"
        "  usual cause: the options do not fit together\n"
        "  what to do:  such as --v8 prebuilt:/my/mirror"
    )


def test_another_profile_for_a_runtime(place: Path) -> None:
    assert request(place, "--profile", "dist").runtime.profile == "dist"
    assert request(place, "--path", "a workspace", "--profile", "dist").runtime.profile == "dist"


def test_arguments_of_a_probe_are_split_like_a_shell() -> None:
    assert parse_probe("eval '6 * 7'").args == ("eval", "6 * 7")
    with pytest.raises(UsageError, match=r'--probe "eval \'6": No closing quotation'):
        parse_probe("eval '6")
