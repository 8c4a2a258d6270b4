"""The install script and the command of a package, by Node itself: what works is used, or an error says why."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.server
import os
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from pipeline.installing.machine import this_machine
from pipeline.model.prebuilds.manifest import Libc, Prebuild, PrebuildFile, PrebuildKind, Probe
from tests.unit.data.prebuild_loader.packages import write_files, write_package
from tests.unit.installing.releases import (
    CRASHES,
    DIRECTORY,
    HANGS,
    WORKS,
    Made,
    program,
    serving,
    sha256,
    write_release,
)

HERE = this_machine(os.environ)
ARCH: dict[str, Any] = {"arch": HERE.arch}
SAID = "works: a b\n"
PATH = f"{DIRECTORY}/tool"


def addon(content: bytes, **fields: object) -> Made:
    path = "prebuilds/linux-x64/tool.node"
    values = {
        "kind": PrebuildKind.NODE_ADDON, "name": "tool", "platform": "linux", "arch": HERE.arch, "node_api": 8,
        "path": path, "files": (PrebuildFile(path=path, size_bytes=len(content), sha256=sha256(content)),),
    }  # fmt: skip
    return Made(Prebuild.model_validate(values | fields), {path: content})


def write_executable(path: Path, content: bytes = WORKS) -> Path:
    path.write_bytes(content)
    path.chmod(0o755)
    return path


def test_what_is_there_and_works(tmp_path: Path) -> None:
    package = write_package(tmp_path / "tool", program(**ARCH))
    ended = package.install()
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"prebuilds: tool 1.0.0: {PATH} fits linux-{HERE.arch}, glibc {HERE.libc_version}, ")
    assert package.run("a", "b").stdout == SAID


def test_the_package_of_the_platform(tmp_path: Path) -> None:
    """Style `split`: the files lie in another package, beside this one, as npm puts it."""
    made = program(**ARCH)
    split = Made(made.prebuild.model_copy(update={"npm_package": "@us/tool-linux"}), made.contents)
    package = write_package(tmp_path / "node_modules/tool", split, leave_out=True)
    ended = package.install()
    assert ended.exit_code == 38
    assert f"{PATH} fits, but is not in the package, and it is to be had nowhere else" in ended.stderr
    assert f"{PATH}: fits, but is not there, nor is the package @us/tool-linux" in package.run().stderr
    other = tmp_path / "node_modules/@us/tool-linux"
    write_files(other, made)
    (other / "package.json").write_text("{}")
    assert package.install().exit_code == 0
    assert package.run("a", "b").stdout == SAID


def test_nothing_fits_and_nothing_builds(tmp_path: Path) -> None:
    new = program(tag=".glibc", **ARCH, libc=Libc.GLIBC, libc_floor="9.9")
    musl = program(tag=".musl", **ARCH, libc=Libc.MUSL)
    package = write_package(tmp_path / "tool", new, musl)
    ended = package.install()
    machine = f"linux-{HERE.arch}, glibc {HERE.libc_version}, Node-API "
    first, *others = ended.stderr.splitlines()
    assert first.startswith(f"prebuilds: no prebuild of tool 1.0.0 is used on {machine}")
    assert others == [
        f"  {PATH}.glibc needs glibc 9.9, this is {HERE.libc_version}",
        f"  {PATH}.musl is for musl",
        "  what to do: install optional packages, too, or another version; this package says no command that builds it",
    ]
    assert ended.exit_code == 38
    ended = package.run()
    assert ended.exit_code == 38
    assert ended.stderr.startswith(f"tool 1.0.0 has no program that works here ({machine}")


@pytest.mark.parametrize(
    ("content", "how"),
    [(CRASHES, "signal SIGSEGV"), (HANGS, "no end within 0.5 s"), (b"\x7fELF", "exit status 127")],
)
def test_what_does_not_work_is_built_instead(tmp_path: Path, content: bytes, how: str) -> None:
    probe = Probe(args=("--probe",), exit_code=41, timeout_s=0.5 if content == HANGS else 20)
    package = write_package(
        tmp_path / "tool", program(content, **ARCH, probe=probe),
        prebuilds={"build": ["cp", "source", "built"], "built": {"tool": "built"}},
    )  # fmt: skip
    write_executable(package.root / "source")
    ended = package.install()
    assert ended.exit_code == 0, ended.stderr
    assert how in ended.stdout
    assert "building it: cp source built" in ended.stdout
    assert package.run("a", "b").stdout == SAID


def test_a_build_that_fails(tmp_path: Path) -> None:
    package = write_package(tmp_path / "tool", prebuilds={"build": "echo no compiler >&2; exit 3"})
    ended = package.install()
    assert ended.exit_code == 38
    assert "no compiler\n" in ended.stderr
    assert "  building it (echo no compiler >&2; exit 3) ended with exit status 3\n" in ended.stderr


def test_local_builds_come_first_and_broken_ones_are_passed_over(tmp_path: Path) -> None:
    package = write_package(tmp_path / "tool", program(**ARCH), prebuilds={"built": {"tool": "out/tool"}})
    (package.root / "out").mkdir()
    local = package.root / "out/tool"
    local.write_bytes(b"#!/bin/sh\necho local\n")
    local.chmod(0o755)
    assert package.run("a").stdout == "local\n"
    assert package.run("a", "b", PREBUILDS_ONLY="1").stdout == SAID
    broken = addon(b"no library")
    package = write_package(tmp_path / "addon", broken)
    (package.root / "build/Release").mkdir(parents=True)
    (package.root / "build/Release/tool.node").write_bytes(b"neither")
    found = package.value("loader.load()")
    assert found["code"] == "ERR_PREBUILD"
    assert "  build/Release/tool.node: " in found["error"]
    assert "  prebuilds/linux-x64/tool.node: " in found["error"]


def test_an_addon_that_does_not_load(tmp_path: Path) -> None:
    package = write_package(tmp_path / "tool", addon(b"no library"))
    ended = package.install()
    assert ended.exit_code == 38
    assert "prebuilds/linux-x64/tool.node: it does not load: exit status 1, Error: " in ended.stderr


def test_where_no_second_node_can_be_started(tmp_path: Path) -> None:
    """As under an emulator that the kernel does not know: nothing is known of the addon, and that is said."""
    package = write_package(tmp_path / "tool", addon(b"no library"))
    script = (
        "process.execPath = '/bin/false';"
        "require('./prebuilds/loader/install.cjs').install(process.cwd(), { say: console.log });"
    )
    ended = package.node("-e", script)
    assert ended.stdout.endswith("; it was not run\n"), ended.stderr


def test_an_altered_file(tmp_path: Path) -> None:
    made = addon(b"no library")
    package = write_package(tmp_path / "tool", made)
    (package.root / made.prebuild.path).write_bytes(b"no lxbrary")
    why = "prebuilds/linux-x64/tool.node has another digest than the manifest says"
    assert why in package.install().stderr
    assert why in package.value("loader.load()")["error"]
    (package.root / made.prebuild.path).write_bytes(b"no")
    assert "prebuilds/linux-x64/tool.node has another size" in package.value("loader.resolve()")["error"]


def test_a_download(tmp_path: Path) -> None:
    made = program(WORKS + b"#" * 50_000, **ARCH)
    write_release(tmp_path / "release", made)
    with serving(tmp_path / "release") as server:
        server.cut_first = 2
        package = write_package(tmp_path / "tool", made, leave_out=True, prebuilds={"download": server.url})
        for variables in ({"npm_config_offline": "true"}, {"TOOL_SKIP_DOWNLOAD": "1"}):
            assert package.install(**variables).exit_code == 38
        assert server.seen == []
        ended = package.install()
        assert ended.exit_code == 0, ended.stderr
        assert "; it was downloaded" in ended.stdout
        # It went on where it was cut.
        assert [wanted is None for _path, wanted in server.seen] == [True, True, False, False]
    assert package.run("a", "b").stdout == SAID


def test_a_download_into_the_cache_where_the_package_cannot_be_written(tmp_path: Path) -> None:
    """A file lies where the directory would have to be made: root is not stopped by permissions."""
    made = program(**ARCH)
    write_release(tmp_path / "release", made)
    with serving(tmp_path / "release") as server:
        package = write_package(tmp_path / "tool", made, leave_out=True, prebuilds={"download": server.url})
        (package.root / "prebuilds/linux-x64").symlink_to("/proc/nowhere")
        ended = package.install(PREBUILDS_CACHE=str(tmp_path / "cache"))
        assert ended.exit_code == 0, ended.stderr
    assert package.run("a", "b", PREBUILDS_CACHE=str(tmp_path / "cache")).stdout == SAID
    assert (tmp_path / "cache" / made.prebuild.files[0].sha256 / PATH).is_file()


def test_a_cache_that_cannot_be_used(tmp_path: Path) -> None:
    """It is a file here; another user's, as after `sudo npm install`, is no better. The package itself has room."""
    made = program(**ARCH)
    write_release(tmp_path / "release", made)
    cache = tmp_path / "cache"
    cache.write_text("")
    with serving(tmp_path / "release") as server:
        package = write_package(tmp_path / "tool", made, leave_out=True, prebuilds={"download": server.url})
        ended = package.install(PREBUILDS_CACHE=str(cache))
        assert ended.exit_code == 0, ended.stderr
        assert package.run("a", "b", PREBUILDS_CACHE=str(cache)).stdout == SAID
        (package.root / PATH).unlink()
        (package.root / "prebuilds/.cache/downloads").rmdir()
        (package.root / "prebuilds/.cache").rmdir()
        (package.root / "prebuilds/.cache").symlink_to("/proc/nowhere")
        ended = package.install(PREBUILDS_CACHE=str(cache))
    assert ended.exit_code == 38
    assert (
        f"{cache} cannot be written to (ENOTDIR), {package.root}/prebuilds/.cache cannot be written to ("
        in ended.stderr
    )
    assert "; PREBUILDS_CACHE=DIR names another place\n" in ended.stderr


