"""A snapshot step that asks the cache first: unchanged inputs never start the generator again."""

from __future__ import annotations

from collections.abc import Callable

from pipeline import fs
from pipeline.cache.store import SnapshotStore
from pipeline.errors import DiskFullError, NotWritableError
from pipeline.model.cached import Lookup, SnapshotKey, without_volatile
from pipeline.model.execution import Executor
from pipeline.model.snapshot import SnapshotCacheSetup, lookup_path
from pipeline.stages.building import snapshot


def recall_or_run(
    inputs: snapshot.SnapshotInputs, cache: SnapshotCacheSetup, make_executor: Callable[[], Executor]
) -> snapshot.SnapshotOutputs:
    """Give what an earlier run with the same inputs made, or run the generator and keep what it makes.

    Raises what `snapshot.run` raises. A cache that cannot be written to is no reason to fail.
    """
    store = SnapshotStore(root=cache.directory)
    key = key_of(inputs, cache)
    kept, lookup = store.look_up(key) if cache.look_up else (None, Lookup(key=key, found=None))
    if kept is not None:
        with store.unpacked(kept) as directory:
            if directory is not None:
                _note(inputs, lookup)
                return snapshot.recall(inputs, directory, kept.entry.result)
    outputs = snapshot.run(inputs, make_executor())
    _note(inputs, lookup.model_copy(update={"found": None, "not_kept": _keep(store, key, outputs)}))
    return outputs


def key_of(inputs: snapshot.SnapshotInputs, cache: SnapshotCacheSetup) -> SnapshotKey:
    """Return what decides the snapshot of this step.

    Raises WorkspaceError when Cargo's environment has no OUT_DIR.
    """
    request = snapshot.make_request(inputs)
    return SnapshotKey(
        target=inputs.setup.target,
        package=inputs.generator.package,
        version=inputs.generator.version,
        generator_sha256=fs.sha256_file(inputs.generator.generator),
        identity=cache.identity,
        workdir=str(inputs.workdir),
        env=without_volatile(dict(request.env)),
    )


def _keep(store: SnapshotStore, key: SnapshotKey, outputs: snapshot.SnapshotOutputs) -> str | None:
    """Keep what a run made, and return why it was not kept, if so."""
    result = outputs.result
    if result.timed_out or result.exit_code != 0:
        return "the generator failed"
    if result.strays:
        return f"it wrote outside OUT_DIR: {result.strays[0].path}"
    try:
        kept = store.keep(key, result, outputs.stdout)
    except (DiskFullError, NotWritableError) as error:
        return error.what
    return None if kept else "it watches a directory with very many files"


def _note(inputs: snapshot.SnapshotInputs, lookup: Lookup) -> None:
    path = lookup_path(inputs.steps_dir, inputs.generator.package, inputs.generator.version)
    fs.write_text(path, lookup.model_dump_json(indent=2) + "\n")
