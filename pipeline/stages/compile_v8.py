"""Compile V8 from the sources in the ``v8`` crate, and lay the archive down as a mirror that ``prebuilt`` takes.

The crate is only read. The work directory is kept until the next build of the same V8 with the same tools: an
interrupted build goes on where it stopped.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path

import pydantic

from pipeline import fs
from pipeline.context import Context
from pipeline.errors import CompileError, UnsupportedError
from pipeline.model.execution import ExecutorIdentity
from pipeline.model.toolchain import Tool, Toolchain
from pipeline.model.v8_record import V8BuildRecord, V8File, V8Run
from pipeline.processes.memory import available_memory_bytes, choose_jobs
from pipeline.v8.names import V8Build, archive_name, binding_name
from pipeline.v8.recipe import NINJA_TARGET, V8Order, gn_arguments
from pipeline.v8_build.bindings import BindingOrder, generate_binding
from pipeline.v8_build.clang_base import SCHEMA, ClangBase
from pipeline.v8_build.ninja import MEMORY_NEED, BuildDir, compile_target, find_compiler_cache, generate
from pipeline.v8_build.pack import write_gzip

_RUNS = pydantic.TypeAdapter(tuple[V8Run, ...])


@dataclasses.dataclass(frozen=True, kw_only=True)
class CrateSource:
    """The crate, unpacked and unchanged."""

    path: Path
    sha256: str
    """Of the ``.crate`` file."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GnTools:
    """The programs that describe and run V8's build."""

    gn: Path
    ninja: Path
    python: Path
    gn_version: str
    ninja_version: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompileV8Inputs:
    """Which V8, from what, with what."""

    order: V8Order
    source: CrateSource
    toolchain: Toolchain
    tools: GnTools
    run_prefix: tuple[str, ...]
    """What stands before a program of the target to run it here."""
    executor: ExecutorIdentity
    """Who that is, for the record."""
    bindgen: Path | None = None
    """Makes the declarations for Rust where the crate ships none for the target."""

    def digest(self) -> str:
        """Return the digest of all that decides what is compiled: another Rust or emulator must not cost an hour."""
        return fs.sha256_json(
            [
                SCHEMA,
                self.source.sha256,
                [(tool.name, tool.version) for tool in self.toolchain.tools if self._decides(tool)],
                self.tools.gn_version,
                gn_arguments(self.order, clang_base=""),
            ]
        )

    def _decides(self, tool: Tool) -> bool:
        """Tell whether *tool* is the compiler, the linker, or headers and libraries of C and C++."""
        name, _colon, architecture = tool.name.partition(":")
        in_sysroot = architecture == self.order.target.name and name.startswith(("libc6", "libgcc-", "libclang-rt-"))
        return tool.name in {"clang", "lld"} or in_sysroot


@dataclasses.dataclass(frozen=True, kw_only=True)
class V8Work:
    """The work directory of one V8, ready for ninja."""

    directory: Path
    build: BuildDir
    context: Context

    @property
    def _runs_path(self) -> Path:
        return self.directory / "runs.json"

    def runs(self) -> tuple[V8Run, ...]:
        """Return the runs of ninja so far."""
        try:
            return _RUNS.validate_json(self._runs_path.read_bytes())
        except (OSError, pydantic.ValidationError):
            return ()

    def make(self, target: str) -> None:
        """Let ninja make one target, with as many jobs as memory allows.

        Raises MemoryShortError, CompileError.
        """
        cores = len(os.sched_getaffinity(0))
        available = available_memory_bytes()
        jobs = choose_jobs(MEMORY_NEED, wanted=self.context.jobs, cores=cores, available_bytes=available)
        compile_target(self.build, target, jobs=jobs, context=self.context, note=self._note)

    def _note(self, run: V8Run) -> None:
        if run.steps:
            fs.write_text(self._runs_path, _RUNS.dump_json((*self.runs(), run), indent=1).decode())


def run(inputs: CompileV8Inputs, context: Context) -> Path:
    """Return a mirror directory with V8; compiled first where an equal one was not compiled before.

    Raises UnsupportedError for a version or target that cannot be built, MemoryShortError, CompileError, ToolboxError.
    """
    if needs_bindgen(inputs.source.path, inputs.order.build) and inputs.bindgen is None:
        raise _no_declarations(inputs)
    if inputs.order.architecture.dead_end:
        raise _dead_end(inputs.order)
    final = context.cache_dir / "v8-built" / f"{_label(inputs)}-{inputs.digest()[:16]}"
    with fs.locked_beside(final, hidden=True):
        if _is_whole(final, inputs):
            return final
        if not inputs.order.is_tried:
            context.reporter.warn(
                f"V8 {inputs.order.version} for {inputs.order.target.name} was never compiled whole with this recipe"
            )
        work = prepare(inputs, context)
        binding = declarations(inputs, work)
        title = f"V8 {inputs.order.version} for {inputs.order.target.name}: compile"
        with context.reporter.step(title) as step:
            work.make(NINJA_TARGET)
            done = [run for run in work.runs() if run.target == NINJA_TARGET]
            step.detail(f"{sum(run.steps for run in done)} steps in {len(done)} runs")
        _lay_down(final, inputs, work, binding)
    return final