def test_a_part_that_cannot_be_gone_on_with(tmp_path: Path) -> None:
    made = program(**ARCH)
    write_release(tmp_path / "release", made)
    part = tmp_path / "cache/downloads" / f"{sha256((tmp_path / 'release/tool-0.zip').read_bytes())}.part"
    (part / "inside").mkdir(parents=True)
    with serving(tmp_path / "release") as server:
        package = write_package(tmp_path / "tool", made, leave_out=True, prebuilds={"download": server.url})
        ended = package.install(PREBUILDS_CACHE=str(tmp_path / "cache"))
    assert ended.exit_code == 0, ended.stderr
    assert package.run("a", "b").stdout == SAID


def test_what_arrives_is_compared_with_the_package(tmp_path: Path) -> None:
    """The server has another file, and an index that fits it."""
    write_release(tmp_path / "release", program(WORKS[:-1] + b"#", **ARCH))
    with serving(tmp_path / "release") as server:
        package = write_package(tmp_path / "tool", program(**ARCH), leave_out=True, prebuilds={"download": server.url})
        ended = package.install()
    assert ended.exit_code == 38
    assert f"{PATH} has another digest than the manifest in the package says" in ended.stderr
    assert not (package.root / PATH).exists()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda content: content[:-1] + b"x", "the zip has the SHA-256 "),
        (lambda content: content + b"x", "it is larger than the "),
    ],
)
def test_an_altered_zip(tmp_path: Path, damage: object, why: str) -> None:
    made = program(**ARCH)
    write_release(tmp_path / "release", made)
    zipped = tmp_path / "release/tool-0.zip"
    zipped.write_bytes(damage(zipped.read_bytes()))  # type: ignore[operator]
    with serving(tmp_path / "release") as server:
        package = write_package(tmp_path / "tool", made, leave_out=True, prebuilds={"download": server.url})
        ended = package.install()
        assert ended.exit_code == 38
        assert why in ended.stderr
        # The next one begins anew.
        write_release(tmp_path / "release", made)
        assert package.install().exit_code == 0


