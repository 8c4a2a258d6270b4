"""``prebuild``: compiles addons and programs for others, tries them, and packs them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import click

from pipeline.cli.option_values import parse_probe
from pipeline.cli.settings import Session, common_options, open_session
from pipeline.cli.spec_file import load_spec, required_spec
from pipeline.errors import PrebuildError, UnknownNameError
from pipeline.model.build import ToolchainMode
from pipeline.model.prebuilds.manifest import Libc, Probe
from pipeline.model.spec.prebuilds import ExecutableSpec, NodeAddonSpec
from pipeline.model.spec.tables import RuntimeSpec, Spec
from pipeline.model.target import find_target
from pipeline.orchestrate.prebuilds.prebuilding import PrebuildRequest, make_prebuilds
from pipeline.report.prebuilds import prebuild_tables
from pipeline.stages.prebuilds import index_builds, index_zips

DEFAULT_OUT_DIR = Path("dist/prebuilds")


@click.command("prebuild")
@click.argument("names", nargs=-1)
@click.option("-t", "--target", "targets", metavar="NAME", multiple=True, help="Target, such as arm64; repeatable.")
@click.option("--libc", "libcs", type=click.Choice([libc.value for libc in Libc]), multiple=True, help="C library.")
@click.option(
    "--merge",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    metavar="DIR",
    help="Take along what another run, here or on another machine, left in DIR; repeatable.",
)
@click.option(
    "--builds",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write the index of the finished builds in DIR there; nothing is compiled.",
)
@click.option(
    "--zips",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write an index of zips that others publish, in DIR there; nothing is compiled.",
)
@click.option("--url", metavar="URL", help="With --zips: where they lie; without, beside the index.")
@click.option(
    "--probe", metavar="ARGUMENTS", default="--version", help="With --zips: how programs are tried (--version)."
)
@click.option("--only-merge", is_flag=True, help="Compile nothing.")
@click.option("--no-run", is_flag=True, help="Do not run what was compiled.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", default=DEFAULT_OUT_DIR, help="Where they go.")
@click.option("--spec", type=click.Path(path_type=Path), metavar="FILE", help="Another releases.toml.")
@click.option("--toolchain", type=click.Choice(get_args(ToolchainMode)), default="auto", help="See build.")
@common_options
def prebuild(**options: Any) -> None:  # noqa: ANN401 - click hands over whatever the options are
    """Compile addons and programs that others take as they are; NAMES are those of releases.toml."""
    with open_session() as session:
        start_dir = Path.cwd()
        if options["builds"]:
            _index_builds(options, session, start_dir)
            return
        if options["zips"]:
            _index_zips(options, session, start_dir)
            return
        requests = _requests(options, start_dir)
        results = [make_prebuilds(request, session.context) for request in requests]
        for result in results:
            session.reporter.show(prebuild_tables(result, start_dir=start_dir))
        session.result({"schema": 1, "results": [result.to_json() for result in results]})


def _index_builds(options: dict[str, Any], session: Session, start_dir: Path) -> None:
    file = load_spec(options["spec"], start_dir=start_dir)
    probes = runtime_probes(file.spec.runtimes)
    inputs = index_builds.IndexInputs(dist_dir=(start_dir / options["builds"]).absolute(), probes=probes)
    paths = index_builds.run(inputs)
    session.result({"schema": 1, "indexes": [str(path) for path in paths]}, "".join(f"{path}\n" for path in paths))


def _index_zips(options: dict[str, Any], session: Session, start_dir: Path) -> None:
    directory = (start_dir / options["zips"]).absolute()
    probe = parse_probe(options["probe"])
    path = index_zips.run(index_zips.ZipIndexInputs(directory=directory, url=options["url"], probe=probe))
    session.result({"schema": 1, "indexes": [str(path)]}, f"{path}\n")


def runtime_probes(runtimes: Mapping[str, RuntimeSpec]) -> dict[str, Probe]:
    """Return what shows that an installed program works, by the runtime's name: its first canary."""
    return {
        name: Probe(args=canary.args, exit_code=canary.exit_code, timeout_s=canary.timeout_s)
        for name, runtime in runtimes.items()
        for canary in runtime.canaries[:1]
    }


def _requests(options: dict[str, Any], start_dir: Path) -> list[PrebuildRequest]:
    file = load_spec(required_spec(options["spec"], start_dir=start_dir), start_dir=start_dir)
    names = options["names"] or tuple(file.spec.prebuilds)
    if not names:
        raise PrebuildError(
            "releases.toml describes no prebuilds",
            cause="it has no table [prebuilds.NAME]",
            action="write one; docs/howto/prebuilds.md has an example",
        )
    if options["only_merge"] and not options["merge"]:
        raise click.UsageError("--only-merge packs what --merge names; name a directory")
    asked = tuple(find_target(name).name for name in options["targets"])
    libcs = tuple(Libc(name) for name in options["libcs"])
    requests = []
    for name in names:
        recipe = _recipe(file.spec, name)
        wanted = () if options["only_merge"] else tuple(t for t in recipe.targets if not asked or t in asked)
        requests.append(
            PrebuildRequest(
                name=name,
                spec=recipe,
                targets=wanted,
                libcs=tuple(libc for libc in recipe.libcs if not libcs or libc in libcs),
                table=file.spec,
                base_dir=file.base_dir,
                out_dir=(start_dir / options["out"]).absolute(),
                merge=tuple((start_dir / path).resolve() for path in options["merge"]),
                toolchain=options["toolchain"],
                trial=not options["no_run"],
            )
        )
    return requests


def _recipe(spec: Spec, name: str) -> NodeAddonSpec | ExecutableSpec:
    if name in spec.prebuilds:
        return spec.prebuilds[name]
    near = difflib.get_close_matches(name, list(spec.prebuilds), n=1, cutoff=0.5)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    raise UnknownNameError(
        f"there is no prebuild {name!r}{guess}",
        cause="a misspelt name, or a releases.toml that does not describe it",
        action=f"choose one of {', '.join(spec.prebuilds) or 'those that you add to `prebuilds`: there are none'}",
    )
