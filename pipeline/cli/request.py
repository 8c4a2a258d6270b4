"""The options of ``build`` and ``plan``, and the request that they make together with ``releases.toml``."""

from __future__ import annotations

import dataclasses
import functools
import re
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import pydantic

from pipeline.cli.completion import target_names
from pipeline.cli.option_values import misfit, parse_assignment, parse_check, parse_glibc, parse_v8
from pipeline.cli.spec_file import SpecFile, load_spec
from pipeline.errors import UsageError
from pipeline.model.build import BuildRequest, ToolchainMode
from pipeline.model.spec.origins import PathSource, SystemVm
from pipeline.model.spec.selection import Selection, parse_executor, resolve
from pipeline.model.spec.tables import DEFAULT_VM_CRATE, BuildStrategy, RuntimeSpec
from pipeline.sources.patches import require_directory, require_runtimes

DEFAULT_OUT_DIR = Path("dist")
EXECUTORS = "auto, native, qemu, docker, ssh:[user@]host[:port]"
"""What --executor takes."""
PATCHES_DIR_NAME = "patches"
"""Beside ``releases.toml``."""
_FEATURE_SEPARATORS = re.compile(r"[ ,]+")

SNAPSHOT_FILES = click.Path(exists=True, dir_okay=False, path_type=Path)

Verb = TypeVar("Verb", bound=Callable[..., Any])


@dataclasses.dataclass(frozen=True, kw_only=True)
class RequestOptions:
    """The options as they were given; None and empty mean: not given."""

    target: tuple[str, ...]
    runtime: tuple[str, ...]
    version: str | None
    path: Path | None
    package: str | None
    vm_crate: str | None
    bin: tuple[str, ...]
    features: tuple[str, ...]
    no_default_features: bool
    profile: str | None
    strategy: BuildStrategy | None
    v8: str | None
    env: tuple[str, ...]
    system_package: tuple[str, ...]
    check: tuple[str, ...]
    timeout: float | None
    suite: str | None
    glibc: str | None
    out: Path
    toolchain: ToolchainMode
    patches: Path | None
    no_patches: bool
    executor: str
    remote_run: str
    ssh_config: Path | None
    include: tuple[Path, ...]
    spec: Path | None


_AD_HOC_ONLY = (
    "package", "vm_crate", "bin", "features", "no_default_features", "env", "system_package", "check",
    "timeout",
)  # fmt: skip


def only_snapshot(_context: click.Context, _parameter: click.Parameter, given: tuple[Path, ...]) -> Path | None:
    """Return the one snapshot bundle that was *given*.

    Raises UsageError for two: a build has one snapshot of each generator, and which one is not to be guessed.
    """
    if len(given) > 1:
        raise UsageError(
            f"two snapshots for one build: {given[0]} and {given[1]}",
            cause="a bundle holds the snapshots of all generators, those of earlier rounds included",
            action="name the one that was made last",
        )
    return given[0] if given else None


def request_options(verb: Verb) -> Verb:
    """Add the options that say what to build, as one value named *options*."""

    @functools.wraps(verb)
    def with_options(**values: Any) -> Any:  # noqa: ANN401 - click hands over whatever the options are
        names = [field.name for field in dataclasses.fields(RequestOptions)]
        given = {name: values.pop(name) for name in names}
        return verb(options=RequestOptions(**given), **values)

    decorated: Any = with_options
    for option in reversed(_options()):
        decorated = option(decorated)
    return typing.cast("Verb", decorated)


def make_request(options: RequestOptions, *, start_dir: Path) -> BuildRequest:
    """Return the request; relative paths on the command line begin at *start_dir*.

    Raises UsageError, also for several runtimes, SpecError, UnknownNameError, UnsupportedError.
    """
    if len(options.runtime) > 1:
        raise misfit("several runtimes at once", "give one --runtime; `build` takes several")
    (request,) = make_requests(options, start_dir=start_dir)
    return request


def make_requests(options: RequestOptions, *, start_dir: Path) -> tuple[BuildRequest, ...]:
    """Return one request for each runtime that was given, each once; else what `make_request` does, and raises."""
    runtimes = tuple(dict.fromkeys(options.runtime))
    if len(runtimes) > 1 and options.version:
        raise misfit("one --version for several runtimes", "give --runtime NAME@VERSION")
    return tuple(_request(options, runtime, start_dir=start_dir) for runtime in runtimes or (None,))


def _request(options: RequestOptions, runtime: str | None, *, start_dir: Path) -> BuildRequest:
    ad_hoc = _ad_hoc(options, start_dir)
    file = load_spec(options.spec, start_dir=start_dir)
    executor, host = parse_executor(options.executor, options.remote_run, options.ssh_config)
    selection = Selection(
        runtime=runtime,
        version=options.version,
        ad_hoc=ad_hoc,
        name=options.package if ad_hoc else None,
        targets=options.target,
        suite=options.suite,
        glibc=parse_glibc(options.glibc),
        v8=parse_v8(options.v8, start_dir=start_dir) if options.v8 else None,
        profile=options.profile,
        strategy=options.strategy,
        out_dir=(start_dir / options.out).absolute(),
        toolchain=options.toolchain,
        patches_dir=_patches_dir(options, file, start_dir),
        executor=executor,
        host=host,
        include=tuple((start_dir / path).resolve() for path in options.include),
    )
    request = resolve(file.spec, selection, base_dir=file.base_dir)
    if request.patches_dir is not None and request.runtime.patches is not None:
        require_directory(request.patches_dir)
    return request