def test_a_zip_that_leads_out(tmp_path: Path) -> None:
    made = program(**ARCH)
    write_release(tmp_path / "release", made, further=("../../evil",))
    with serving(tmp_path / "release") as server:
        package = write_package(tmp_path / "tool", made, leave_out=True, prebuilds={"download": server.url})
        ended = package.install()
    assert ended.exit_code == 38
    assert '"../../evil" leads out of the directory' in ended.stderr
    assert not list(tmp_path.rglob("evil"))


def test_redirects(tmp_path: Path) -> None:
    made = program(**ARCH)
    write_release(tmp_path / "release", made)
    with serving(tmp_path / "release") as there, serving(tmp_path / "release") as server:
        server.redirect = lambda path: None if path.endswith(".json") else f"{there.url}{path}"
        package = write_package(tmp_path / "tool", made, leave_out=True, prebuilds={"download": server.url})
        ended = package.install()
        assert ended.exit_code == 38
        assert f"{there.url}/tool-0.zip is on a host that is not allowed" in ended.stderr
        assert there.seen == []
        host = there.url.removeprefix("http://")
        assert f"{there.url}/tool-0.zip is not encrypted" in package.install(PREBUILDS_HOSTS=host).stderr


def test_a_mirror_that_is_down_and_one_that_works(tmp_path: Path) -> None:
    made = program(**ARCH)
    write_release(tmp_path / "release", made)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with serving(tmp_path / "release") as server, serving(tmp_path / "release") as mirror:
        package = write_package(tmp_path / "tool", made, leave_out=True, prebuilds={"download": server.url})
        assert package.install(TOOL_BINARY_MIRROR=mirror.url).exit_code == 0
        assert server.seen == []
        (package.root / PATH).unlink()
        assert package.install(npm_config_tool_binary_host_mirror=f"http://127.0.0.1:{port}/").exit_code == 0
        assert len(server.seen) == 2
        (package.root / PATH).unlink()
        assert package.install(TOOL_BINARY_MIRROR="mirror.example").exit_code == 0
        (package.root / PATH).unlink()
        server.redirect = lambda path: f"{mirror.url}{path}"
        assert "  mirror.example/ is no address\n" in package.install(TOOL_BINARY_MIRROR="mirror.example").stderr


