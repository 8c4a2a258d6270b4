"""``image``: Dockerfiles, build contexts and the plan of ``docker buildx bake``, from finished builds."""

from __future__ import annotations

import json
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pipeline.cli.image_push import publish, push
from pipeline.cli.request import DEFAULT_OUT_DIR, EXECUTORS
from pipeline.cli.settings import Session, Verb, common_options, open_session
from pipeline.cli.spec_file import SpecFile, load_spec, required_spec
from pipeline.errors import UsageError
from pipeline.images.bases import BaseIndex, read_index
from pipeline.model.images.reference import SCHEME, ImageReference, parse_reference
from pipeline.model.spec.images import VARIANTS, Variant
from pipeline.model.spec.selection import Selection, parse_executor, resolve
from pipeline.model.target import find_target
from pipeline.orchestrate.images.baking import BakeOrder, bake_all
from pipeline.orchestrate.images.contexts import (
    DOCKERFILES_DIR,
    BakePlaces,
    ImageRequest,
    bake,
    check_bases,
    check_dockerfiles,
    lay_out,
    resolve_bases,
    write_dockerfiles,
)
from pipeline.orchestrate.images.layout import LayoutOrder, write_layout
from pipeline.orchestrate.job import toolbox_inputs
from pipeline.report.summary import verdict_text
from pipeline.stages.building.toolbox import ToolboxInputs
from pipeline.stages.images import lay_out_toolchain

DEFAULT_HOSTS = ("amd64", "arm64")
"""Machines that the toolchain image is for."""
_PATH = click.Path(path_type=Path)
_ACTIONS = ("check", "write", "layout", "bake", "publish", "push", "toolchain_context", "print", "context")


def _options() -> list[Callable[[Any], Any]]:
    option = click.option
    return [
        option("--check", is_flag=True, help="See that Dockerfiles are as they should be and emulate nothing."),
        option("--write", is_flag=True, help="Write the Dockerfiles of all runtimes to dockerfiles/."),
        option("--print", is_flag=True, help="Print the file for `docker buildx bake`, as JSON."),
        option("--context", type=_PATH, metavar="DIR", help="Lay out the build context; in bake's file, where it is."),
        option("--layout", type=_PATH, metavar="DIR", help="Write one variant as an OCI layout, without an engine."),
        option("--bake", type=_PATH, metavar="DIR", help="Bake all variants with docker buildx, an OCI layout each."),
        option("--toolchain-context", type=_PATH, metavar="DIR", help="Lay out the toolchain image's context."),
        option("--publish", type=_PATH, metavar="DIR", help="Bake all variants and push them; DIR gets the journal."),
        option("--by-layout", is_flag=True, help="[--publish] Never let the builder itself push."),
        option("--builder", metavar="NAME", help="[--bake, --publish] Builder of buildx (default: the one in use)."),
        option("--push", metavar="VARIANT=LAYOUT", multiple=True, help="Publish an OCI layout; repeatable."),
        option("--repository", metavar="HOST/NAME", multiple=True, help="[--push, --publish] Where to; repeatable."),
        option("--executor", metavar="NAME", default="auto", help=f"[--push] What runs images: {EXECUTORS}"),
        option("--remote-run", metavar="WORDS", default="", help="[--push, ssh] Emulator there; see build."),
        option("--ssh-config", type=_PATH, metavar="FILE", help="[--push, ssh] Settings of the client."),
        option("--variant", type=click.Choice(VARIANTS), default="scratch", help="[--layout] Default: scratch."),
        option("--base-layout", metavar="DIR", help="[--layout] OCI layout of its base, or docker://IMAGE."),
        option("--runtime", metavar="NAME[@VERSION]", help="Runtime of releases.toml (default: its default one)."),
        option("-t", "--target", metavar="NAME", multiple=True, help="Platform (default: all targets); repeatable."),
        option("--dist", type=_PATH, metavar="DIR", multiple=True, help="Finished builds (default: dist); repeatable."),
        option("--base-index", metavar="VARIANT=FILE", multiple=True, help="Index of a base; checked, and pins it."),
        option("--resolve-bases", is_flag=True, help="Look bases up in their registries; checked, and pins them."),
        option("--published", metavar="VERSION", multiple=True, help="Version that is there already; repeatable."),
        option("--revision", metavar="COMMIT", help="Of the sources, for the images' labels."),
        option("--sbom-generator", metavar="IMAGE", help="What writes bills of materials (default: buildx's choice)."),
        option("--spec", type=_PATH, metavar="FILE", help="Another releases.toml."),
    ]


