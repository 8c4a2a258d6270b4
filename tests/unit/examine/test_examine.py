"""What is said about programs, archives, packages and images of anybody."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard

from pipeline.context import Context
from pipeline.errors import ArchiveError, NetworkError, UsageError
from pipeline.examine.checks import Expectations
from pipeline.model.events import NullReporter
from pipeline.model.findings import Examined, Severity, failed
from pipeline.model.target import find_target
from pipeline.stages import examine
from tests.unit.elf.files import ElfSpec, elf_file
from tests.unit.examine.inputs import Layout, program, snapshot, tar_bytes, write_tree

ARM64 = find_target("arm64")
C_LIBRARY = {f"lib/{name}": b"" for name in ("libc.so.6", "ld-linux-aarch64.so.1", "ld-linux-x86-64.so.2")}
"""Of an image; that they are there is enough."""
WRONG = ["v8.code", "v8.consistency"]
"""What a snapshot for another architecture comes to."""


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def look(path: Path, expected: Expectations | None = None) -> Examined:
    context = Context(cache_dir=path.parent / "cache", reporter=NullReporter(), environ={})
    wanted = expected or Expectations()
    found = examine.run(examine.ExamineInputs(path=path, shown=path.name, expected=wanted), context)
    assert list((path.parent / "cache/verify").iterdir()) == [], "nothing is left behind"
    return found


def wrong(found: Examined) -> list[tuple[str, str]]:
    return [(finding.id, finding.subject) for finding in failed(found.findings)]


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["amd64", "arm64", "armhf", "s390x", "ppc64el"])
def test_a_program_says_itself_for_which_target_it_is(tmp_path: Path, name: str) -> None:
    path = tmp_path / "app"
    path.write_bytes(program(name))
    found = look(path)
    assert (found.kind, found.targets, found.verdict) == ("file", (name,), Severity.OK)
    assert {"v8.snapshot", "v8.version", "v8.code", "v8.consistency"} <= {finding.id for finding in found.findings}


def test_a_program_with_the_wrong_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "app"
    path.write_bytes(program("arm64", snapshot_of="amd64"))
    found = look(path)
    assert found.verdict is Severity.FAIL
    assert [finding.id for finding in failed(found.findings)] == WRONG


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("app-linux-x64", "as its name says"),
        ("app-x86_64-unknown-linux-gnu", "as its name says"),
        ("app-linux-amd64", "as its name says"),
    ],
)
def test_a_name_that_is_wrong(tmp_path: Path, name: str, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(program("arm64"))
    (finding,) = failed(look(path).findings)
    assert finding.id == "elf.machine"
    assert finding.message == f"is 64-bit little-endian arm64, not 64-bit little-endian amd64, {words}"


@pytest.mark.parametrize("name", ["app-linux-arm64", "app-darwin-x64", "app-win32-x64.exe", "amd64-and-arm64", "app"])
def test_a_name_that_is_right_or_says_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(program("arm64"))
    assert wrong(look(path)) == []


def test_the_target_that_is_asked_for_wins(tmp_path: Path) -> None:
    path = tmp_path / "app-linux-arm64"
    path.write_bytes(program("arm64"))
    (finding,) = failed(look(path, Expectations(target=find_target("s390x"))).findings)
    assert finding.message.endswith("not 64-bit big-endian s390x, as --target says")


def test_a_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "app.zip", {"bin/app": program("arm64", snapshot_of="amd64"), "README": b"x"})
    found = look(path)
    assert (found.kind, found.targets) == ("zip", ("arm64",))
    assert wrong(found) == [(name, "bin/app") for name in WRONG]


def test_a_zip_with_a_link(tmp_path: Path) -> None:
    path = zipped(tmp_path / "app.zip", {"bin/app": program("arm64")})
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("lib/libx.so")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert look(path).verdict is Severity.OK


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, lzma.compress, zstandard.compress, lambda data: zstandard.compress(data) * 2]
)
def test_a_tar_however_it_is_packed(tmp_path: Path, pack: type[bytes]) -> None:
    path = tmp_path / "release"
    path.write_bytes(pack(tar_bytes({"app/bin": program("arm64", snapshot_of="s390x")}, {"app/link": "/etc/passwd"})))
    found = look(path)
    assert (found.kind, found.targets) == ("tar", ("arm64",))
    assert wrong(found) == [(name, "app/bin") for name in WRONG]


@pytest.mark.parametrize(
    ("name", "glibc", "machine"),
    [
        ("app-1-py3-none-manylinux_2_35_aarch64.whl", True, True),
        ("app-1-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.whl", False, True),
        ("app-1-py3-none-manylinux2014_aarch64.whl", False, True),
        ("app-1-py3-none-manylinux_2_35_x86_64.whl", True, False),
        ("app-1-py3-none-any.whl", True, True),
    ],
)
def test_a_wheel_must_hold_what_its_tag_promises(tmp_path: Path, name: str, glibc: bool, machine: bool) -> None:
    found = look(zipped(tmp_path / name, {"app/app": program("arm64")}))
    expected = [] if glibc else [("elf.glibc", "app/app")]
    assert (found.kind, wrong(found)) == ("wheel", expected if machine else [("elf.machine", "app/app")])
    if not glibc:
        assert failed(found.findings)[0].message == "needs glibc 2.34, newer than the 2.17 that the target declares"


@pytest.mark.parametrize(
    ("described", "says"),
    [
        ({"os": ["linux"], "cpu": ["x64"]}, False),
        ({"os": ["linux"], "cpu": ["arm64"]}, True),
        ({"os": ["linux"], "cpu": ["x64", "arm64"]}, True),
        ({"os": ["darwin"], "cpu": ["x64"]}, True),
        ([], True),
        ({"os": 1, "cpu": {}}, True),
    ],
)
def test_an_npm_package(tmp_path: Path, described: object, says: bool) -> None:
    files = {"package/package.json": json.dumps(described).encode(), "package/bin/app": program("arm64")}
    path = tmp_path / "app-1.tgz"
    path.write_bytes(gzip.compress(tar_bytes(files)))
    found = look(path)
    assert (found.kind, wrong(found)) == ("npm-package", [] if says else [("elf.machine", "package/bin/app")])


def test_prebuilds(tmp_path: Path) -> None:
    addon = {name: elf_file(ElfSpec(target=find_target(name))) for name in ("arm64", "amd64", "armhf")}
    root = write_tree(
        tmp_path / "prebuilds",
        {
            "linux-arm64/x.node": addon["arm64"],
            "linux-x64/x.node": addon["arm64"],
            "linux-arm/x.armv7.node": addon["armhf"],
            "darwin-arm64/x.node": b"\xcf\xfa\xed\xfe" + bytes(5000),
            "win32-x64/x.node": b"MZ" + bytes(5000),
        },
    )
    found = look(root)
    assert (found.kind, found.targets) == ("prebuilds", ("arm64", "armhf"))
    (finding,) = failed(found.findings)
    assert (finding.id, finding.subject) == ("elf.machine", "linux-x64/x.node")
    assert finding.message.endswith("as the folder linux-x64 says")


def test_a_tree_whose_snapshot_lies_beside_the_program(tmp_path: Path) -> None:
    engine = elf_file(ElfSpec(target=ARM64, payload=b"\x0014.5.201.2-rusty\0"))
    right = write_tree(tmp_path / "a", {"app": engine, "snapshot_blob.bin": snapshot(ARM64)})
    found = look(right)
    assert found.verdict is Severity.UNKNOWN
    other = write_tree(
        tmp_path / "b", {"app": engine, "snapshot_blob.bin": snapshot(ARM64, version="14.5.201.3-rusty")}
    )
    assert wrong(look(other)) == []  # nothing says what V8 the program is
    both = write_tree(other, {"default.bin": snapshot(ARM64, contexts=1)})
    assert wrong(look(both)) == [("v8.version", "snapshot_blob.bin")]


def test_another_programs_snapshot_does_not_vouch(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "x", {"a": program("amd64"), "b": program("arm64", snapshot_of="amd64")})
    found = look(root)
    assert found.targets == ("amd64", "arm64")
    assert wrong(found) == [(name, "b") for name in WRONG]


def test_what_is_expected_of_the_system_is_a_fact_unless_the_product_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "app"
    path.write_bytes(elf_file(ElfSpec(target=ARM64, needed=("libc.so.6", "libgcc_s.so.1"), runpath="/opt/x/lib")))
    assert wrong(look(path)) == []
    complete = look(path, Expectations(complete=True))
    assert wrong(complete) == [("elf.needed", "app"), ("elf.runpath", "app")]
    assumed = look(path, Expectations(complete=True, assumed=frozenset({"libgcc_s.so.1"})))
    assert wrong(assumed) == [("elf.runpath", "app")]


def test_a_program_for_musl_is_a_fact(tmp_path: Path) -> None:
    path = tmp_path / "app"
    path.write_bytes(elf_file(ElfSpec(target=ARM64, interpreter="/lib/ld-musl-aarch64.so.1")))
    assert wrong(look(path)) == []
    path.write_bytes(elf_file(ElfSpec(target=ARM64, interpreter="/nix/store/x/ld-linux-aarch64.so.1")))
    assert wrong(look(path)) == [("elf.interpreter", "app")]


def test_an_image_for_two_platforms(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "image")
    layout.add_image({"os": "linux", "architecture": "amd64"}, tar_bytes({"app": program("amd64"), **C_LIBRARY}))
    layout.add_image(
        {"os": "linux", "architecture": "arm64", "variant": "v8"},
        gzip.compress(tar_bytes({"./app": program("amd64"), "old": program("arm64"), "keep/x": program("s390x")})),
        tar_bytes({"app": program("arm64", snapshot_of="amd64"), ".wh.old": b"", "keep/.wh..wh..opq": b""}),
    )
    layout.manifests.append(layout.add_json({}) | {"platform": {"os": "unknown", "architecture": "unknown"}})
    layout.write_index()
    found = look(layout.directory)
    assert (found.kind, found.targets) == ("oci-layout", ("amd64", "arm64"))
    assert wrong(found) == [
        ("elf.interpreter", "linux/arm64/v8:app"),
        ("elf.needed", "linux/arm64/v8:app"),
        *[(name, "linux/arm64/v8:app") for name in WRONG],
    ]
    packed = tmp_path / "image.tar"
    with tarfile.open(packed, "w") as archive:
        archive.add(layout.directory, ".")
    again = look(packed)
    assert (again.kind, again.findings) == (found.kind, found.findings)


def test_a_platform_that_is_not_what_the_image_holds(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "image")
    layout.add_image({"os": "linux", "architecture": "arm64"}, tar_bytes({"app": program("amd64"), **C_LIBRARY}))
    (finding,) = failed(look(layout.directory).findings)
    assert (finding.id, finding.subject) == ("elf.machine", "linux/arm64:app")
    assert finding.message.endswith("as the image's platform says")


def test_an_image_with_an_altered_layer(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "image")
    layout.add_image({"os": "linux", "architecture": "arm64"}, tar_bytes({"app": program("arm64"), **C_LIBRARY}))
    blob = max((layout.directory / "blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    blob.write_bytes(tar_bytes({"app": program("arm64"), **C_LIBRARY, "x": b""}))
    assert wrong(look(layout.directory)) == [("oci.digest", f"blobs/sha256/{blob.name}")]


def test_what_docker_save_writes(tmp_path: Path) -> None:
    layer = tar_bytes({"app": program("arm64", snapshot_of="amd64"), **C_LIBRARY})
    config = json.dumps({"os": "linux", "architecture": "arm64"}).encode()
    manifest = json.dumps([{"Config": f"{'a' * 64}.json", "Layers": ["b/layer.tar"]}]).encode()
    path = tmp_path / "saved.tar"
    path.write_bytes(tar_bytes({"manifest.json": manifest, f"{'a' * 64}.json": config, "b/layer.tar": layer}))
    found = look(path)
    assert (found.kind, wrong(found)) == ("docker-archive", [(name, "linux/arm64:app") for name in WRONG])


@pytest.mark.parametrize(
    ("index", "why"),
    [
        ("{", "index.json is not JSON: "),
        ("[]", "index.json is not a JSON object"),
        ('{"manifests": 1}', "manifests is not a list"),
        ('{"manifests": [1]}', "a descriptor without a SHA-256 digest: 'None'"),
        ('{"manifests": [{"digest": "sha256:../../../etc/passwd"}]}', "a descriptor without a SHA-256 digest: "),
        ('{"manifests": [{"digest": "sha256:' + "0" * 64 + '"}]}', f"blobs/sha256/{'0' * 64} is missing"),
        ("[" * 100_000, "index.json is not JSON: "),
    ],
)
def test_an_image_that_makes_no_sense(tmp_path: Path, index: str, why: str) -> None:
    layout = Layout(tmp_path / "image")
    (layout.directory / "index.json").write_text(index)
    with pytest.raises(ArchiveError) as caught:
        look(layout.directory)
    assert caught.value.what.startswith(f"the image cannot be read: {why}")


def test_an_index_that_names_itself(tmp_path: Path) -> None:
    """It cannot by digest, but content may be altered afterwards."""
    layout = Layout(tmp_path / "image")
    inner = layout.add_json({"manifests": []})
    path = layout.directory / "blobs/sha256" / str(inner["digest"]).removeprefix("sha256:")
    path.write_text(json.dumps({"manifests": [inner]}))
    layout.manifests.append(inner)
    layout.write_index()
    with pytest.raises(ArchiveError, match="nested too deeply"):
        look(layout.directory)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("docker://debian:12", "docker.io/library/debian:12"),
        ("debian:12", "docker.io/library/debian:12"),
        ("registry.example/app:1.0", "registry.example/app:1.0"),
    ],
)
def test_an_image_in_a_registry_is_not_asked_for_offline(text: str, name: str, tmp_path: Path) -> None:
    context = Context(cache_dir=tmp_path, reporter=NullReporter(), environ={}, offline=True)
    with pytest.raises(NetworkError) as caught:
        examine.run(examine.ExamineInputs(path=Path(text), shown=text, expected=Expectations()), context)
    assert caught.value.what == f"{name} is in a registry, which cannot be reached with --offline"


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere does not exist"):
        look(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"", b"text", b"\x7fELF", b"\x7fELF" + bytes(100)])
def test_a_file_that_is_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    found = look(path)
    assert (found.verdict, found.targets) == (Severity.FAIL, ())
    assert {finding.id for finding in found.findings} <= {"product.files", "elf.readable"}


def test_objects_that_a_build_left_behind_are_no_programs(tmp_path: Path) -> None:
    relocatable = bytearray(elf_file(ElfSpec(target=find_target("s390x"))))
    relocatable[17] = 1
    root = write_tree(tmp_path / "x", {"app": program("arm64"), "build/linux-x64/a.o": bytes(relocatable)})
    assert wrong(look(root)) == []


def test_another_machine_is_a_fact(tmp_path: Path) -> None:
    content = bytearray(elf_file(ElfSpec(target=ARM64)))
    content[18:20] = (243).to_bytes(2, "little")
    path = tmp_path / "app"
    path.write_bytes(content)
    found = look(path)
    assert found.targets == ("64-bit little-endian machine 243",)
    assert [(f.severity, f.message) for f in found.findings if f.id == "elf.machine"] == [
        (Severity.INFO, "is 64-bit little-endian machine 243, of which nothing more is known here")
    ]


def test_a_bomb_of_headers_is_refused(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as stream:
        header = tarfile.TarInfo("x")
        header.type, header.size = tarfile.XHDTYPE, 1 << 30
        stream.write(header.tobuf(tarfile.PAX_FORMAT))
        for _ in range(64):
            stream.write(bytes(1 << 20))
    path = tmp_path / "x.tgz"
    path.write_bytes(packed.getvalue())
    with pytest.raises(ArchiveError, match="the headers of one member take more than 2097152 bytes"):
        look(path)
