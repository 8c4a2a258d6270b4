"""The jobs of a release: what belongs to it beside the products, and publishing all of it.

Images are pushed when every product was built and verified, and each is proved in its registry before its tags move.
"""

from __future__ import annotations

import re
from typing import Any

from pipeline.model.spec.images import Variant, archive_name
from pipeline.model.spec.tables import Spec
from pipeline.workflows.actions import pinned
from pipeline.workflows.jobs import CHECKOUT, PREPARE_RUNNER, USE_NOX, Job, Step, build_machine, build_start, run_step
from pipeline.workflows.matrix import runtime_names

RELEASE_TIMEOUT_MIN = 120
ON_A_TAG = "startsWith(github.ref, 'refs/tags/v')"
OWN_REGISTRY = "ghcr.io"
"""GitHub's; a job's own token is a login there."""
_TAG_ENV = {"TAG": "${{ github.ref_name }}"}
_LOGIN = 'printf %s "$PASSWORD" | docker login --username "$USERNAME" --password-stdin "$REGISTRY"'
_PUBLISH_IMAGES = """\
docker buildx create --name images --driver docker-container --bootstrap
nox -s image -- --publish "image/$RUNTIME" --runtime "$RUNTIME" --builder images --by-layout --resolve-bases
"""


def release_jobs(spec: Spec) -> dict[str, Job]:
    """Return what comes after the build: only what *spec* names, and the release last."""
    before: dict[str, Job] = {}
    if images := _pushed(spec):
        before["images"] = _image_job(spec, tuple(images))
    if rows := _prebuild_rows(spec):
        before["prebuilds"] = _prebuild_job(spec, rows)
    return {**before, "release": _release_job(spec, before, images)}


def _pushed(spec: Spec) -> dict[str, tuple[Variant, ...]]:
    """Return the variants of each runtime whose images have a place to go to."""
    found = {name: spec.runtimes[name].image for name in runtime_names(spec)}
    return {name: image.variants for name, image in found.items() if image and image.repositories}


def _prebuild_rows(spec: Spec) -> list[dict[str, str]]:
    return [
        {"recipe": name, "target": target}
        for name, recipe in spec.prebuilds.items()
        if recipe.released
        for target in recipe.targets
    ]


def _image_job(spec: Spec, runtimes: tuple[str, ...]) -> Job:
    return {
        "name": "images of ${{ matrix.runtime }}",
        "needs": "build",
        "if": ON_A_TAG,
        "runs-on": spec.ci.build_runner,
        "timeout-minutes": spec.ci.timeout_min,
        "permissions": {"contents": "read", "packages": "write"},
        "strategy": {"fail-fast": False, "matrix": {"runtime": list(runtimes)}},
        "steps": [
            CHECKOUT,
            run_step(PREPARE_RUNNER),
            USE_NOX,
            _download("product-${{ matrix.runtime }}-*", "dist", merged=True),
            # The environment of nox is made before anybody is logged in: what runs meanwhile is other people's.
            run_step("nox -s image -- --check"),
            *(_login_step(host) for host in _hosts(spec, runtimes)),
            # The release is assembled from layouts, so they are written in any case.
            run_step(_PUBLISH_IMAGES, env={"RUNTIME": "${{ matrix.runtime }}"}),
            _upload("images-${{ matrix.runtime }}", "image/"),
        ],
    }


def _hosts(spec: Spec, runtimes: tuple[str, ...]) -> list[str]:
    images = [spec.runtimes[name].image for name in runtimes]
    return sorted({name.partition("/")[0] for image in images if image for name in image.repositories})


def _login_step(host: str) -> Step:
    env = {"REGISTRY": host, "USERNAME": "${{ github.actor }}", "PASSWORD": "${{ github.token }}"}
    if host != OWN_REGISTRY:
        secret = re.sub(r"[^A-Z0-9]", "_", host.upper())
        env |= {
            "USERNAME": f"${{{{ secrets.REGISTRY_{secret}_USER }}}}",
            "PASSWORD": f"${{{{ secrets.REGISTRY_{secret}_PASSWORD }}}}",
        }
    return run_step(_LOGIN, env=env)


def _prebuild_job(spec: Spec, rows: list[dict[str, str]]) -> Job:
    return {
        "name": "prebuild ${{ matrix.recipe }} for ${{ matrix.target }}",
        "if": ON_A_TAG,
        **build_machine(spec.ci, timeout_min=spec.ci.timeout_min),
        "strategy": {"fail-fast": False, "matrix": {"include": rows}},
        "steps": [
            *build_start(spec.ci),
            run_step(
                'nox -s "prebuild-$TARGET" -- "$RECIPE" --out prebuilds',
                env={"RECIPE": "${{ matrix.recipe }}", "TARGET": "${{ matrix.target }}"},
            ),
            _upload("prebuilds-${{ matrix.recipe }}-${{ matrix.target }}", "prebuilds/"),
        ],
    }


def _release_job(spec: Spec, before: dict[str, Job], images: dict[str, tuple[Variant, ...]]) -> Job:
    """Return the job that publishes: the only one that may write.

    Started again after it died, it goes on where it stopped; its token is in the environment of one step only.
    """
    options = [
        f"--image {runtime}:{variant}=image/{runtime}/{archive_name(runtime, variant)}"
        for runtime, variants in images.items()
        for variant in variants
    ] + (["--prebuilds prebuilds"] if "prebuilds" in before else [])
    assemble = " \\\n  ".join(['nox -s release -- assemble --tag "$TAG"', *options])
    return {
        "name": "release",
        "needs": ["build", *before] if before else "build",
        "if": ON_A_TAG,
        "runs-on": spec.ci.build_runner,
        "timeout-minutes": RELEASE_TIMEOUT_MIN,
        "permissions": {"contents": "write"},
        "steps": [
            CHECKOUT,
            run_step(PREPARE_RUNNER),
            USE_NOX,
            _download("product-*", "dist", merged=True),
            *([_download("images-*", "image", merged=True)] if images else ()),
            *([_download("prebuilds-*", "prebuilds", merged=False)] if "prebuilds" in before else ()),
            # Installed without the token: what runs meanwhile is other people's.
            run_step(assemble, env=_TAG_ENV),
            run_step('nox -s publish -- --tag "$TAG" --dist "release/$TAG" --dry-run --offline', env=_TAG_ENV),
            run_step(
                'nox -s publish -- --tag "$TAG" --dist "release/$TAG"',
                env={**_TAG_ENV, "GITHUB_TOKEN": "${{ github.token }}"},
            ),
        ],
    }


def _download(pattern: str, path: str, *, merged: bool) -> Step:
    settings: dict[str, Any] = {"pattern": pattern, "path": path, **({"merge-multiple": True} if merged else {})}
    return {"uses": pinned("actions/download-artifact"), "with": settings}


def _upload(name: str, path: str) -> Step:
    settings = {"name": name, "path": path, "if-no-files-found": "error", "compression-level": 0}
    return {"uses": pinned("actions/upload-artifact"), "with": settings}
