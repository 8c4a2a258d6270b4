"""Pushing to a real registry and reading from it: logins, faults, deaths at every step, other publishers.

The images are small ones whose programs are never run; test_registry_pico.py pushes the real thing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import http.server
import itertools
import json
import os
import shutil
import signal
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.model.target import find_target
from tests.unit.images.made import base_layout_of, finished_build, library

from .command import Cli, Ended
from .forked import ForkedCli, forking
from .packages import unpacked
from .registry import RunningRegistry, docker_config, htpasswd, running_registry, send_image
from .registry_proxy import Fault, Proxy, running_proxy

pytestmark = [pytest.mark.network]

SPEC = """\
schema = 1
default-runtime = "app"
[runtimes.app]
source = { kind = "git", url = "https://example.org/app.git", rev = "0123456789012345678901234567890123456789" }
package = "app"
binaries = ["app"]
targets = ["arm64", "armhf"]
[runtimes.app.image]
variants = ["debian", "ubuntu"]
"""
TARGETS = ("arm64", "armhf")
OWN_TAGS = ("1.0.0", "1.0.0-debian", "1.0.0-ubuntu")
MOVING_TAGS = ("1.0", "1", "latest", "1.0-debian", "1-debian", "debian", "1.0-ubuntu", "1-ubuntu", "ubuntu")
ALL_TAGS = sorted((*OWN_TAGS, *MOVING_TAGS))
PATH = "team/app"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Project:
    """Finished builds and a layout of each variant."""

    cli: ForkedCli
    directory: Path

    def layout(self, name: str, variant: str, *options: str) -> str:
        made = self.cli.run(
            "image", "--layout", name, "--variant", variant, "--base-layout", f"base-{variant}", *options,
            cwd=self.directory,
        )  # fmt: skip
        assert made.exit_code == 0, made.stderr
        return str(made.result["digest"])

    def arguments(self, *hosts: str) -> list[str]:
        repositories = [f"--repository={host}/{PATH}" for host in hosts]
        return ["image", "--push", "debian=debian", "--push", "ubuntu=ubuntu", *repositories]

    def push(self, *hosts: str, env: dict[str, str] | None = None) -> Ended:
        self.directory.joinpath("app.push.json").unlink(missing_ok=True)
        return self.push_on(*hosts, env=env)

    def push_on(self, *hosts: str, env: dict[str, str] | None = None) -> Ended:
        """Push with the journal of an earlier run."""
        return self.cli.run(*self.arguments(*hosts), cwd=self.directory, env=env)


@pytest.fixture(scope="module")
def forked(cli: Cli) -> Iterator[ForkedCli]:
    with forking(cli) as server:
        yield server


@pytest.fixture(scope="module")
def project(forked: ForkedCli, tmp_path_factory: pytest.TempPathFactory) -> Project:
    place = tmp_path_factory.mktemp("project")
    (place / "releases.toml").write_text(SPEC)
    libc: dict[str, dict[str, bytes]] = {}
    for target in TARGETS:
        finished_build(place / "dist", target)
        loader = find_target(target).interpreter.lstrip("/")
        libc[find_target(target).oci_platform] = {n: library(target, Path(n).name) for n in ("lib/libc.so.6", loader)}
    made = Project(cli=forked, directory=place)
    for variant in ("debian", "ubuntu"):
        base_layout_of(place / f"base-{variant}", libc)
        made.layout(variant, variant)
    return made


@pytest.fixture(scope="module")
def program(cli: Cli) -> Path:
    return unpacked(cli, "docker-registry") / "usr/bin/docker-registry"


@pytest.fixture
def registry(program: Path, tmp_path: Path) -> Iterator[RunningRegistry]:
    with running_registry(program, tmp_path / "registry") as running:
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


def test_password_and_who_has_none(project: Project, program: Path, tmp_path: Path) -> None:
    with running_registry(program, tmp_path / "registry", auth=htpasswd(tmp_path)) as registry:
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


@pytest.mark.parametrize(
    "fault",
    [
        Fault(pattern="^PATCH ", cut_after_bytes=200, skip=1),
        Fault(pattern="^PATCH ", status=500, times=2),
        Fault(pattern="^PUT .*/blobs/", status=502),
        Fault(pattern="^PUT .*/manifests/", status=503, times=2),
        Fault(pattern="^POST ", status=429, headers={"Retry-After": "1"}),
        Fault(pattern="^GET .*/blobs/", cut_after_bytes=0, times=2),
    ],
    ids=lambda fault: f"{fault.pattern} {fault.status or 'cut'}",
)
def test_what_passes(project: Project, registry: RunningRegistry, proxy: Proxy, fault: Fault) -> None:
    proxy.faults.append(dataclasses.replace(fault))
    pushed = project.push(proxy.host)
    assert pushed.exit_code == 0, pushed.stderr
    assert proxy.faults[0].times == 0, "the fault did not happen"
    assert sorted(registry.tags(PATH)) == ALL_TAGS


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(pattern="^PATCH ", status=403, times=99), "wants a login"),
        (Fault(pattern="^PATCH ", status=413, times=99, skip=2), "it answered 413"),
        (Fault(pattern="^PUT .*/manifests/sha256", status=400, times=99, skip=3), "it answered 400"),
        (Fault(pattern="^GET .*/blobs/", status=404, times=99), "does not give the blob"),
    ],
    ids=["refused", "too large", "manifest", "lost"],
)
def test_what_does_not_pass_moves_no_tag_of_any_repository(
    project: Project, proxy: Proxy, program: Path, tmp_path: Path, fault: Fault, said: str
) -> None:
    proxy.faults.append(dataclasses.replace(fault))
    with running_registry(program, tmp_path / "other") as other:
        failed = project.push(other.host, proxy.host)
        assert failed.exit_code == 35, failed.stderr
        assert said in failed.stderr
        assert (proxy.tags(PATH), other.tags(PATH)) == ({}, {})
        proxy.faults.clear()
        assert project.push_on(other.host, proxy.host).exit_code == 0
        assert sorted(proxy.tags(PATH)) == sorted(other.tags(PATH)) == ALL_TAGS


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


def killed_after(project: Project, proxy: Proxy, passed: int) -> bool:
    """Push, and kill the process when the registry has acted on one changing request more than *passed*.

    Return False when the push makes no such request.
    """
    fault = Fault(pattern="^(POST|PATCH|PUT) ", skip=passed)
    pid = 0
    fault.after = lambda: os.kill(pid, signal.SIGKILL)
    proxy.faults.append(fault)
    pid = project.cli.begin(*project.arguments(proxy.host), cwd=project.directory)
    code = project.cli.end(timeout_s=120)
    assert code in {0, -signal.SIGKILL}
    return code != 0


def test_killed_all_over_and_run_again(project: Project, program: Path, tmp_path: Path) -> None:
    """Each push is killed some changing requests further on, and another one ends it."""
    (project.directory / "app.push.json").unlink(missing_ok=True)
    for passed in itertools.count(1, 7):  # POST, PATCH and PUT of a blob are hit in turn
        with (
            running_registry(program, tmp_path / f"registry-{passed}") as registry,
            running_proxy(registry) as proxy,
        ):
            if not killed_after(project, proxy, passed):
                break
            tags = registry.tags(PATH)
            assert set(OWN_TAGS) <= set(tags) or set(tags) <= set(OWN_TAGS), (
                "a tag moved before all versions were there"
            )
            finished = project.push_on(proxy.host)
            assert finished.exit_code == 0, finished.stderr
            assert sorted(registry.tags(PATH)) == ALL_TAGS
            journal = json.loads((project.directory / "app.push.json").read_text())
            assert all(move["moved"] and move["before"] is None for move in journal["moves"])
    assert passed > 30


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


def test_a_blob_goes_on_where_the_registry_says(project: Project, registry: RunningRegistry, proxy: Proxy) -> None:
    """It has 200 bytes of the second blob when the connection is cut."""
    proxy.uploads = {}
    proxy.faults.append(Fault(pattern="^PATCH ", cut_after_bytes=200, skip=1))
    pushed = project.push(proxy.host)
    assert pushed.exit_code == 0, pushed.stderr
    begun, gone_on = proxy.ranges[1:3]
    end = begun.removeprefix("0-")
    assert gone_on == f"200-{end}"
    assert [line for line in proxy.ranges[3:] if not line.startswith("0-")] == []
    assert sorted(registry.tags(PATH)) == ALL_TAGS
    assert project.cli.run("verify", f"{registry.host}/{PATH}:1.0.0").exit_code == 0


def test_a_registry_that_is_started_again(project: Project, program: Path, tmp_path: Path) -> None:
    """It dies while it takes a blob; the next one has its disk, and knows nothing of what was under way."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(running_registry(program, tmp_path / "first"))
        proxy = stack.enter_context(running_proxy(first))

        def die() -> None:
            os.kill(first.pid, signal.SIGKILL)
            again = running_registry(program, tmp_path / "again", data_dir=first.data_dir)
            proxy.behind = stack.enter_context(again)

        proxy.faults.append(Fault(pattern="^PATCH ", skip=2, before=die))
        pushed = project.push(proxy.host)
        assert pushed.exit_code == 0, pushed.stderr
        assert proxy.behind is not first
        assert sorted(proxy.tags(PATH)) == ALL_TAGS


