"""``publish``: make the files of a directory a release on GitHub, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pydantic

from pipeline.cli.request import DEFAULT_OUT_DIR
from pipeline.cli.settings import Session, Verb, common_options, open_session
from pipeline.cli.spec_file import load_spec
from pipeline.errors import PublishError, UsageError
from pipeline.github.access import make_access
from pipeline.model.images.released import ReleasedImage
from pipeline.model.releases.gate import check_whole
from pipeline.model.releases.manifest import MANIFEST_NAME, NOTES_NAME, ReleaseManifest
from pipeline.model.releases.plan import plan_of, plan_of_release
from pipeline.model.releases.release import ReleasePlan
from pipeline.orchestrate.releases.publishing import Preview, PublishOutcome, PublishRequest, preview, publish_release
from pipeline.releasing.directory import read_manifest
from pipeline.workflows.matrix import make_matrix

_FOLDER = click.Path(path_type=Path)
REPOSITORY = click.option("--repository", metavar="OWNER/NAME", help="On GitHub (default: $GITHUB_REPOSITORY).")
API_URL = click.option(
    "--api-url", metavar="URL", help="Of GitHub's interface (default: $GITHUB_API_URL, or github.com)."
)


def _file_options() -> list[Callable[[Any], Any]]:
    return [
        click.option("--dist", type=_FOLDER, metavar="DIR", default=DEFAULT_OUT_DIR, help="The files (default: dist)."),
        click.option(
            "--plan", type=_FOLDER, metavar="FILE", help="JSON plan of the files (default: as releases.toml says)."
        ),
        click.option("--spec", type=_FOLDER, metavar="FILE", help="Another releases.toml."),
        click.option("--title", metavar="TEXT", help="Title of the release (default: the tag)."),
        click.option(
            "--notes", type=_FOLDER, metavar="FILE", help="Text of the release (default: GitHub's own notes)."
        ),
        click.option("--prerelease", is_flag=True, help="Mark it as not yet ready for everybody."),
        click.option("--no-latest", is_flag=True, help="Do not make it the latest release."),
    ]


def file_options(verb: Verb) -> Verb:
    """Add the options that say what is published."""
    for option in reversed(_file_options()):
        verb = option(verb)
    return verb


@click.command("publish")
@click.option("--tag", metavar="TAG", required=True, help="Pushed already, such as v1.2.3.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@file_options
@REPOSITORY
@API_URL
@common_options
def publish(**options: Any) -> None:  # noqa: ANN401 - click hands over whatever the options are
    """Publish a release on GitHub; go on where an interrupted run stopped."""
    with open_session() as session:
        request = request_from(options, session)
        if options["dry_run"]:
            seen = preview(request, session.context)
            session.result(_preview_json(request, seen), _preview_text(request, seen))
        else:
            show(session, publish_release(request, session.context))


def request_from(options: dict[str, Any], session: Session) -> PublishRequest:
    """Return what the options ask for. Raises UsageError, SpecError, PublishError."""
    access = make_access(options["repository"], options["api_url"], session.context.environ)
    directory = Path.cwd() / options["dist"]
    place = directory / MANIFEST_NAME
    manifest = read_manifest(place) if place.is_file() else None
    return PublishRequest(
        access=access,
        tag=options["tag"],
        directory=directory,
        plan=_plan(options["plan"], options["spec"], manifest),
        assembled_tag=manifest.tag if manifest else None,
        images=manifest.images if manifest else (),
        title=options["title"],
        notes=_notes(options["notes"], directory),
        prerelease=options["prerelease"],
        latest=not options["no_latest"],
    )


def show(session: Session, outcome: PublishOutcome) -> None:
    """Write the result of publishing."""
    published = outcome.published
    assets = [{"name": a.name, "size_bytes": a.size_bytes, "url": a.public_url} for a in published.assets]
    lines = [published.url, *(f"    {asset.name}" for asset in published.assets)]
    lines += [f"    {item['image']}" for item in _images(outcome.images)]
    result = {
        "schema": 1,
        "tag": published.tag,
        "url": published.url,
        "immutable": published.immutable,
        "assets": assets,
        "uploaded": list(published.uploaded),
        "images": _images(outcome.images),
        "requests": dict(outcome.requests),
    }
    session.result(result, "".join(f"{line}\n" for line in lines))


def _images(images: tuple[ReleasedImage, ...]) -> list[dict[str, str]]:
    """Return where the images of a release are."""
    tags = (tag for image in images for tag in image.tags)
    return [{"image": f"{tag.repository}:{tag.tag}", "digest": tag.digest} for tag in tags]


def _notes(path: Path | None, directory: Path) -> str | None:
    """Return the text of the release: the one given, or the one that was assembled with it."""
    assembled = directory / NOTES_NAME
    if path is None and assembled.is_file():
        path = assembled
    return _read(path) if path else None


def _plan(path: Path | None, spec_path: Path | None, manifest: ReleaseManifest | None) -> ReleasePlan:
    if path is None:
        spec = load_spec(spec_path, start_dir=Path.cwd()).spec
        matrix = make_matrix(spec)
        pairs = [(pair.runtime, pair.target) for pair in (*matrix.in_one_job, *matrix.handed_over)]
        if manifest:
            check_whole(manifest, spec, pairs)
            return plan_of_release(manifest)
        if not pairs:
            raise UsageError(
                "there is no plan",
                cause="no releases.toml names a runtime, and --plan is not given",
                action="give --plan FILE, or --spec FILE",
            )
        return plan_of(spec, pairs)
    try:
        return ReleasePlan.model_validate_json(_read(path))
    except pydantic.ValidationError as error:
        raise PublishError(
            f"{path} is not the plan of a release",
            cause="a misspelt or missing key; docs/publish.md has an example",
            action="correct it",
            details=str(error),
        ) from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read {path}: {getattr(error, 'strerror', None) or 'it is not text'}",
            cause="a misspelt path, or a file of another user",
            action="give the right file",
        ) from error


def _preview_json(request: PublishRequest, seen: Preview) -> dict[str, object]:
    survey = seen.survey
    found: dict[str, object] = {"release": None, "keep": [], "delete": [], "upload": [file.name for file in seen.files]}
    if survey:
        release, todo = survey.release, survey.reconciled
        found = {
            "release": release.html_url if release else None,
            "keep": [asset.name for asset in todo.keep],
            "delete": [asset.name for asset in todo.delete],
            "upload": [file.name for file in todo.upload],
        }
    files = [{"name": f.name, "kind": f.kind, "size_bytes": f.size_bytes, "sha256": f.sha256} for f in seen.files]
    head: dict[str, object] = {"schema": 1, "tag": request.tag, "repository": request.access.repository}
    head |= {"looked": survey is not None, "locked_by": seen.locked_by}
    return {**head, **found, "files": files, "images": _images(request.images)}


def _preview_text(request: PublishRequest, seen: Preview) -> str:
    survey = seen.survey
    kept = {asset.name for asset in survey.reconciled.keep} if survey else set()
    lines = [f"{request.tag} of {request.access.repository}: {_state(seen)}"]
    lines += [
        f"    {'keep' if file.name in kept else 'upload':8}{file.size_bytes:>14,} bytes  {file.name}"
        for file in seen.files
    ]
    lines += [f"    image   {item['image']}" for item in _images(request.images)]
    lines += [f"    delete  {asset.name}" for asset in (survey.reconciled.delete if survey else ())]
    lines += [f"locked by {seen.locked_by}"] if seen.locked_by else []
    return "".join(f"{line}\n" for line in lines)


def _state(seen: Preview) -> str:
    if seen.survey is None:
        return "not looked (no token, or --offline)"
    release = seen.survey.release
    return "no release yet" if release is None else f"{'a draft' if release.draft else 'public'}, {release.html_url}"
