"""``install``: takes addons and programs that others built, where they fit and work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipeline.cli.option_values import parse_probe, parse_words
from pipeline.cli.settings import common_options, open_session
from pipeline.installing import index
from pipeline.installing.choice import Machine
from pipeline.installing.fallback import Build
from pipeline.installing.install import install as install_prebuilds
from pipeline.installing.machine import machine_of
from pipeline.installing.request import Installed, InstallRequest
from pipeline.model.prebuilds.manifest import Libc
from pipeline.model.target import find_target

DEFAULT_OUT_DIR = Path("bin")


@click.command("install")
@click.argument("location", metavar="INDEX")
@click.argument("names", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", default=DEFAULT_OUT_DIR, help="Where they go.")
@click.option("-t", "--target", metavar="NAME", help="Install for another machine, such as arm64; nothing is run.")
@click.option("--libc", type=click.Choice([libc.value for libc in Libc]), help="C library of that machine.")
@click.option("--libc-version", metavar="VERSION", help="Version of that machine's C library.")
@click.option("--mirror", "mirrors", metavar="URL", multiple=True, help="Ask this place first; repeatable.")
@click.option("--allow-host", "hosts", metavar="HOST", multiple=True, help="A host that may be asked, too; repeatable.")
@click.option("--lock", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Pin digests in FILE.")
@click.option("--frozen", is_flag=True, help="Take only what the lock file knows.")
@click.option("--update-lock", is_flag=True, help="Trust this index, and lock what it says.")
@click.option("--sha256", metavar="HEX", help="Digest that a zip without an index must have.")
@click.option("--probe", metavar="ARGUMENTS", default="--version", help="How a zip's program is tried (--version).")
@click.option("--no-probe", is_flag=True, help="Do not run what is installed.")
@click.option("--node", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Node to try addons with.")
@click.option("--build", metavar="COMMAND", help="Where no prebuild will do, run this.")
@click.option("--built", type=click.Path(path_type=Path), metavar="FILE", help="What the build command makes.")
@common_options
def install(**options: Any) -> None:  # noqa: ANN401 - click hands over whatever the options are
    """Install addons and programs that others built; INDEX is an address, file or directory, NAMES some of it.

    A release's zip without an index will do, too; {triple} in its address is the machine's.
    """
    with open_session() as session:
        start_dir = Path.cwd()
        done = install_prebuilds(_request(options, start_dir), session.context)
        text = "".join(_line(one, start_dir) for one in done)
        session.result({"schema": 1, "installed": [one.to_json() for one in done]}, text)


def _request(options: dict[str, Any], start_dir: Path) -> InstallRequest:
    if (options["frozen"] or options["update_lock"]) and not options["lock"]:
        raise click.UsageError("--frozen and --update-lock say how --lock is used; name the file")
    for mirror in options["mirrors"]:
        if not index.is_address(mirror):
            raise click.UsageError(f"--mirror {mirror} is no address: it begins with https:// or http://")
    location = options["location"]
    if not index.is_address(location):
        location = str((start_dir / location).absolute())
    return InstallRequest(
        location=location,
        into=(start_dir / options["out"]).absolute(),
        names=options["names"],
        machine=_machine(options),
        mirrors=options["mirrors"],
        hosts=options["hosts"],
        lock=(start_dir / options["lock"]).absolute() if options["lock"] else None,
        frozen=options["frozen"],
        update_lock=options["update_lock"],
        probe=not options["no_probe"],
        node=options["node"],
        build=_build(options, start_dir),
        sha256=options["sha256"],
        zip_probe=parse_probe(options["probe"]),
    )


def _machine(options: dict[str, Any]) -> Machine | None:
    if not options["target"]:
        if options["libc"] or options["libc_version"]:
            raise click.UsageError("--libc and --libc-version describe another machine; name it with --target")
        return None
    return machine_of(find_target(options["target"]), Libc(options["libc"] or Libc.GLIBC), options["libc_version"])


def _build(options: dict[str, Any], start_dir: Path) -> Build | None:
    if bool(options["build"]) != bool(options["built"]):
        raise click.UsageError("--build is the command, --built what it makes: both are needed, or none")
    if not options["build"]:
        return None
    return Build(argv=parse_words("--build", options["build"]), directory=start_dir, output=options["built"])


def _line(done: Installed, start_dir: Path) -> str:
    shown = done.path.relative_to(start_dir) if done.path.is_relative_to(start_dir) else done.path
    return f"{done.name} {done.version}: {shown} ({done.how}{'' if done.probed else ', not run'})\n"
