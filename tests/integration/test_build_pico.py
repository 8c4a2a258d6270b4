"""The main job on the real thing: pico for arm64 and s390x, from the command line to the zip, and what it does."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.context import Context
from pipeline.model.events import NullReporter
from pipeline.model.execution import ExecRequest
from pipeline.model.findings import Severity, failed, verdict
from pipeline.model.record import BuildRecord
from pipeline.model.spec.runtime_parts import Canary
from pipeline.model.toolchain import Toolchain
from pipeline.rust import cargo
from pipeline.stages.building import bundle, verify
from tests.bench.ways import host_linker

from .command import ROOT, Cli
from .products import PRIVATE, Built, bare_executor, run_script, toolchain_for

pytestmark = [pytest.mark.network, pytest.mark.toolbox, pytest.mark.slow]

PICO = ROOT / "examples" / "pico"
CROSS_TARGETS = ("arm64", "s390x")


@pytest.fixture(scope="module", params=CROSS_TARGETS)
def built(request: pytest.FixtureRequest, cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(cli, request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def arm64(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(cli, "arm64", tmp_path_factory.mktemp("arm64"))


def toolchain_of(cli: Cli, target: str) -> Toolchain:
    return toolchain_for(cli, target, "libnode-dev")


def test_the_zip_is_named_checked_and_recorded(built: Built) -> None:
    assert built.zip_path.name == f"pico-0.1.0-linux-{built.target.name}.zip"
    digest = hashlib.sha256(built.zip_path.read_bytes()).hexdigest()
    assert built.record.subject.zip_sha256 == digest
    checked = subprocess.run(
        ["sha256sum", "-c", f"{built.zip_path.name}.sha256"],
        cwd=built.out_dir,
        capture_output=True,
        text=True,
        check=True,
    )
    assert checked.stdout == f"{built.zip_path.name}: OK\n"
    page = (built.out_dir / f"pico-0.1.0-linux-{built.target.name}.report.html").read_text(encoding="utf-8")
    assert digest in page
    assert built.record.subject_sha256 in page
    assert built.record.verdict is Severity.OK
    assert built.record.subject.lock_sha256 == hashlib.sha256((PICO / "Cargo.lock").read_bytes()).hexdigest()


def test_the_zip_is_proved_again_by_its_record_and_by_its_canaries(built: Built, cli: Cli) -> None:
    options = ("--lock", PICO / "Cargo.lock", "--generator", generator_of(cli, built), built.zip_path)
    (file,) = cli.run("verify", *options).result["files"]
    assert file["verdict"] == "ok"
    severities = {finding["id"]: finding["severity"] for finding in file["findings"]}
    assert {name: severities[name] for name in severities if name.startswith("record.")} == {
        "record.digest": "ok", "record.zip": "ok", "record.files": "ok", "record.target": "ok", "record.glibc": "ok",
        "record.snapshot": "ok", "record.generation": "ok", "record.v8": "ok", "record.verdict": "ok",
        "record.generator": "ok", "record.lock": "ok", "record.toolchain": "ok", "record.executor": "ok",
        "record.packing": "ok", "record.components": "ok", "record.claims": "info",
    }  # fmt: skip
    rungs = [finding["evidence"]["rung"] for finding in file["findings"] if finding["id"] == "canary"]
    assert rungs == [
        "version", "eval", "module", "timers and promises", "WebAssembly", "regexp and Intl", "file", "uncaught error",
    ]  # fmt: skip


def test_the_verifier_is_not_fooled_by_variants_of_the_product(
    arm64: Built, cli: Cli, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Both targets lend each other their snapshots."""
    s390x = Built(cli, "s390x", tmp_path_factory.mktemp("s390x"))
    tested = cli.run("verify", "--static-only", "--self-test", arm64.zip_path, s390x.zip_path)
    assert tested.exit_code == 0, tested.stderr
    rows = {
        (matrix["target"], row["variant"]): row["outcome"]
        for matrix in tested.result["self_test"]["matrices"]
        for row in matrix["rows"]
    }
    untouched = [key for key, outcome in rows.items() if outcome == "passed"]
    assert untouched == [("arm64", "untouched"), ("s390x", "untouched")]
    rejected = {key for key, outcome in rows.items() if outcome == "rejected"}
    assert rejected == set(rows) - set(untouched)
    assert {("arm64", "snapshot of s390x"), ("s390x", "snapshot of arm64")} < rejected
    assert len(rejected) == 20


