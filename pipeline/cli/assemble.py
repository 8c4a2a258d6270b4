"""``release assemble`` and ``release apply-delta``: directories that are releases, and the way from one to the next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pipeline.cli.prebuild import runtime_probes
from pipeline.cli.request import DEFAULT_OUT_DIR
from pipeline.cli.settings import Session, Verb, open_session
from pipeline.cli.spec_file import load_spec
from pipeline.errors import UsageError
from pipeline.model.releases.manifest import MANIFEST_NAME, SUMS_NAME
from pipeline.model.spec.images import VARIANTS
from pipeline.orchestrate.releases.assembling import Assembled, AssembleRequest, assemble_releases
from pipeline.stages.releases import apply_delta, make_deltas
from pipeline.stages.releases.include_images import NamedLayout

RELEASES_DIR = Path("release")
FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _assemble_options() -> list[Callable[[Any], Any]]:
    limit = f"A delta is kept when it is at most this part of the whole (default: {make_deltas.DEFAULT_LIMIT})."
    return [
        click.option("--tag", metavar="TAG", help="Of the release of products, such as v1.2.3."),
        click.option(
            "--dist", type=FOLDER, metavar="DIR", multiple=True, help="Finished builds (default: dist); repeatable."
        ),
        click.option(
            "--out", type=FOLDER, metavar="DIR", default=RELEASES_DIR, help="Gets DIR/TAG (default: release)."
        ),
        click.option("--previous", type=FOLDER, metavar="DIR", multiple=True, help="Earlier release, for deltas."),
        click.option(
            "--delta-limit", type=click.FloatRange(0, 1), metavar="PART", default=make_deltas.DEFAULT_LIMIT, help=limit
        ),
        click.option(
            "--image", metavar="RUNTIME:VARIANT=LAYOUT", multiple=True, help="Image of the products; repeatable."
        ),
        click.option(
            "--prebuilds", type=FOLDER, metavar="DIR", multiple=True, help="Packed addons and programs; repeatable."
        ),
        click.option("--v8-mirror", type=FOLDER, metavar="DIR", help="Archives of V8, each version a release."),
        click.option("--spec", type=click.Path(path_type=Path), metavar="FILE", help="Another releases.toml."),
    ]


def assemble_options(verb: Verb) -> Verb:
    """Add the options that say what becomes a release."""
    for option in reversed(_assemble_options()):
        verb = option(verb)
    return verb


def apply_arguments(verb: Verb) -> Verb:
    """Add the arguments of applying a delta."""
    arguments: list[Callable[[Any], Any]] = [
        click.argument("old", type=_FILE),
        click.argument("delta", type=_FILE),
        click.argument("new", type=click.Path(dir_okay=False, path_type=Path)),
        click.option("--manifest", type=_FILE, metavar="FILE", help="release.json (default: the one beside DELTA)."),
    ]
    for argument in reversed(arguments):
        verb = argument(verb)
    return verb


def assemble(options: dict[str, Any]) -> None:
    """Assemble what the options ask for."""
    here = Path.cwd()
    mirror: Path | None = options["v8_mirror"]
    runtimes = load_spec(options["spec"], start_dir=here).spec.runtimes
    request = AssembleRequest(
        out_dir=here / options["out"],
        tag=options["tag"],
        dist_dirs=tuple(here / path for path in options["dist"] or (DEFAULT_OUT_DIR,)),
        previous_dirs=tuple(here / path for path in options["previous"]),
        delta_limit=options["delta_limit"],
        images=_layouts(options["image"], here),
        prebuild_dirs=tuple(here / path for path in options["prebuilds"]),
        v8_mirror=here / mirror if mirror else None,
        updaters={name: runtime.updater for name, runtime in runtimes.items() if runtime.updater},
        probes=runtime_probes(runtimes),
    )
    with open_session() as session:
        _show(session, assemble_releases(request, session.context))


def _layouts(texts: tuple[str, ...], here: Path) -> tuple[NamedLayout, ...]:
    found: dict[tuple[str, str], NamedLayout] = {}
    for text in texts:
        named, _equals, path = text.partition("=")
        runtime, _colon, variant = named.partition(":")
        if variant not in VARIANTS or not path or not (here / path).exists() or (runtime, variant) in found:
            raise UsageError(
                f"--image {text}: which image of which runtime is it?",
                cause="it is a runtime, a variant, and where its OCI layout lies, a directory or a tar; each once",
                action="such as --image app:scratch=image/app",
            )
        found[runtime, variant] = NamedLayout(runtime=runtime, variant=variant, path=(here / path).absolute())
    return tuple(found.values())


def apply(options: dict[str, Any]) -> None:
    """Apply the delta that the options name."""
    here = Path.cwd()
    new = here / options["new"]
    with open_session() as session:
        inputs = apply_delta.ApplyInputs(
            old=here / options["old"], delta=here / options["delta"], new=new, manifest=options["manifest"]
        )
        entry = apply_delta.run(inputs, session.context)
        result = {"file": str(new), "size_bytes": entry.new_size_bytes, "sha256": entry.new_sha256}
        session.result({"schema": 1, **result}, f"{entry.new_sha256}  {new}\n")


def _show(session: Session, releases: tuple[Assembled, ...]) -> None:
    value = {
        "schema": 1,
        "releases": [
            {"directory": str(item.directory), "manifest": item.manifest.model_dump(mode="json", exclude_none=True)}
            for item in releases
        ],
    }
    session.result(value, "".join(map(_text, releases)))


def _text(item: Assembled) -> str:
    lines = [f"{asset.size_bytes:>14,} bytes  {asset.name}" for asset in item.manifest.assets()]
    lines += [f"{(item.directory / name).stat().st_size:>14,} bytes  {name}" for name in (MANIFEST_NAME, SUMS_NAME)]
    return "".join(f"{line}\n" for line in (f"{item.directory}:", *lines))
