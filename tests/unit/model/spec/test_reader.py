"""Every mistake in releases.toml is reported, with its place and the near miss."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import SpecError
from pipeline.model.spec.origins import PathSource, SystemVm
from pipeline.model.spec.reader import parse_spec
from pipeline.model.spec.tables import Spec

ROOT = Path(__file__).parents[4]
RUNTIME = '[runtimes.app]\nsource = { kind = "path", path = "app" }\n'


def parse(text: str) -> Spec:
    return parse_spec(tomllib.loads(text))


def problems(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        parse(text)
    return caught.value.details.splitlines()


def test_the_projects_own_file_is_right() -> None:
    spec = parse((ROOT / "releases.toml").read_text(encoding="utf-8"))
    assert spec.default_runtime in spec.runtimes


def test_what_is_not_said_has_a_default() -> None:
    spec = parse("schema = 1\n" + RUNTIME)
    runtime = spec.runtimes["app"]
    assert runtime.source == PathSource(kind="path", path=Path("app"))
    assert runtime.vm_crate == "v8"
    assert runtime.profile == "release"
    assert runtime.v8 == SystemVm(kind="system", packages=("libnode-dev",))
    assert runtime.targets == ("amd64", "arm64", "armhf", "s390x", "ppc64el")


def test_the_whole_message() -> None:
    with pytest.raises(SpecError) as caught:
        parse("schema = 1\n" + RUNTIME + 'vm-crat = "x"\ntargets = ["arm64", "armh"]\n')
    assert str(caught.value) == (
        "runtimes.app.targets[1]: there is no target 'armh'; did you mean 'armhf'? "
        "(known: amd64, arm64, armhf, s390x, ppc64el)\n"
        "runtimes.app.vm-crat: unknown key; did you mean 'vm-crate'?\n"
        "\n"
        "error: releases.toml has 2 mistakes\n"
        "  usual cause: a misspelt key, or a value that does not fit\n"
        "  what to do:  correct releases.toml; docs/releases-toml.md describes every key"
    )


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("vm_crate = 'x'", "runtimes.app.vm_crate: unknown key; did you mean 'vm-crate'?"),
        ("package = ''", "runtimes.app.package: must not be empty"),
        ("package = 1", "runtimes.app.package: must be a string, not an integer"),
        ("strip = 'yes'", "runtimes.app.strip: must be true or false, not a string"),
        ("strip = 1", "runtimes.app.strip: must be true or false, not an integer"),
        ("binaries = 'app'", "runtimes.app.binaries: must be a list, not a string"),
        ("binaries = ['a', 'a']", "runtimes.app.binaries: 'a' is given more than once"),
        ("binaries = [true]", "runtimes.app.binaries[0]: must be a string, not true or false"),
        ("profile = 1979-05-27", "runtimes.app.profile: must be a string, not a date or time"),
        ("generator-timeout-s = '5'", "runtimes.app.generator-timeout-s: must be a number, not a string"),
        ("generator-timeout-s = 0", "runtimes.app.generator-timeout-s: must be greater than 0, not 0"),
        ("env = { TARGET = 'x' }", "runtimes.app.env: Cargo sets TARGET for build scripts itself"),
        ("env = { A = 1 }", "runtimes.app.env.A: must be a string, not an integer"),
        ("env = { 'a b' = 1 }", 'runtimes.app.env."a b": must be a string, not an integer'),
        ("v8 = { packages = ['x'] }", "runtimes.app.v8.kind: is missing"),
        ("v8 = { kind = 'sistem' }",
         "runtimes.app.v8.kind: there is no kind 'sistem'; did you mean 'system'? (known: system, prebuilt, source)"),
        ("v8 = { kind = 'system', packages = [] }", "runtimes.app.v8.packages: must have at least one item"),
        ("v8 = { kind = 'system', pakages = ['x'] }",
         "runtimes.app.v8.pakages: unknown key; did you mean 'packages'?"),
        ("v8 = { kind = 'prebuilt' }",
         "runtimes.app: there are no prebuilt archives for armhf, ppc64el, s390x unless 'v8.mirror' names a place"),
        ("canaries = [{ args = ['a'] }, { args = ['b'], stdout = 'x', stdout-contains = 'y' }]",
         "runtimes.app.canaries[1]: 'stdout' and 'stdout-contains' exclude each other; keep one"),
        ("canaries = [{ args = ['a'], exit-code = 256 }]",
         "runtimes.app.canaries[0].exit-code: must be less than or equal to 255, not 256"),
        ("canaries = [{ args = ['a'], files = { '../x' = '', 'a/b' = '' } }]",
         "runtimes.app.canaries[0].files: '../x' would lie outside the working directory"),
        ("canaries = [{ args = [] }]", "runtimes.app.canaries[0].args: must have at least one item"),
        ("features = ['default']\ndefault-features = false",
         "runtimes.app: 'features' has \"default\" while 'default-features' is false"),
        ("zzz = 1", ("runtimes.app.zzz: unknown key; known here: source, package, binaries, companions, vm-crate, "
         "features, default-features, accept-lost-features, strategy, root-packages, profile, profiles, "
     "patches, peak-memory-gb, rust, "
         "versions, env, v8, v8-for, targets, suite, glibc, snapshot-rounds, generator-timeout-s, canaries, "
         "canary-dir, strip, native-tools, bundle, assumed-libraries, asset-name, updater, image")),
        ("glibc = '2'", "runtimes.app.glibc: must match pattern '^2\\.[0-9]+$', not '2'"),
        ("suite = ''", "runtimes.app.suite: must not be empty"),
        ("assumed-libraries = ['lib/libx.so.1']",
         ("runtimes.app.assumed-libraries[0]: must be the name of a library, such as 'libgcc_s.so.1', "
          "not 'lib/libx.so.1'")),
        ("assumed-libraries = ['libx.so.1', 'libx.so.1']",
         "runtimes.app.assumed-libraries: 'libx.so.1' is given more than once"),
        ("asset-name = 'out/{targt}.zip'",
         ("runtimes.app.asset-name: must not have '/' in it: it is the name of a file\n"
          "runtimes.app.asset-name: there is no placeholder 'targt'; did you mean 'target'? "
          "(known: runtime, version, os, target, rust-triple, gnu-triple, node-arch)")),
    ],
)  # fmt: skip
def test_one_mistake_in_a_runtime(lines: str, problem: str) -> None:
    assert problems(f"schema = 1\n{RUNTIME}{lines}\n") == problem.splitlines()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "schema: is missing"),
        ("schema = 2", "schema: must be 1, not 2"),
        ("schema = 1\nruntimes = 3", "runtimes: must be a table, not an integer"),
        ("schema = 1\n[runtimes.app]", "runtimes.app.source: is missing"),
        ("schema = 1\n[runtimes.app.source]\nkind = 'path'", "runtimes.app.source.path: is missing"),
        ("schema = 1\n[targets.arm46]",
         ("targets.arm46: there is no target 'arm46'; did you mean 'arm64'? "
         "(known: amd64, arm64, armhf, s390x, ppc64el)")),
        ("schema = 1\n[targets.arm64]\nglibc = '3.1'",
         "targets.arm64.glibc: must match pattern '^2\\.[0-9]+$', not '3.1'"),
        ("schema = 1\n" + RUNTIME.replace("app", '"a/b"', 1),
         'runtimes."a/b": must not have \'/\' in it: it is the name of a file'),
        ("schema = 1\ndefault-runtime = 'ap'\n" + RUNTIME,
         "default-runtime: there is no runtime 'ap'; did you mean 'app'?"),
        ("schema = 1\n[runtimes.app.source]\nkind = 'git'\nurl = 'u'\nrev = 'main'",
         "runtimes.app.source.rev: must match pattern '^[0-9a-f]{40}$', not 'main'"),
    ],
)  # fmt: skip
def test_one_mistake_elsewhere(text: str, problem: str) -> None:
    assert problems(text) == [problem]


def test_a_mistake_of_form_hides_no_contradiction() -> None:
    """Rules over several keys are applied although another key of the same table is wrong."""
    assert problems(
        f"schema = 1\n{RUNTIME}features = ['default']\ndefault-features = false\nstrip = 3\nvm-crat = 'x'\n"
        "v8 = { kind = 'prebuilt', miror = 'x' }\n"
        "[runtimes.other]\nsource = { kind = 'pth' }\n[targets.arm64]\nsuit = 'bookworm'\n"
    ) == [
        "runtimes.app: 'features' has \"default\" while 'default-features' is false",
        "runtimes.app: there are no prebuilt archives for armhf, ppc64el, s390x unless 'v8.mirror' names a place",
        "runtimes.app.strip: must be true or false, not an integer",
        "runtimes.app.v8.miror: unknown key; did you mean 'mirror'?",
        "runtimes.app.vm-crat: unknown key; did you mean 'vm-crate'?",
        "runtimes.other.source.kind: there is no kind 'pth'; did you mean 'path'? (known: path, registry, git)",
        "targets.arm64.suit: unknown key; did you mean 'suite'?",
    ]


def test_a_prebuilt_vm_from_a_mirror_fits_every_target() -> None:
    text = RUNTIME + "v8 = { kind = 'prebuilt', mirror = '/mirror' }\n"
    assert parse("schema = 1\n" + text).runtimes["app"].v8.kind == "prebuilt"


def test_the_document_is_left_as_it_was() -> None:
    document = tomllib.loads("schema = 1\n[runtimes.app]\nx = 1\n")
    with pytest.raises(SpecError):
        parse_spec(document)
    assert document == {"schema": 1, "runtimes": {"app": {"x": 1}}}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["runtimes", "targets", "source", "v8", "kind", "path", "arm64", "app", "canaries", "args", "env", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault of the strategy
@given(st.dictionaries(st.sampled_from(["schema", "runtimes", "targets", "default-runtime", "x"]), VALUES))
def test_whatever_is_in_the_file_it_is_read_or_refused_with_reasons(document: dict[str, object]) -> None:
    try:
        spec = parse_spec(document)
    except SpecError as error:
        assert error.details.strip()  # noqa: PT017 - a document may also be right
    else:
        assert spec.schema_version == 1


def test_a_runner_is_one_label_or_several() -> None:
    def runner(text: str) -> tuple[str, ...]:
        return parse(f"schema = 1\n{RUNTIME}[ci]\nsnapshot-runner = {text}\n").ci.snapshot_runner

    assert parse("schema = 1\n" + RUNTIME).ci.snapshot_runner == ("qemu",)
    assert runner('"ubuntu-24.04-arm"') == ("ubuntu-24.04-arm",)
    assert runner('["self-hosted", "linux", "arm64"]') == ("self-hosted", "linux", "arm64")


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('runtimes = ["ap"]', "ci.runtimes[0]: there is no runtime 'ap'; did you mean 'app'?"),
        ("snapshot-runner = []", "ci.snapshot-runner: must have at least one item"),
        ("snapshot-runner = 7", "ci.snapshot-runner: must be a list, not an integer"),
        ("timeout-min = 1000", "ci.timeout-min: must be less than or equal to 360, not 1000"),
        ('snapshot-target = ["arm64"]', "ci.snapshot-target: unknown key; did you mean 'snapshot-targets'?"),
    ],
)
def test_mistakes_in_ci(lines: str, problem: str) -> None:
    assert problems(f"schema = 1\n{RUNTIME}[ci]\n{lines}\n") == [problem]