def generator_of(cli: Cli, built: Built) -> Path:
    (made,) = built.record.subject.snapshots
    found = cli.cache_dir.glob(f"work/pico-*/target/{built.target.rust_triple}/release/generator-pico_snapshot-0-1-0")
    return next(path for path in found if digest_of(path) == made.generator_sha256)


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_only_the_snapshot_step_ran_emulated(built: Built) -> None:
    emulated = {title for title, step in built.steps.items() if step["where"] == "emulated"}
    assert emulated <= {"snapshot of pico_snapshot", "verify"}
    executor = built.record.executor
    assert executor is not None
    assert (executor.name, executor.emulated, executor.cpu_model) == ("qemu", True, built.target.qemu_cpu)


def test_the_record_names_the_snapshot_that_lies_in_the_product(built: Built) -> None:
    (made,) = built.record.subject.snapshots
    blobs = [file for file in made.files if file.v8]
    assert len(blobs) == 1
    assert blobs[0].v8 is not None
    assert blobs[0].v8.version == built.record.subject.vm.v8_version
    program = (built.product_dir / "pico").read_bytes()
    digest = blobs[0].sha256
    size = blobs[0].size_bytes
    start = program.find(blobs[0].v8.version.encode() + b"\0")
    assert start > 0
    assert any(
        hashlib.sha256(program[begin : begin + size]).hexdigest() == digest for begin in range(start - 32, start + 1)
    )


def test_every_script_answers_on_a_bare_root(built: Built, cli: Cli, tmp_path: Path) -> None:
    executor = bare_executor(toolchain_of(cli, built.target.name), tmp_path)
    scripts = sorted((PICO / "tests").glob("*.js"))
    assert len(scripts) > 10
    wrong = [problem for script in scripts if (problem := run_script(executor, ("pico",), built, script))]
    assert not wrong, "\n\n".join(wrong)


def test_a_second_build_makes_nothing_anew(built: Built, cli: Cli, tmp_path: Path) -> None:
    again = Built(cli, built.target.name, tmp_path)
    assert set(again.steps) == {"toolbox", "analyze", "lift", "compile generator of pico_snapshot", "compile product"}
    assert "fresh" in again.steps["compile product"]["detail"]
    assert again.record.subject == built.record.subject
    assert again.record.subject_sha256 == built.record.subject_sha256


def test_another_copy_of_the_tree_gives_the_same_zip_and_is_left_as_it_was(
    arm64: Built, cli: Cli, tmp_path: Path
) -> None:
    """Two builds in different places, one with a space in its path; then one ``.js`` file changes."""
    copy = tmp_path / "my runtime"
    shutil.copytree(PICO, copy, ignore=shutil.ignore_patterns("target"))
    before = tree_digest(copy)
    options = ("--path", copy, "--package", "pico", "--vm-crate", "pico_v8", "--system-package", "libnode-dev")
    check = ("--check", "eval 'console.log(6 * 7)' => 42")
    build = ("build", "--target", "arm64", "--suite", "bookworm", "--toolchain", PRIVATE, *options, *check)
    first = cli.run(*build, "--out", tmp_path / "one").outcome()
    record = BuildRecord.model_validate_json(Path(first["record"]).read_bytes())
    assert tree_digest(copy) == before
    assert record.subject.snapshots[0].files == arm64.record.subject.snapshots[0].files
    assert record.subject.files == arm64.record.subject.files
    assert record.subject.zip_sha256 == arm64.record.subject.zip_sha256

    script = copy / "crates" / "runtime" / "js" / "90_pico.js"
    script.write_text(script.read_text() + "\nglobalThis.changedByTheTest = 'seen';\n")
    check = ("--check", "eval 'console.log(globalThis.changedByTheTest)' => seen")
    build = ("build", "--target", "arm64", "--suite", "bookworm", "--toolchain", PRIVATE, *options, *check)
    second = cli.run(*build, "--out", tmp_path / "two").outcome()
    titles = [step["title"] for step in second["steps"]]
    assert "snapshot of pico_snapshot" in titles
    changed = BuildRecord.model_validate_json(Path(second["record"]).read_bytes())
    assert changed.subject.snapshots != record.subject.snapshots
    assert changed.differences == ()

    third = cli.run(*build, "--out", tmp_path / "one").outcome()
    differences = BuildRecord.model_validate_json(Path(third["record"]).read_bytes()).differences
    assert {"snapshots", "files", "zip_sha256"} == {difference.part for difference in differences}