def _with_options(verb: Verb) -> Verb:
    for option in reversed(_options()):
        verb = option(verb)
    return verb


@click.command("image")
@_with_options
@common_options
def image(**options: Any) -> None:  # noqa: ANN401 - click hands over whatever the options are
    """Make images of finished builds, or what they are built from.

    Give one of --check, --write, --layout, --bake, --publish, --push, --toolchain-context, --print, --context; the last
    two go together. Nothing is compiled, and nothing of a target is run, but where images are proved before they get
    their tags: --publish, --push.
    """
    chosen = [name for name in _ACTIONS if options[name]]
    if len(chosen) != 1 and chosen != ["print", "context"]:
        raise UsageError(
            "what is to be done with images?",
            cause="--check, --write, --layout, --bake, --publish, --push, --toolchain-context, --print, --context: "
            "one is needed, and only the last two go together",
            action="see `python -m pipeline image --help`",
        )
    with open_session() as session:
        if options["toolchain_context"]:
            _toolchain(session, options)
            return
        file = load_spec(required_spec(options["spec"], start_dir=Path.cwd()), start_dir=Path.cwd())
        if options["write"]:
            _write(session, file)
        elif options["check"]:
            _check(session, file, options)
        elif options["layout"]:
            _layout(session, _request(session, file, options), options)
        elif options["bake"]:
            _bake(session, _request(session, file, options), options, file)
        elif options["publish"]:
            request = _request(session, file, options)
            order = _bake_order(request, options, file, out_dir=options["publish"])
            publish(session, order, options["repository"], by_layout=options["by_layout"])
        elif options["push"]:
            push(session, _request(session, file, options), options["push"], options["repository"])
        elif options["print"]:
            _print(session, _request(session, file, options), options, file)
        else:
            made = lay_out(
                _request(session, file, options), (Path.cwd() / options["context"]).absolute(), session.context
            )
            session.result({"schema": 1, "context": str(made)}, f"{made}\n")


def _write(session: Session, file: SpecFile) -> None:
    directory = file.base_dir / DOCKERFILES_DIR
    changed = write_dockerfiles(file.spec, directory)
    text = "".join(f"{directory / place}: {_done(directory / place)}\n" for place in changed)
    session.result({"schema": 1, "directory": str(directory), "changed": list(changed)}, text)


def _done(path: Path) -> str:
    return "written" if path.exists() else "removed"


def _check(session: Session, file: SpecFile, options: dict[str, Any]) -> None:
    places = check_dockerfiles(file.spec, file.base_dir / DOCKERFILES_DIR)
    bases: dict[str, list[str]] = {}
    if options["base_index"] or options["resolve_bases"]:
        request = _request(session, file, options)
        check_bases(request)
        bases = {variant: list(index.platforms) for variant, index in request.bases.items()}
    text = f"in order: {len(places)} Dockerfiles, {len(bases)} bases\n"
    session.result({"schema": 1, "dockerfiles": list(places), "bases": bases}, text)


def _layout(session: Session, request: ImageRequest, options: dict[str, Any]) -> None:
    order = LayoutOrder(
        request=request,
        variant=options["variant"],
        layout_dir=(Path.cwd() / options["layout"]).absolute(),
        base=_base(options["base_layout"]),
    )
    made = write_layout(order, session.context)
    session.reporter.show([verdict_text(made.examined.findings)])
    value = {"schema": 1, "layout": str(made.layout_dir), "digest": made.digest, "tags": list(made.tags)}
    session.result(value, f"{made.digest}  {made.layout_dir}\n")


