"""Which files make a release whole, as ``releases.toml`` implies it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pipeline.errors import PublishError
from pipeline.model.releases.asset import Asset, AssetKind
from pipeline.model.releases.manifest import Product, ReleaseManifest
from pipeline.model.releases.plan import KINDS, plan_of, plan_of_release
from pipeline.model.releases.release import check_tag, match_plan, next_revision
from pipeline.model.spec.reader import parse_spec

SHA = "0" * 64
ROOT = Path(__file__).parents[4]
SPEC = """
schema = 1
[runtimes.app]
source = { kind = "registry", package = "app", version = "1.2.3" }
package = "app"
targets = ["amd64", "arm64"]
asset-name = "{runtime}-{rust-triple}-{version}.zip"
[[runtimes.app.companions]]
package = "app-rt"
asset-name = "{runtime}-{version}-{os}-{target}.zip"
[[runtimes.app.companions]]
package = "helper"
[runtimes.app-core]
source = { kind = "path", path = "core" }
targets = ["arm64"]
"""


def patterns(*pairs: tuple[str, str], kind: str = "zip") -> list[str]:
    plan = plan_of(parse_spec(tomllib.loads(SPEC), file_name="x"), pairs)
    return [asset.pattern for asset in plan.assets if asset.kind == kind]


def test_every_zip_has_its_name_and_the_files_beside_it() -> None:
    assert patterns(("app", "arm64"), ("app-core", "arm64")) == [
        "app-aarch64-unknown-linux-gnu-1.2.3.zip",
        "app-rt-[0-9]*-linux-arm64.zip",
        "app-core-[0-9]*-linux-arm64.zip",
    ]
    for kind, ending in KINDS.items():
        assert patterns(("app-core", "arm64"), kind=kind) == [f"app-core-[0-9]*-linux-arm64{ending}"]


VERSIONS = """
[[runtimes.app.versions]]
version = "1.3.0"
[[runtimes.app.versions]]
version = "2.0.0"
buildable = false
"""


def test_the_version_is_the_one_that_is_built_when_none_is_named() -> None:
    plan = plan_of(parse_spec(tomllib.loads(SPEC + VERSIONS)), [("app", "arm64")])
    assert plan.assets[0].pattern == "app-aarch64-unknown-linux-gnu-1.3.0.zip"


def test_a_name_that_begins_with_another_s_is_not_taken_for_it() -> None:
    spec = parse_spec(
        tomllib.loads(
            SPEC.replace('"{runtime}-{rust-triple}-{version}.zip"', '"{runtime}-{target}-{version}.zip"').replace(
                'kind = "registry", package = "app", version = "1.2.3"', 'kind = "path", path = "a"'
            )
        ),
        file_name="x",
    )
    plan = plan_of(spec, [("app", "arm64"), ("app-core", "arm64")])
    names = ["app-arm64-1.0.0", "app-rt-0.1.0-linux-arm64", "app-core-0.1.0-linux-arm64"]
    found = match_plan(plan, [f"{name}{ending}" for name in names for ending in KINDS.values()])
    assert {name: asset.runtime for name, asset in found.items() if name.endswith(".zip")} == {
        "app-arm64-1.0.0.zip": "app",
        "app-rt-0.1.0-linux-arm64.zip": "app",
        "app-core-0.1.0-linux-arm64.zip": "app-core",
    }


def test_the_project_s_own_plan() -> None:
    spec = parse_spec(tomllib.loads((ROOT / "releases.toml").read_text(encoding="utf-8")), file_name="releases.toml")
    pairs = [(name, target) for name, runtime in spec.runtimes.items() for target in runtime.targets]
    found = [asset.pattern for asset in plan_of(spec, pairs).assets]
    assert len(set(found)) == len(found)


def test_every_difference_is_told_at_once() -> None:
    plan = plan_of(parse_spec(tomllib.loads(SPEC), file_name="x"), [("app-core", "arm64")])
    with pytest.raises(PublishError) as caught:
        match_plan(plan, ["app-core-1-linux-arm64.zip", "app-core-2-linux-arm64.zip", "a b", ".hidden"])
    assert caught.value.details == (
        "app-core-[0-9]*-linux-arm64.zip.sha256: no such file\n"
        "app-core-[0-9]*-linux-arm64.components.json: no such file\n"
        "app-core-[0-9]*-linux-arm64.build-info.json: no such file\n"
        "app-core-[0-9]*-linux-arm64.report.html: no such file\n"
        "app-core-[0-9]*-linux-arm64.zip: app-core-1-linux-arm64.zip and app-core-2-linux-arm64.zip\n"
        ".hidden: not in the plan\n"
        "a b: not in the plan\n"
        "'.hidden': the server would rename it\n"
        "'a b': the server would rename it"
    )


@pytest.mark.parametrize("tag", ["v1", "v1.2.3", "v1.2.3-rc.1", "v1.2.3-r2", "v1+x"])
def test_tags_of_releases(tag: str) -> None:
    assert check_tag(tag) == tag


@pytest.mark.parametrize(
    ("tag", "revision"), [("v1.2.3", "v1.2.3-r2"), ("v1.2.3-r2", "v1.2.3-r2"), ("v1-rc.1", "v1-rc.1-r2")]
)
def test_revisions(tag: str, revision: str) -> None:
    assert next_revision(tag, 2) == revision


def manifest(*names: str) -> ReleaseManifest:
    products = tuple(
        Product(
            name=name, version="1.2.3", target="arm64", rust_triple="t", oci_platform="linux/arm64", vm_crate="v8",
            vm_crate_version="1", snapshots=(), subject_sha256=SHA, files=(), assets=(asset(name, AssetKind.ZIP),),
        )
        for name in names
    )  # fmt: skip
    further = (asset("RELEASE-NOTES.md", AssetKind.NOTES),)
    return ReleaseManifest(
        schema_version=1, tag="v1", pipeline_version="1", source_date_epoch_s=0, products=products, further=further
    )


def asset(name: str, kind: AssetKind) -> Asset:
    return Asset(name=name, kind=kind, size_bytes=1, sha256=SHA)


def test_an_assembled_release_is_its_files() -> None:
    made = manifest("app-aarch64-unknown-linux-gnu-1.2.3.zip", "app-rt-1.0.0-linux-arm64.zip")
    plan = plan_of_release(made)
    assert [(item.pattern, item.sha256) for item in plan.assets] == [
        ("app-aarch64-unknown-linux-gnu-1.2.3.zip", SHA),
        ("app-rt-1.0.0-linux-arm64.zip", SHA),
        ("RELEASE-NOTES.md", SHA),
        ("release.json", None),
        ("SHA256SUMS", None),
    ]