def test_a_registry_that_stays_dead(project: Project, program: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with running_registry(program, tmp_path / "first", data_dir=data_dir) as first, running_proxy(first) as proxy:
        # The proxy drops the connections that it cannot pass on.
        proxy.faults.append(
            Fault(pattern="^PUT .*/manifests/", skip=2, before=lambda: os.kill(first.pid, signal.SIGKILL))
        )
        failed = project.push(proxy.host)
        assert failed.exit_code == 35, failed.stderr
        assert f"error: cannot talk to the registry {proxy.host} (tried 6 times): " in failed.stderr
        assert first.tags(PATH) == {}
    with running_registry(program, tmp_path / "again", data_dir=data_dir) as again:
        assert project.push_on(again.host).exit_code == 0
        assert sorted(again.tags(PATH)) == ALL_TAGS


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


def test_a_disk_without_space(project: Project, program: Path, tmp_path: Path) -> None:
    data = tmp_path / "small"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", data], check=True)
    try:
        with running_registry(program, tmp_path / "registry", data_dir=data) as registry:
            full = project.push(registry.host)
            assert full.exit_code == 35, full.stderr
            assert "it answered 500" in full.stderr
            assert registry.tags(PATH) == {}
    finally:
        subprocess.run(["umount", data], check=True)
