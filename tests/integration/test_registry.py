"""Pushing to a real registry and reading from it: logins, tags, other publishers, bases.

What goes wrong on the way: test_registry_faults.py. The real thing: test_image_pico.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import shutil
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.images.made import base_layout_of

from .command import Ended
from .registry import RunningRegistry, docker_config, htpasswd, running_registry, send_image
from .registry_project import ALL_TAGS, OWN_TAGS, PATH, SPEC, TARGETS, Project
from .registry_proxy import Fault, Proxy, running_proxy

pytestmark = [pytest.mark.network]


@pytest.fixture
def registry(registry_program: Path, tmp_path: Path) -> Iterator[RunningRegistry]:
    with running_registry(registry_program, tmp_path / "registry") as running:
        yield running


@pytest.fixture
def proxy(registry: RunningRegistry) -> Iterator[Proxy]:
    with running_proxy(registry) as running:
        yield running


def test_everything_is_there_and_a_second_push_sends_nothing(
    project: Project, registry: RunningRegistry, proxy: Proxy
) -> None:
    pushed = project.push(proxy.host)
    assert pushed.exit_code == 0, pushed.stderr
    tags = registry.tags(PATH)
    assert sorted(tags) == ALL_TAGS
    digests = {item["variant"]: item["digest"] for item in pushed.result["images"]}
    assert tags == {tag: digests["ubuntu" if "ubuntu" in tag else "debian"] for tag in ALL_TAGS}
    lines = [line for line in proxy.seen if line.startswith("PUT") and "/manifests/" in line]
    order = [line.rpartition("/")[2] for line in lines if "sha256:" not in line]
    assert sorted(order[:3]) == sorted(OWN_TAGS)
    proxy.seen.clear()
    again = project.push_on(proxy.host)
    assert again.exit_code == 0, again.stderr
    assert [line for line in proxy.seen if line.split()[0] not in {"GET", "HEAD"}] == []
    assert [item["blobs"] for item in again.result["images"]] == [0, 0]


def test_a_second_repository_of_the_registry(project: Project, registry: RunningRegistry) -> None:
    """It gets the blobs mounted, and its own proof and tags."""
    arguments = [*project.arguments(registry.host), f"--repository={registry.host}/copies/app"]
    project.directory.joinpath("app.push.json").unlink(missing_ok=True)
    pushed = project.cli.run(*arguments, cwd=project.directory)
    assert pushed.exit_code == 0, pushed.stderr
    sent = {item["repository"].partition("/")[2]: item["blobs"] for item in pushed.result["images"]}
    assert sent["copies/app"] == 0 < sent[PATH]
    assert registry.tags(PATH) == registry.tags("copies/app")


def test_it_is_verified_by_its_name(project: Project, registry: RunningRegistry) -> None:
    assert project.push(registry.host).exit_code == 0
    for name in (f"docker://{registry.host}/{PATH}:1.0.0", f"{registry.host}/{PATH}:ubuntu"):
        found = project.cli.run("verify", name)
        assert found.exit_code == 0, found.stderr
        (file,) = found.result["files"]
        assert (file["kind"], file["verdict"], sorted(file["targets"])) == ("oci-layout", "ok", sorted(TARGETS))
    missing = project.cli.run("verify", f"{registry.host}/{PATH}:2")
    assert missing.exit_code == 35
    assert f"error: there is no image {registry.host}/{PATH}:2\n" in missing.stderr


def test_password_and_who_has_none(project: Project, registry_program: Path, tmp_path: Path) -> None:
    with running_registry(registry_program, tmp_path / "registry", auth=htpasswd(tmp_path)) as registry:
        nobody = project.push(registry.host, env={"DOCKER_CONFIG": str(tmp_path / "none")})
        assert nobody.exit_code == 35
        assert f"{registry.host} wants a login" in nobody.stderr
        wrong = project.push(registry.host, env=docker_config(tmp_path / "wrong", registry.host, "hunter2"))
        assert wrong.exit_code == 35
        assert f"{registry.host} does not accept the login" in wrong.stderr
        assert "hunter2" not in wrong.stderr + wrong.stdout
        assert registry.tags(PATH) == {}
        right = docker_config(tmp_path / "right", registry.host)
        pushed = project.push(registry.host, env=right)
        assert pushed.exit_code == 0, pushed.stderr
        assert project.cli.run("verify", f"{registry.host}/{PATH}:1", env=right).exit_code == 0


def test_an_image_that_lacks_a_platform(project: Project, registry: RunningRegistry) -> None:
    project.layout("half", "debian", "--target", "arm64")
    arguments = ["image", "--push", "debian=half", "--repository", f"{registry.host}/{PATH}"]
    refused = project.cli.run(*arguments, cwd=project.directory)
    assert refused.exit_code == 34
    assert "is not an image of these builds: it has linux/arm64\n" in refused.stderr
    assert registry.tags(PATH) == {}


def test_a_version_never_changes(project: Project, registry: RunningRegistry) -> None:
    assert project.push(registry.host).exit_code == 0
    before = registry.tags(PATH)
    project.layout("changed", "debian", "--revision", "f" * 40)
    arguments = ["image", "--push", "debian=changed", "--repository", f"{registry.host}/{PATH}"]
    refused = project.cli.run(*arguments, cwd=project.directory)
    assert refused.exit_code == 35
    assert f"{registry.host}/{PATH}:1.0.0 is there already, and is another image" in refused.stderr
    assert registry.tags(PATH) == before


def test_another_publisher(project: Project, registry: RunningRegistry, proxy: Proxy) -> None:
    """While this push is at its last tag, somebody else moves it."""
    moved = threading.Event()

    def steal() -> None:
        manifests = registry.data_dir / "docker/registry/v2/repositories" / PATH / "_manifests"
        place = manifests / "tags/ubuntu/current/link"
        place.parent.mkdir(parents=True)
        place.write_text(registry.tags(PATH)["latest"])
        moved.set()

    # The second time that the tag is read is right before it would be moved.
    proxy.faults.append(Fault(pattern="^GET .*/manifests/ubuntu$", skip=1, before=steal))
    stopped = project.push(proxy.host)
    assert moved.is_set()
    assert stopped.exit_code == 35, stopped.stderr
    assert f"somebody else publishes to {proxy.host}/{PATH}: its tag ubuntu is at sha256:" in stopped.stderr
    journal = json.loads((project.directory / "app.push.json").read_text())
    assert [move["tag"] for move in journal["moves"] if not move["moved"]] == ["ubuntu"]


@contextlib.contextmanager
def token_server(behind: RunningRegistry) -> Iterator[tuple[str, list[str]]]:
    """A registry's front that wants bearer tokens, and hands them out to who has the password."""
    asked: list[str] = []
    with running_proxy(behind) as proxy:

        class Front(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked.append(f"{self.path} {self.headers.get('Authorization', '')}")
                granted = "Basic" in self.headers.get("Authorization", "")
                body = json.dumps({"token": "granted"} if granted else {"token": "anonymous"}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Front) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            realm = f"http://127.0.0.1:{server.server_address[1]}/token"
            proxy.token = ("granted", f'Bearer realm="{realm}",service="tests"')
            yield proxy.host, asked
            server.shutdown()


def test_tokens_of_a_token_server(project: Project, registry: RunningRegistry, tmp_path: Path) -> None:
    with token_server(registry) as (host, asked):
        refused = project.push(host, env={"DOCKER_CONFIG": str(tmp_path / "none")})
        assert refused.exit_code == 35
        assert f"{host} wants a login" in refused.stderr
        asked.clear()
        pushed = project.push(host, env=docker_config(tmp_path / "docker", host))
        assert pushed.exit_code == 0, pushed.stderr
    assert sorted(registry.tags(PATH)) == ALL_TAGS
    scopes = [line.partition("scope=")[2].partition(" ")[0] for line in asked]
    assert "repository%3Ateam%2Fapp%3Apull%2Cpush" in scopes
    assert all(" Basic " in line for line in asked)


def test_a_tar_as_bake_writes_it(project: Project, registry: RunningRegistry, tmp_path: Path) -> None:
    place = tmp_path / "app.oci.tar"
    with tarfile.open(place, "w") as archive:
        for path in sorted((project.directory / "debian").rglob("*")):
            if not path.name.startswith("."):
                archive.add(path, path.relative_to(project.directory / "debian"), recursive=False)
    arguments = ["image", "--push", f"debian={place}", "--repository", f"{registry.host}/{PATH}"]
    pushed = project.cli.run(*arguments, cwd=project.directory)
    assert pushed.exit_code == 0, pushed.stderr
    top: dict[str, Any] = json.loads((project.directory / "debian/index.json").read_text())["manifests"][0]
    assert registry.tags(PATH)["latest"] == top["digest"]
    content = (project.directory / "debian/blobs/sha256" / top["digest"][7:]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == top["digest"][7:]


def attested(layout: Path, place: Path) -> str:
    """Copy a layout, and have its index name an attestation, as BuildKit does; return the index's digest."""
    shutil.copytree(layout, place)
    described = json.loads((place / "index.json").read_text())
    (top,) = described["manifests"]
    index = json.loads((place / "blobs/sha256" / top["digest"][7:]).read_text())

    def add(value: object, media_type: str) -> dict[str, Any]:
        content = json.dumps(value).encode()
        digest = hashlib.sha256(content).hexdigest()
        (place / "blobs/sha256" / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    manifest_type = index["manifests"][0]["mediaType"]
    statement = {
        "schemaVersion": 2, "mediaType": manifest_type,
        "config": add({"architecture": "unknown", "os": "unknown"}, "application/vnd.oci.image.config.v1+json"),
        "layers": [add({"predicateType": "https://spdx.dev/Document"}, "application/vnd.in-toto+json")],
    }  # fmt: skip
    about = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": top["digest"]}
    named = {"platform": {"architecture": "unknown", "os": "unknown"}, "annotations": about}
    index["manifests"].append(add(statement, manifest_type) | named)
    described["manifests"] = [top | add(index, top["mediaType"])]
    (place / "index.json").write_text(json.dumps(described))
    return str(described["manifests"][0]["digest"])


def test_what_is_attested_is_pushed_but_not_proved(project: Project, registry: RunningRegistry) -> None:
    """As bake writes images: their proof fetches platforms only."""
    place = project.directory / "attested"
    digest = attested(project.directory / "debian", place)
    try:
        named = ("--push", "debian=attested", "--repository", f"{registry.host}/attested/app")
        pushed = project.cli.run("image", *named, cwd=project.directory)
        assert pushed.exit_code == 0, pushed.stderr
    finally:
        shutil.rmtree(place)
        (project.directory / "app.push.json").unlink(missing_ok=True)
    assert registry.tags("attested/app")["1.0.0"] == digest


def test_programs_under_each_others_platform(project: Project, registry: RunningRegistry, tmp_path: Path) -> None:
    """Everything has the digest that it should have; the index says the wrong thing."""
    swapped = tmp_path / "swapped"
    shutil.copytree(project.directory / "debian", swapped)
    described = json.loads((swapped / "index.json").read_text())
    (top,) = described["manifests"]
    index = json.loads((swapped / "blobs/sha256" / top["digest"][7:]).read_bytes())
    first, second = index["manifests"]
    first["platform"], second["platform"] = second["platform"], first["platform"]
    content = json.dumps(index).encode()
    digest = hashlib.sha256(content).hexdigest()
    (swapped / "blobs/sha256" / digest).write_bytes(content)
    top |= {"digest": f"sha256:{digest}", "size": len(content)}
    (swapped / "index.json").write_text(json.dumps(described))
    arguments = ["image", "--push", f"debian={swapped}", "--repository", f"{registry.host}/{PATH}"]
    refused = project.cli.run(*arguments, cwd=project.directory)
    assert refused.exit_code == 21, refused.stderr
    assert "elf.machine" in refused.stderr
    assert registry.tags(PATH) == {}


def test_a_version_that_has_fewer_platforms(project: Project, registry: RunningRegistry) -> None:
    """What the registry has under the version's tag is no manifest list of all these builds."""
    project.layout("less", "debian", "--target", "arm64")
    base = ["image", "--repository", f"{registry.host}/{PATH}", "--target", "arm64", "--push", "debian=less"]
    assert project.cli.run(*base, cwd=project.directory).exit_code == 0
    before = registry.tags(PATH)
    refused = project.push(registry.host)
    assert refused.exit_code == 35
    assert f"{registry.host}/{PATH}:1.0.0 is there already, and is another image" in refused.stderr
    assert registry.tags(PATH) == before


def test_bases_are_looked_up_in_their_registries(project: Project, registry: RunningRegistry, tmp_path: Path) -> None:
    """One with all platforms, one that lacks a platform, one that has no index, one that is not there."""
    send_image(registry, "bases/whole", project.directory / "base-debian")
    base_layout_of(tmp_path / "half", {"linux/arm64": {}})
    send_image(registry, "bases/half", tmp_path / "half")
    send_image(registry, "bases/single", tmp_path / "half", platform=True)

    def check(name: str, *options: str) -> Ended:
        spec = tmp_path / "releases.toml"
        spec.write_text(f'{SPEC}bases = {{ debian = "{registry.host}/bases/{name}" }}\n'.replace(', "ubuntu"', ""))
        assert project.cli.run("image", "--write", "--spec", spec).exit_code == 0
        return project.cli.run("image", "--check", "--resolve-bases", "--spec", spec, *options)

    assert check("whole:1").result["bases"] == {"debian": ["linux/arm/v7", "linux/arm64"]}
    for name in ("half", "single"):
        assert check(f"{name}:1", "--target", "arm64").exit_code == 0
        lacking = check(f"{name}:1")
        assert lacking.exit_code == 34
        assert f"the base {registry.host}/bases/{name}:1 has nothing for linux/arm/v7\n" in lacking.stderr
    missing = check("none:1")
    assert missing.exit_code == 35
    assert f"there is no base {registry.host}/bases/none:1\n" in missing.stderr
