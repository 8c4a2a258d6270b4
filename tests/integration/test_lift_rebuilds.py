"""What a second build does after something changed, and what build scripts are told in an overlay."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from pipeline.errors import CompileError, LockChangedError
from pipeline.processes import proc
from pipeline.rust.cargo import BuildOutcome
from pipeline.workbench.lift import check_lock

from .lifted_builds import Make, output_of
from .workspaces import SNAP_BUILD, WORKSPACES, WRITE

SCRIPT_WITH_FILE = f"""\
{WRITE}
fn main() {{
    let text = std::fs::read_to_string("js/main.js").unwrap();
    write("snapshot.txt", &v8::heap(text.trim()));
}}
"""
WITH_FILE = dataclasses.replace(
    WORKSPACES["plain"],
    files={**WORKSPACES["plain"].files, "snap/build.rs": SCRIPT_WITH_FILE, "snap/js/main.js": "one"},
)


def git(directory: Path, *arguments: str) -> str:
    env = proc.base_environment(os.environ) | {
        "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@localhost", "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@localhost", "GIT_CONFIG_GLOBAL": "/dev/null",
    }  # fmt: skip
    return proc.check(proc.Command(argv=("git", *arguments), env=env, cwd=directory)).text


def product_output(outcomes: list[BuildOutcome]) -> str:
    program = outcomes[-1].executable("app")
    assert program
    return output_of(program)


def compiled(outcomes: list[BuildOutcome]) -> set[str]:
    return {artifact.target.name for outcome in outcomes for artifact in outcome.artifacts if not artifact.fresh}


def test_a_file_that_no_directive_names_remakes_the_snapshot(make: Make) -> None:
    bench = make(WITH_FILE)
    _lifted, outcomes = bench.build()
    assert product_output(outcomes) == "heap(one)[] in heap(app)[]\n"
    (bench.directory / "snap" / "js" / "main.js").write_text("two")
    lifted, outcomes = bench.build()
    assert [key.name for key in lifted.synced.changed_packages] == ["snap"]
    assert product_output(outcomes) == "heap(two)[] in heap(app)[]\n"
    assert bench.runs() == ["snap 1.0.0", "snap 1.0.0"]
    assert compiled(outcomes) == {"snap", "app"}


def test_a_new_file_remakes_the_snapshot_and_a_touched_one_does_not(make: Make) -> None:
    bench = make(WITH_FILE)
    bench.build()
    (bench.directory / "snap" / "js" / "main.js").touch()
    _lifted, outcomes = bench.build()
    assert compiled(outcomes) == set()
    (bench.directory / "snap" / "js" / "more.js").write_text("")
    bench.build()
    assert bench.runs() == ["snap 1.0.0", "snap 1.0.0"]


def test_a_file_of_another_package_leaves_the_snapshot_alone(make: Make) -> None:
    bench = make(WITH_FILE)
    bench.build()
    main = bench.directory / "app" / "src" / "main.rs"
    main.write_text(main.read_text().replace("{} in {}", "{} within {}"))
    _lifted, outcomes = bench.build()
    assert product_output(outcomes) == "heap(one)[] within heap(app)[]\n"
    assert compiled(outcomes) == {"app"}
    assert bench.runs() == ["snap 1.0.0"]


def test_a_changed_script_makes_a_new_generator(make: Make) -> None:
    bench = make(WITH_FILE)
    bench.build()
    (bench.directory / "snap" / "build.rs").write_text(SNAP_BUILD.replace('"snap"', '"script"'))
    _lifted, outcomes = bench.build()
    assert product_output(outcomes) == "heap(script)[] in heap(app)[]\n"
    assert compiled(outcomes) == {"generator-snap-1-0-0", "snap", "app"}


def test_a_change_of_the_vm_reaches_the_snapshot(make: Make) -> None:
    bench = make(WITH_FILE)
    bench.build()
    vm = bench.directory / "v8" / "src" / "lib.rs"
    vm.write_text(vm.read_text().replace("heap({script})", "newer({script})"))
    _lifted, outcomes = bench.build()
    assert product_output(outcomes) == "newer(one)[] in newer(app)[]\n"


def test_both_phases_share_what_they_both_need(make: Make) -> None:
    bench = make(WORKSPACES["plain"])
    _lifted, outcomes = bench.build()
    builds_of_vm = [
        artifact
        for outcome in outcomes
        for artifact in outcome.artifacts
        if artifact.target.name == "v8" and artifact.target.is_library and not artifact.fresh
    ]
    assert len(builds_of_vm) == 1


def test_configuration_beside_the_sources_applies(make: Make) -> None:
    files = {
        **WITH_FILE.files,
        ".cargo/config.toml": '[env]\nGREETING = "hello"\n[build]\ntarget-dir = "elsewhere"\n',
        "snap/build.rs": SNAP_BUILD.replace('"snap"', '&std::env::var("GREETING").unwrap()'),
    }
    bench = make(dataclasses.replace(WITH_FILE, files=files))
    _lifted, outcomes = bench.build()
    assert product_output(outcomes) == "heap(hello)[] in heap(app)[]\n"
    assert not (bench.directory / "elsewhere").exists()


def test_a_script_that_fails_is_told_with_its_words_and_the_way_to_repeat_it(make: Make) -> None:
    files = {
        **WITH_FILE.files,
        "snap/build.rs": 'fn main() { eprintln!("no heap today"); v8::heap(""); std::process::exit(3) }',
    }
    bench = make(dataclasses.replace(WITH_FILE, files=files))
    with pytest.raises(CompileError) as caught:
        bench.build()
    assert "no heap today" in caught.value.details
    assert "failed to run custom build command for `snap v1.0.0" in caught.value.details
    assert caught.value.what == "cargo build of app ended with exit status 101"
    assert "cargo build --locked --offline" in caught.value.action


def test_a_lock_that_changes_during_the_build_is_noticed(make: Make) -> None:
    bench = make(WITH_FILE)
    lifted = bench.lift()
    lock = lifted.overlay.layout.locate(bench.directory / "Cargo.lock")
    lock.write_text(lock.read_text() + "\n")
    with pytest.raises(LockChangedError) as caught:
        check_lock(lifted)
    assert str(caught.value) == (
        f"error: {lock} changed during the build\n"
        "  usual cause: something in the build, or someone beside it, ran Cargo without --locked\n"
        "  what to do:  look at the change with `git diff`, and run the same command again"
    )


GIT_SCRIPT = """\
use std::process::Command;
fn git(arguments: &[&str]) -> String {
    let output = Command::new("git").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().replace('\\n', "|")
}
fn main() {
    println!("cargo:rustc-env=GIT={} {} [{}]", git(&["describe", "--always", "--dirty", "--tags"]),
        git(&["rev-parse", "--abbrev-ref", "HEAD"]), git(&["status", "--porcelain"]));
}
"""


@pytest.mark.parametrize("subdirectory", [False, True])
def test_scripts_that_ask_git_hear_what_they_would_hear_in_the_sources(
    subdirectory: bool, make: Make, tmp_path: Path
) -> None:
    plain = WORKSPACES["plain"]
    files = {
        **plain.files,
        "app/build.rs": GIT_SCRIPT,
        "app/src/main.rs": 'fn main() { println!("{} {}", snap::SNAPSHOT, env!("GIT")); }',
        ".gitignore": "/target\n",
    }
    bench = make(dataclasses.replace(plain, files=files))
    top = tmp_path if subdirectory else bench.directory
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "file").write_text("beside")
    git(top, "init", "-q", "-b", "trunk")
    (top / ".git" / "info" / "exclude").write_text("/work\n/cache\n/beside\n")
    git(top, "add", "-f", "sources" if subdirectory else ".", *(["beside"] if subdirectory else []))
    git(top, "commit", "-q", "-m", "first")
    git(top, "tag", "v1.0")
    index = (top / ".git" / "index").read_bytes()

    _lifted, outcomes = bench.build()

    assert product_output(outcomes) == "heap(snap)[] v1.0 trunk []\n"
    assert (top / ".git" / "index").read_bytes() == index
    assert not (top / ".git" / "worktrees").exists()
    assert git(top, "status", "--porcelain") == ""

    main = bench.directory / "app" / "src" / "main.rs"
    main.write_text(main.read_text() + "// changed\n")
    build = bench.directory / "app" / "build.rs"
    build.write_text(build.read_text() + "\n")
    prefix = "sources/" if subdirectory else ""
    _lifted, outcomes = bench.build()
    assert product_output(outcomes) == (
        f"heap(snap)[] v1.0-dirty trunk [M {prefix}app/build.rs| M {prefix}app/src/main.rs]\n"
    )


def test_a_repository_around_the_work_directory_is_not_taken_for_the_sources_own(make: Make, tmp_path: Path) -> None:
    plain = WORKSPACES["plain"]
    script = GIT_SCRIPT.replace(
        'assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));',
        'if !output.status.success() { return "none".into(); }',
    )
    files = {
        **plain.files,
        "app/build.rs": script,
        "app/src/main.rs": 'fn main() { println!("{} {}", snap::SNAPSHOT, env!("GIT")); }',
    }
    bench = make(dataclasses.replace(plain, files=files))
    (tmp_path / "around").mkdir()
    git(tmp_path / "around", "init", "-q")
    _lifted, outcomes = dataclasses.replace(bench, work_dir=tmp_path / "around" / "work").build()
    assert product_output(outcomes) == "heap(snap)[] none none [none]\n"