def _base(text: str | None) -> Path | ImageReference | None:
    if text and text.startswith(SCHEME):
        return parse_reference(text)
    return (Path.cwd() / text).absolute() if text else None


def _toolchain(session: Session, options: dict[str, Any]) -> None:
    names = options["target"] or DEFAULT_HOSTS
    place = (Path.cwd() / options["toolchain_context"]).absolute()
    inputs = lay_out_toolchain.ToolchainContextInputs(
        hosts=tuple(map(find_target, names)), context_dir=place, toolboxes=_toolboxes(options)
    )
    made = lay_out_toolchain.run(inputs, session.context)
    session.result({"schema": 1, "context": str(made)}, f"{made}\n")


def _toolboxes(options: dict[str, Any]) -> tuple[ToolboxInputs, ...]:
    """Return the toolboxes of the runtime that is named, for all of its targets; none where none is named."""
    if not options["runtime"]:
        return ()
    file = load_spec(required_spec(options["spec"], start_dir=Path.cwd()), start_dir=Path.cwd())
    selection = Selection(runtime=options["runtime"], out_dir=Path.cwd())
    request = resolve(file.spec, selection, base_dir=file.base_dir)
    return tuple(toolbox_inputs(request, item) for item in request.targets)


def _bake(session: Session, request: ImageRequest, options: dict[str, Any], file: SpecFile) -> None:
    made = bake_all(_bake_order(request, options, file, out_dir=options["bake"]), session.context)
    session.reporter.show([verdict_text(image.examined.findings) for image in made])
    images = [
        {"variant": image.variant, "archive": str(image.archive), "digest": image.digest, "tags": list(image.tags)}
        for image in made
    ]
    text = "".join(f"{image.digest}  {image.archive}\n" for image in made)
    session.result({"schema": 1, "images": images}, text)


def _bake_order(request: ImageRequest, options: dict[str, Any], file: SpecFile, *, out_dir: Path) -> BakeOrder:
    return BakeOrder(
        request=request,
        dockerfiles_dir=(file.base_dir / DOCKERFILES_DIR).absolute(),
        out_dir=(Path.cwd() / out_dir).absolute(),
        builder=options["builder"],
        sbom_generator=options["sbom_generator"],
    )


def _print(session: Session, request: ImageRequest, options: dict[str, Any], file: SpecFile) -> None:
    places = BakePlaces(
        context=str(options["context"] or Path("image") / request.runtime_name),
        dockerfiles=str(file.base_dir / DOCKERFILES_DIR),
        layouts="image",
        sbom_generator=options["sbom_generator"],
    )
    text = bake(request, places, session.context)
    session.result(json.loads(text), text)


def _request(session: Session, file: SpecFile, options: dict[str, Any]) -> ImageRequest:
    here = Path.cwd()
    executor, host = parse_executor(options["executor"], options["remote_run"], options["ssh_config"])
    selection = Selection(
        runtime=options["runtime"], targets=options["target"], out_dir=here, executor=executor, host=host
    )
    request = resolve(file.spec, selection, base_dir=file.base_dir)
    made = ImageRequest(
        request=request,
        runtime_name=(options["runtime"] or file.spec.default_runtime or request.name or "").partition("@")[0],
        dist_dirs=tuple(here / path for path in options["dist"] or (DEFAULT_OUT_DIR,)),
        revision=options["revision"],
        bases=dict(map(_base_index, options["base_index"])),
        published=options["published"],
    )
    if unknown := set(made.bases) - set(made.spec.variants):
        raise _no_such_variant(min(unknown))
    return resolve_bases(made, session.context) if options["resolve_bases"] else made


def _base_index(text: str) -> tuple[Variant, BaseIndex]:
    name, _equals, path = text.partition("=")
    if name not in VARIANTS or name == "scratch" or not path:
        raise _no_such_variant(text)
    return typing.cast("Variant", name), read_index(Path(path), name)


def _no_such_variant(text: str) -> UsageError:
    return UsageError(
        f"--base-index {text} names no variant that has a base",
        cause="it is a variant of the runtime's images and the file with its base's index",
        action="such as --base-index debian=debian.json",
    )