def _patches_dir(options: RequestOptions, file: SpecFile, start_dir: Path) -> Path | None:
    """Return the directory of all patches; None when there are to be none."""
    if options.no_patches or options.path is not None:
        if options.patches is not None:
            other = "--no-patches" if options.no_patches else "--path"
            raise misfit(f"--patches and {other} exclude each other", "leave one of them out")
        return None
    patches_dir = start_dir / options.patches if options.patches else file.base_dir / PATCHES_DIR_NAME
    if options.patches and not patches_dir.is_dir():
        raise misfit(f"--patches {options.patches} is not a directory", "name a directory laid out like patches/")
    described = file.spec.runtimes.items()
    require_runtimes(patches_dir, {runtime.patches or name for name, runtime in described})
    return patches_dir


def _ad_hoc(options: RequestOptions, start_dir: Path) -> RuntimeSpec | None:
    """Return the runtime that --path and its companions describe; None without --path."""
    if options.path is None:
        _refuse_companions(options)
        return None
    if options.runtime:
        raise misfit("--runtime and --path exclude each other", "leave one of them out")
    if not (start_dir / options.path).is_dir():
        raise misfit(f"--path {options.path} is not a directory", "name the directory of a Cargo workspace")
    settings: dict[str, object] = {
        "source": PathSource(kind="path", path=(start_dir / options.path).resolve()),
        "package": options.package,
        "binaries": options.bin,
        "vm_crate": options.vm_crate or DEFAULT_VM_CRATE,
        "features": tuple(word for text in options.features for word in _FEATURE_SEPARATORS.split(text) if word),
        "default_features": not options.no_default_features,
        "env": dict(parse_assignment(text) for text in options.env),
        "canaries": tuple(parse_check(text) for text in options.check),
    }
    if options.system_package:
        settings["v8"] = SystemVm(kind="system", packages=options.system_package)
    if options.timeout is not None:
        settings["generator_timeout_s"] = options.timeout
    return _validated(settings)


def _validated(settings: dict[str, object]) -> RuntimeSpec:
    try:
        return RuntimeSpec.model_validate(settings)
    except pydantic.ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()]
        raise misfit("; ".join(problems), "see `python -m pipeline build --help`") from error


def _refuse_companions(options: RequestOptions) -> None:
    given = ["--" + name.replace("_", "-") for name in _AD_HOC_ONLY if getattr(options, name)]
    if given:
        raise misfit(
            f"{', '.join(given)} only goes with --path",
            "add --path DIR, or set the same in releases.toml for a runtime",
        )


def _options() -> list[Callable[[Verb], Verb]]:
    folder, option = click.Path(path_type=Path), click.option
    return [
        option("-t", "--target", metavar="NAME", help="Target, such as arm64; repeatable.", multiple=True,
               shell_complete=target_names),
        option("--runtime", metavar="NAME[@VERSION]", help="Runtime of releases.toml; [build] repeatable.",
               multiple=True),
        option("--version", metavar="VERSION", help="Version of the runtime (default: the newest that can be built)."),
        option("--path", type=folder, metavar="DIR", help="Any Cargo workspace on disk, in place of a runtime."),
        option("--package", metavar="NAME", help="[--path] Package to build (default: the only one with a binary)."),
        option("--vm-crate", metavar="NAME", help=f"[--path] Package of the VM (default: {DEFAULT_VM_CRATE})."),
        option("--bin", metavar="NAME", help="[--path] Binary of the product; repeatable.", multiple=True),
        option("--features", metavar="LIST", help="[--path] Cargo features.", multiple=True),
        option("--no-default-features", is_flag=True, help="[--path] Without the default features."),
        option("--profile", metavar="NAME", help="Cargo profile (default: the runtime's, or release)."),
        option("--strategy", type=_choice(BuildStrategy), help="Lift build scripts, or build in an emulated root."),
        option("--v8", metavar="KIND[:WHERE]", help="system[:PACKAGE,…], prebuilt[:DIR or URL] or source."),
        option("--env", metavar="NAME=VALUE", help="[--path] Variable for build scripts; repeatable.", multiple=True),
        option("--system-package", metavar="NAME", help="[--path] Package for the sysroot; repeatable.", multiple=True),
        option("--check", metavar="ARGS=>TEXT", help="[--path] Run of the product; must print TEXT.", multiple=True),
        option("--timeout", type=click.FloatRange(min=0, min_open=True), help="[--path] Seconds for a generator."),
        option("--suite", metavar="NAME", help="Release of the distribution for the sysroot."),
        option("--glibc", metavar="VERSION", help="Newest glibc that the product may need, such as 2.31."),
        option("--out", type=folder, metavar="DIR", default=DEFAULT_OUT_DIR, help="Output directory (default: dist)."),
        option("--toolchain", type=_choice(ToolchainMode), default="auto", help="Where tools come from."),
        option("--patches", type=folder, metavar="DIR", help="Patches (default: patches/ beside releases.toml)."),
        option("--no-patches", is_flag=True, help="Build the source as it is."),
        option("--executor", metavar="NAME", default="auto", help=EXECUTORS),
        option("--remote-run", metavar="WORDS", default="", help="[ssh] Emulator there, such as 'qemu-… -L @ROOT@'."),
        option("--ssh-config", type=folder, metavar="FILE", help="[ssh] Settings of the client."),
        option("--include", type=folder, metavar="DIR", help="[ssh, bundles] A generator reads it, too; repeatable.",
               multiple=True),
        option("--spec", type=folder, metavar="FILE", help="Another releases.toml."),
    ]  # fmt: skip


def _choice(closed_set: object) -> click.Choice[str]:
    return click.Choice(typing.get_args(closed_set))