def test_installs_at_once(tmp_path: Path) -> None:
    made = program(WORKS + b"#" * 200_000, **ARCH)
    write_release(tmp_path / "release", made)
    with serving(tmp_path / "release") as server, concurrent.futures.ThreadPoolExecutor(3) as pool:
        package = write_package(tmp_path / "tool", made, leave_out=True, prebuilds={"download": server.url})
        jobs = [pool.submit(package.install) for _ in range(3)]
        assert [job.result().exit_code for job in jobs] == [0, 0, 0]
    assert package.run("a", "b").stdout == SAID
    assert [path.name for path in (package.root / DIRECTORY).iterdir()] == ["tool"]


def test_builds_at_once_are_one_build(tmp_path: Path) -> None:
    build = "sleep 1; echo run >>runs; cp source built"
    made = program(arch="sparc")
    package = write_package(tmp_path / "tool", made, prebuilds={"build": build, "built": {"tool": "built"}})
    write_executable(package.root / "source")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(package.install) for _ in range(2)]
        assert [job.result().exit_code for job in jobs] == [0, 0]
    assert (package.root / "runs").read_text() == "run\n"


def test_variables(tmp_path: Path) -> None:
    package = write_package(
        tmp_path / "tool", program(**ARCH),
        prebuilds={"build": "cp source built", "built": {"tool": "built"}},
    )  # fmt: skip
    write_executable(package.root / "source")
    own = write_executable(tmp_path / "own", b"#!/bin/sh\necho own\n")
    assert package.install(TOOL_BINARY=str(own)).stdout == f"prebuilds: tool 1.0.0: {own}, named by TOOL_BINARY\n"
    assert package.run(TOOL_BINARY=str(own)).stdout == "own\n"
    ended = package.install(TOOL_BINARY="/nowhere")
    assert ended.exit_code == 38
    assert ended.stderr.splitlines() == [
        "prebuilds: /nowhere, named by TOOL_BINARY, cannot be used: it is not there",
        "  what to do: correct or unset TOOL_BINARY",
    ]
    for value in ("true", "other,tool"):
        ended = package.install(npm_config_build_from_source=value)
        assert (ended.exit_code, "building it: cp source built" in ended.stdout) == (0, True)
    assert "building it" not in package.install(npm_config_build_from_source="other").stdout