def prepare(inputs: CompileV8Inputs, context: Context) -> V8Work:
    """Return the work directory, with what GN writes; callers hold a lock, or are alone.

    Raises CompileError when GN refuses, ToolboxError.
    """
    directory = context.work_root / f"{_label(inputs)}-{inputs.digest()[:16]}"
    fs.make_directory(directory)
    fs.write_if_changed(directory / fs.SENTINEL_NAME, fs.SENTINEL_TEXT)
    order = inputs.order
    clang = directory / "clang"
    ClangBase(
        toolchain=inputs.toolchain,
        llvm_major=order.recipe.llvm_major,
        architecture=order.architecture,
        run_prefix=inputs.run_prefix,
    ).write(clang)
    build = BuildDir(
        path=directory / "out",
        source=inputs.source.path,
        gn=inputs.tools.gn,
        ninja=inputs.tools.ninja,
        python=inputs.tools.python,
        arguments=gn_arguments(order, clang_base=str(clang), cc_wrapper=find_compiler_cache(context.environ)),
    )
    with context.reporter.step(f"V8 {order.version} for {order.target.name}: gn gen"):
        generate(build, context)
    return V8Work(directory=directory, build=build, context=context)


def needs_bindgen(crate: Path, build: V8Build) -> bool:
    """Tell whether *build* takes declarations for Rust that the crate does not ship."""
    name = binding_name(build)
    return name is not None and not (crate / "gen" / name).is_file()


def declarations(inputs: CompileV8Inputs, work: V8Work) -> Path | None:
    """Return the declarations for Rust: the crate's own, else made now, before an hour of compiling.

    None for versions that have none. Raises CompileError, UnsupportedError.
    """
    name = binding_name(inputs.order.build)
    if name is None:
        return None
    if inputs.bindgen is None:
        return inputs.source.path / "gen" / name
    path = work.directory / "binding" / name
    with work.context.reporter.step(f"V8 {inputs.order.version}: declarations for Rust"):
        order = BindingOrder(bindgen=inputs.bindgen, toolchain=inputs.toolchain, build=work.build)
        generate_binding(order, path, work.context)
    return path


def _no_declarations(inputs: CompileV8Inputs) -> UnsupportedError:
    gen = inputs.source.path / "gen"
    shipped = ", ".join(sorted(found.name for found in gen.glob("*-linux-gnu*.rs")))
    return UnsupportedError(
        f"the v8 crate {inputs.order.version} has no {binding_name(inputs.order.build)}",
        cause=f"its declarations for Rust are generated for other targets only ({shipped or 'none'})",
        action="use a target that the crate's gen directory has, or give it bindgen",
    )


def _dead_end(order: V8Order) -> UnsupportedError:
    return UnsupportedError(
        f"the v8 crate {order.version} cannot be compiled for {order.target.name}",
        cause=order.architecture.dead_end,
        action="use the provider `system`; docs/v8-from-source.md says how far it goes",
    )


def _label(inputs: CompileV8Inputs) -> str:
    return f"v8-{inputs.order.version}-{inputs.order.target.name}"


def _record_name(inputs: CompileV8Inputs) -> str:
    return archive_name(inputs.order.build).partition(".a")[0] + ".json"


def _is_whole(final: Path, inputs: CompileV8Inputs) -> bool:
    """Tell whether an earlier build's files are there and are what its record says."""
    directory = final / f"v{inputs.order.version}"
    try:
        record = V8BuildRecord.model_validate_json((directory / _record_name(inputs)).read_bytes())
        return all(fs.sha256_file(directory / file.name) == file.sha256 for file in record.files)
    except (OSError, pydantic.ValidationError):
        return False


def _lay_down(final: Path, inputs: CompileV8Inputs, work: V8Work, binding: Path | None) -> None:
    made = work.build.path / "obj" / "librusty_v8.a"
    if not made.is_file():
        raise CompileError(
            f"ninja made no {made.name}",
            cause="the build files of this version name the archive differently",
            action=f"look into {work.build.path / 'obj'}",
        )
    with work.context.reporter.step("V8: pack"), fs.atomic_directory(final) as staging:
        directory = staging / f"v{inputs.order.version}"
        directory.mkdir()
        name = archive_name(inputs.order.build)
        if name.endswith(".gz"):
            write_gzip(made, directory / name)
        else:
            shutil.copyfile(made, directory / name)
        if binding:
            shutil.copyfile(binding, directory / binding.name)
        record = _record(inputs, work, directory, unpacked_bytes=made.stat().st_size)
        text = json.dumps(record.model_dump(mode="json"), indent=2) + "\n"
        (directory / _record_name(inputs)).write_text(text, encoding="utf-8")


def _record(inputs: CompileV8Inputs, work: V8Work, directory: Path, *, unpacked_bytes: int) -> V8BuildRecord:
    order, tools = inputs.order, inputs.tools
    own = (
        Tool(name="gn", version=tools.gn_version, origin="private"),
        Tool(name="ninja", version=tools.ninja_version, origin="private"),
    )
    return V8BuildRecord(
        crate_version=order.version,
        crate_sha256=inputs.source.sha256,
        target=order.target.name,
        rust_triple=order.target.rust_triple,
        features=tuple(sorted(order.features)),
        gn_arguments=work.build.arguments,
        tools=(*inputs.toolchain.tools, *own),
        toolchain_digest=inputs.toolchain.digest,
        executor=f"{inputs.executor.name} {inputs.executor.version}, {inputs.executor.cpu_model}",
        emulated=inputs.executor.emulated,
        runs=work.runs(),
        unpacked_bytes=unpacked_bytes,
        declarations="the crate's own" if inputs.bindgen is None else f"made by {inputs.bindgen.parents[1].name}",
        files=tuple(
            V8File(name=path.name, size_bytes=path.stat().st_size, sha256=fs.sha256_file(path))
            for path in sorted(directory.iterdir())
        ),
    )