def tree_digest(directory: Path) -> str:
    lines = [
        f"{path.relative_to(directory)} {path.lstat().st_mtime_ns} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def test_the_naive_cross_build_is_rejected(arm64: Built, cli: Cli, tmp_path: Path) -> None:
    """The control: the same workspace as Cargo cross-builds it, with the guard off and the host's snapshot inside."""
    toolchain = toolchain_of(cli, "arm64")
    naive = build_naively(cli, toolchain, tmp_path)
    tree = bundle.run(
        bundle.BundleInputs(
            files=(bundle.ProductFile(source=naive, name="pico"),),
            toolchain=toolchain,
            product_dir=tmp_path / "product",
        ),
        Context(cache_dir=cli.cache_dir, reporter=NullReporter(), environ=dict(os.environ)),
    )
    executor = bare_executor(toolchain, tmp_path)

    def run(*argv: str) -> tuple[int, bytes]:
        result = executor.run(
            ExecRequest(
                argv=(str(tree.product_dir / "pico"), *argv),
                env={},
                workdir=tmp_path,
                target=arm64.target,
                timeout_s=60,
            )
        )
        return result.exit_code, result.stdout

    # What other tools look at is all right …
    assert run("--version")[0] == 0
    # … and the first script dies.
    assert run("eval", "console.log(1)")[0] >= 128
    right = next(cli.cache_dir.glob("work/pico-*/target/aarch64-unknown-linux-gnu/release/build/pico_snapshot-*/out"))
    findings = verify.run(
        verify.VerifyInputs(
            product=tree.product_dir,
            target=arm64.target,
            program="pico",
            snapshots=tuple((path.name, path) for path in sorted(right.iterdir()) if path.is_file()),
            executor=executor,
            canaries=(Canary(args=("eval", "console.log(6 * 7)"), stdout="42\n"),),
        ),
        Context(cache_dir=cli.cache_dir, reporter=NullReporter(), environ=dict(os.environ)),
    )
    assert verdict(findings) is Severity.FAIL
    assert {"snapshot.present", "canary"} <= {finding.id for finding in failed(findings)}


def build_naively(cli: Cli, toolchain: Toolchain, directory: Path) -> Path:
    """Cross-build pico with plain Cargo: build scripts run on, and for, the build host."""
    host = toolchain_of(cli, "amd64")
    context = Context(cache_dir=cli.cache_dir, reporter=NullReporter(), environ=dict(os.environ))
    env = cargo.environment(toolchain, context, {"PICO_SKIP_CROSS_CHECK": "1"})
    # The host's own units need the host's libnode, when they are linked and when they run.
    env |= {name: value for name, value in host.env.items() if name.endswith("x86_64_unknown_linux_gnu")}
    env["CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER"] = str(host_linker(host, directory))
    target_dir = directory / "naive"
    command = [
        str(toolchain.cargo), "build", "--locked", "--release", "--package", "pico",
        "--target", toolchain.target.rust_triple, "--target-dir", str(target_dir),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=PICO, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target_dir / toolchain.target.rust_triple / "release" / "pico"


def test_the_machine_itself_is_a_target_too(cli: Cli, tmp_path: Path) -> None:
    built = Built(cli, "amd64", tmp_path)
    assert built.steps["snapshot of pico_snapshot"]["where"] == "native" or "fresh" in str(built.steps)
    done = subprocess.run(
        [str(built.product_dir / "pico"), "eval", "console.log(6 * 7)"],
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "42\n"


def test_two_targets_in_one_call(arm64: Built, cli: Cli, tmp_path: Path) -> None:
    """Each is said apart, in the order that was asked for."""
    ended = cli.run("build", "--target", "amd64", "--target", "arm64", "--toolchain", PRIVATE, "--out", tmp_path)
    assert ended.exit_code == 0, ended.stderr
    first, second = ended.result["outcomes"]
    assert (first["target"], second["target"]) == ("amd64", "arm64")
    assert Path(second["zip"]).read_bytes() == arm64.zip_path.read_bytes()
    assert {"amd64: compile product", "arm64: compile product"} <= {
        line.partition("] ")[2].removesuffix(" ...") for line in ended.stderr.splitlines()
    }