def test_for_another_machine(tmp_path: Path) -> None:
    arm = program(CRASHES, tag=".musl", arch="arm64", libc=Libc.MUSL)
    package = write_package(tmp_path / "tool", program(**ARCH), arm, prebuilds={"build": "exit 1"})
    ended = package.install(npm_config_cpu="arm64", npm_config_libc="musl")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert f"{PATH}.musl fits linux-arm64, musl, " in ended.stdout
    ended = package.install(npm_config_cpu="s390x")
    assert ended.exit_code == 38
    assert "install it on that machine" in ended.stderr


def test_import(tmp_path: Path) -> None:
    package = write_package(tmp_path / "tool", program(**ARCH))
    script = (
        "import loader, { resolve } from './prebuilds/loader/index.mjs';"
        "console.log(resolve(process.cwd(), { kind: 'executable' }) === loader.resolve('.', { kind: 'executable' }));"
    )
    assert package.node("--input-type=module", "-e", script).stdout == "true\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"schema_version": 2}',
        '{"schema_version": 1, "name": "x", "version": "1", "prebuilds": [{"path": "../x"}]}',
    ],
)
def test_manifests_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    package = write_package(tmp_path / "tool")
    (package.root / "prebuilds/manifest.json").write_text(text)
    ended = package.install()
    assert ended.exit_code == 38
    assert "prebuilds/manifest.json is no manifest of prebuilds: " in ended.stderr


class Proxy(http.server.BaseHTTPRequestHandler):
    """A proxy for plain requests and for tunnels."""

    seen: list[str]

    def do_CONNECT(self) -> None:
        self.seen.append(f"CONNECT {self.path} {self.headers.get('Proxy-Authorization')}")
        port = int(self.path.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as there:
            self.send_response(200)
            self.end_headers()
            sockets = [self.connection, there]
            while True:
                for ready in select.select(sockets, [], [], 10)[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    sockets[1 - sockets.index(ready)].sendall(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextlib.contextmanager
def proxying() -> Iterator[tuple[str, list[str]]]:
    seen: list[str] = []
    handler = type("Bound", (Proxy,), {"seen": seen})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}", seen
        finally:
            server.shutdown()


@contextlib.contextmanager
def encrypted(server_port: int, authority: trustme.CA) -> Iterator[int]:
    """Yield a port that speaks TLS, as localhost, and passes on what it is asked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client = listener.accept()[0]
                    threading.Thread(target=relay, args=(client,), daemon=True).start()

        def relay(client: socket.socket) -> None:
            with (
                contextlib.suppress(OSError),
                context.wrap_socket(client, server_side=True) as inner,
                socket.create_connection(("127.0.0.1", server_port)) as there,
            ):
                there.sendall(inner.recv(65536))
                while data := there.recv(65536):
                    inner.sendall(data)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_certificates_and_proxies(tmp_path: Path) -> None:
    made = program(**ARCH)
    write_release(tmp_path / "release", made)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with (
        serving(tmp_path / "release") as server,
        encrypted(int(server.url.rpartition(":")[2]), authority) as port,
        proxying() as (proxy, seen),
    ):
        url = f"https://localhost:{port}"
        package = write_package(tmp_path / "tool", made, leave_out=True, prebuilds={"download": url})
        assert "certificate" in package.install().stderr
        trusted = {"npm_config_cafile": str(tmp_path / "ca.pem")}
        for env in (trusted, {"NODE_EXTRA_CA_CERTS": str(tmp_path / "ca.pem")}):
            ended = package.install(**env)
            assert ended.exit_code == 0, ended.stderr
            (package.root / PATH).unlink()
        assert seen == []
        ended = package.install(**trusted, HTTPS_PROXY=f"http://us:secret@{proxy}")
        assert ended.exit_code == 0, ended.stderr
        assert seen == [f"CONNECT localhost:{port} Basic dXM6c2VjcmV0"] * 2
        (package.root / PATH).unlink()
        ended = package.install(**trusted, npm_config_https_proxy=proxy, NO_PROXY="example.com, localhost")
        assert ended.exit_code == 0, ended.stderr
        assert len(seen) == 2
    with serving(tmp_path / "release") as server:
        package = write_package(tmp_path / "plain", made, leave_out=True, prebuilds={"download": "http://us.invalid/"})
        ended = package.install(http_proxy=server.url)
        assert ended.exit_code == 0, ended.stderr
        assert server.paths()[0] == "http://us.invalid/tool-1.0.0.prebuilds.json"
