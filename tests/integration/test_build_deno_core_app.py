"""A runtime on ``deno_core``: one package with program and build script, V8 from an archive made elsewhere.

What is built is a copy at one place in the cache, so that its scripts can be changed and its crates, which take
minutes to compile, are compiled once.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import fs
from pipeline.model.execution import ExecRequest, ExecResult
from pipeline.model.findings import Severity
from pipeline.model.record import BuildRecord
from pipeline.snapshots import bundles

from .command import ROOT, Cli
from .handoffs import emulator_words
from .products import BUILD_TIMEOUT_S, PRIVATE, Built, bare_executor, run_script, toolchain_for
from .sshd import Sshd

MIRROR = ROOT.parent / "shared" / "v8-mirror"
NAME = "deno-core-app"
EXAMPLE = ROOT / "examples" / NAME
GENERATOR = f"compile generator of {NAME}"
SNAPSHOT = f"snapshot of {NAME}"
SUITE = "bullseye"
START_UP = "eval", "console.log(App.build.target)"

pytestmark = [
    pytest.mark.network,
    pytest.mark.toolbox,
    pytest.mark.slow,
    pytest.mark.skipif(not MIRROR.is_dir(), reason=f"there is no V8 archive in {MIRROR}"),
]


class Workplace:
    """A copy of releases.toml, with the example and the files of canaries beside it."""

    def __init__(self, cli: Cli, directory: Path) -> None:
        self._cli = cli
        self.spec = directory / "releases.toml"
        self.example = directory / EXAMPLE.relative_to(ROOT)
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(EXAMPLE, self.example, ignore=shutil.ignore_patterns("target"))
        shutil.copytree(ROOT / "canaries", directory / "canaries")
        shutil.copy2(ROOT / "releases.toml", self.spec)

    def options(self, spec: Path | None = None) -> tuple[str | Path, ...]:
        return "--spec", spec or self.spec, "--runtime", NAME, "--v8", f"prebuilt:{MIRROR}"

    def build(self, directory: Path, spec: Path | None = None) -> Built:
        return Built(self._cli, "arm64", directory, *self.options(spec))


@pytest.fixture(scope="module")
def workplace(cli: Cli) -> Iterator[Workplace]:
    directory = cli.cache_dir / "copies" / NAME
    with fs.locked(directory.with_suffix(".lock")):
        yield Workplace(cli, directory)


@pytest.fixture(scope="module")
def built(workplace: Workplace, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return workplace.build(tmp_path_factory.mktemp(NAME))


def run(cli: Cli, built: Built, *argv: str, directory: Path) -> ExecResult:
    """Run the product on a root that holds the C library and nothing else."""
    request = ExecRequest(
        argv=(str(built.product_dir / NAME), *argv), env={}, workdir=directory, target=built.target, timeout_s=60
    )
    return bare_executor(toolchain_for(cli, "arm64", suite=SUITE), directory).run(request)


def test_a_second_build_makes_nothing_anew(workplace: Workplace, built: Built, tmp_path: Path) -> None:
    """The first test, as others build the same workspace in other ways."""
    again = workplace.build(tmp_path)
    assert SNAPSHOT not in again.steps
    assert {"bundle", "package", "verify"}.isdisjoint(again.steps)
    assert again.steps[GENERATOR]["detail"].endswith("units fresh")
    assert again.steps["compile product"]["detail"].endswith("units fresh")
    assert again.record.subject == built.record.subject


def test_one_snapshot_was_made_for_the_target_and_lies_in_the_product(built: Built) -> None:
    assert built.zip_path.name == f"{NAME}-0.1.0-linux-arm64.zip"
    assert built.record.verdict is Severity.OK
    (made,) = built.record.subject.snapshots
    (file,) = made.files
    assert (made.package, file.path) == (NAME, "APP_SNAPSHOT.bin")
    assert file.v8 is not None
    assert file.v8.version == "13.7.152.14-rusty"
    by_id = {finding.id: finding for finding in built.record.findings}
    assert by_id["snapshot.present"].evidence == {"size_bytes": file.size_bytes, "found_in": (NAME,)}
    architecture = by_id["v8.consistency"]
    assert architecture.severity is Severity.OK
    assert architecture.message == (
        "was made for the same architecture as V8's own: "
        "all 2401 builtins that the snapshot lists have the sizes that V8's own has"
    )


def test_it_runs_from_glibc_2_31_on(built: Built) -> None:
    """On Debian 11, Ubuntu 20.04 and later, although the archive was compiled on a newer system."""
    floor = built.record.subject.glibc_floor
    assert floor is not None
    assert tuple(map(int, floor.split("."))) <= (2, 31)
    said = {f.subject: (f.severity, f.evidence["declared"]) for f in built.record.findings if f.id == "elf.glibc"}
    assert said == {NAME: (Severity.OK, "2.31"), "lib/libgcc_s.so.1": (Severity.OK, "2.31")}
    (libc,) = (tool for tool in built.record.subject.toolchain if tool.name == "libc6:arm64")
    assert libc.version.startswith("2.31-")


def test_a_floor_that_is_exceeded_fails_the_build(workplace: Workplace, built: Built, cli: Cli, tmp_path: Path) -> None:
    assert built.zip_path.is_file()
    target = ("--target", "arm64", "--toolchain", PRIVATE)
    ended = cli.run("build", *target, "--out", tmp_path, "--glibc", "2.28", *workplace.options())
    assert ended.exit_code == 21, ended.stderr
    assert list(tmp_path.iterdir()) == []
    said = f"elf.glibc: {NAME}: needs glibc 2.30, newer than the 2.28 that the target declares: gettid (2.30), "
    assert said in ended.stderr


def test_one_file_for_users_who_have_the_rest(workplace: Workplace, built: Built, tmp_path: Path) -> None:
    spec = workplace.spec.with_name("one-file.toml")
    settings = 'asset-name = "{runtime}-{os}-{target}.zip"\nassumed-libraries = ["libgcc_s.so.1"]\n'
    heading = f"[runtimes.{NAME}]\n"
    spec.write_text(workplace.spec.read_text().replace(heading, heading + settings))
    made = workplace.build(tmp_path, spec)
    assert made.zip_path.name == f"{NAME}-linux-arm64.zip"
    assert [file.path for file in made.record.subject.files] == [NAME]
    assert made.record.subject.assumed_libraries == ("libgcc_s.so.1",)
    assert (made.record.verdict, made.steps["verify"]["where"]) == (Severity.OK, "emulated")
    (needed,) = (finding for finding in made.record.findings if finding.id == "elf.needed")
    assert needed.evidence["assumed"] == ("libgcc_s.so.1",)
    program = next(file for file in built.record.subject.files if file.path == NAME)
    assert made.record.subject.files[0].size_bytes < program.size_bytes, "no search path was added"


def test_only_the_snapshot_and_the_checks_ran_emulated(built: Built) -> None:
    emulated = {title for title, step in built.steps.items() if step["where"] == "emulated"}
    assert emulated <= {SNAPSHOT, "verify"}
    assert built.record.executor is not None
    assert built.record.executor.emulated


@pytest.mark.parametrize("options", [(), ("--no-snapshot",)], ids=["from the snapshot", "from the sources"])
def test_every_script_answers_on_a_bare_root(built: Built, cli: Cli, tmp_path: Path, options: tuple[str, ...]) -> None:
    executor = bare_executor(toolchain_for(cli, "arm64", suite=SUITE), tmp_path)
    scripts = sorted((EXAMPLE / "tests").glob("*.js"))
    assert len(scripts) > 10
    program = (NAME, *options)
    wrong = [problem for script in scripts if (problem := run_script(executor, program, built, script))]
    assert not wrong, "\n\n".join(wrong)


def test_the_heap_was_made_for_the_target(built: Built, cli: Cli, tmp_path: Path) -> None:
    result = run(cli, built, *START_UP, directory=tmp_path)
    assert (result.exit_code, result.stdout) == (0, b"aarch64-unknown-linux-gnu\n")


def test_a_changed_script_makes_another_snapshot_and_compiles_the_program_only(
    workplace: Workplace, built: Built, cli: Cli, tmp_path: Path
) -> None:
    script = workplace.example / "src" / "js" / "99_main.js"
    original = script.read_text()
    script.write_text(f"{original}globalThis.changedByTheTest = 'seen';\n")
    try:
        changed = workplace.build(tmp_path)
    finally:
        script.write_text(original)
    assert changed.steps[GENERATOR]["detail"].endswith("units fresh")
    assert changed.steps[SNAPSHOT]["where"] == "emulated"
    assert changed.steps["compile product"]["detail"].startswith("1 units for the target, 0 for the host")
    assert changed.record.subject.snapshots != built.record.subject.snapshots
    result = run(cli, changed, "eval", "console.log(changedByTheTest)", directory=tmp_path)
    assert result.stdout == b"seen\n"


def test_by_way_of_another_machine(workplace: Workplace, built: Built, cli: Cli, host: Sshd, tmp_path: Path) -> None:
    """Two executors make the same snapshot, but for the order of a hash map that ``deno_core`` appends."""
    bundle, snapshot = tmp_path / "g.generator.tar", tmp_path / "s.snapshot.tar"
    options = ("--target", "arm64", "--toolchain", PRIVATE, *workplace.options())
    ended = cli.run("generator", *options, "--out", bundle, timeout_s=BUILD_TIMEOUT_S)
    assert ended.exit_code == 0, ended.stderr
    over = ("--ssh-config", host.config(), "--remote-run", emulator_words(cli), "--out", snapshot)
    ended = cli.run("snapshot", bundle, "--cross-check", "ssh:box,qemu", *over)
    assert ended.exit_code == 0, ended.stderr
    found = ended.result["cross_check"]["differences"]
    assert [(item["file"], item["part"], item["of_v8"]) for item in found] == [
        ("APP_SNAPSHOT.bin", "appended by the embedder", False)
    ]
    stitch = ("stitch", *options, "--snapshot", snapshot, "--out", tmp_path / "dist")
    outcome = cli.run(*stitch, timeout_s=BUILD_TIMEOUT_S).outcome()
    assert outcome["checks"]["verdict"] == "ok"
    record = BuildRecord.model_validate_json(Path(outcome["record"]).read_bytes())
    assert record.executor is not None
    assert record.executor.name == "ssh"
    ((made,), (before,)) = (item.subject.snapshots[0].files for item in (record, built.record))
    with bundles.opened(snapshot) as (directory, _request):
        sent = directory / "steps" / f"{NAME}-0.1.0" / "out" / made.path
        assert (made.sha256, made.size_bytes) == (fs.sha256_file(sent), before.size_bytes)
    assert list(host.tmp_dir.iterdir()) == []
