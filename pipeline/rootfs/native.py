"""Programs of this machine for use in an emulated root: compilers for the root's architecture, and slow helpers.

They lie in a directory that is mounted in every root, with a C library and a loader of their own.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from pipeline import fs
from pipeline.apt.private import PrivateApt
from pipeline.apt.unpack import make_links_relative, prepare_root, unpack
from pipeline.context import Context
from pipeline.elf.reader import is_elf
from pipeline.model.events import Where
from pipeline.model.package import Package, total_size_bytes
from pipeline.model.root import NativeTools
from pipeline.model.target import Target
from pipeline.rootfs import python
from pipeline.rootfs.fetched import fetch_packages
from pipeline.rootfs.gcc import LANGUAGES, WRAPPED_BINUTILS, CrossGcc, set_directories
from pipeline.rootfs.helpers import BINUTILS, HELPERS, TARGETS
from pipeline.rootfs.llvm import NativeLlvm
from pipeline.rootfs.machine_name import set_machine_name
from pipeline.rootfs.order import Bind
from pipeline.rootfs.rust import PROGRAMS as RUST_PROGRAMS
from pipeline.rootfs.rust import NativeRust
from pipeline.rootfs.switch import Switch, switch_program
from pipeline.toolchains.relocate import Relocation, relocate

INSIDE = PurePosixPath("/.native")
SWITCHES_DIR = "switches"
"""A program for each name that has a native twin."""
NAMES_DIR = "names"
"""Where those of a root are linked, and what its PATH begins with."""
BY_PATH = ("bash", "ccache", "cmake", "dash", "env", "file", "grep", "m4", "make", "perl", "sed")
"""Programs that are named by their path: the native ones lie over the root's own, which are kept at ORIGINALS."""
BY_PATH_DIR = "by-path"
"""What lies over them."""
ORIGINALS = PurePosixPath("/.emulated")
_REFRESH = """\
#!/.native/usr/bin/dash
# dpkg starts this when it has changed something: names that are new in the root get their native twin.
for switch in /.native/switches/*; do
    name=${switch##*/}
    if [ -e "/usr/bin/$name" ]; then
        [ -e "/.native/names/$name" ] || /.native/usr/bin/ln -s "$switch" "/.native/names/$name"
    elif [ -e "/.native/names/$name" ]; then
        /.native/usr/bin/rm "/.native/names/$name"
    fi
done
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToolsRecipe:
    """Packages of native tools, and what making the directory takes."""

    packages: tuple[Package, ...]
    apt: PrivateApt
    packages_dir: Path
    host: Target
    target: Target
    gcc: CrossGcc
    context: Context

    @property
    def rust(self) -> NativeRust:
        """Return what describes a Rust in the directory."""
        return NativeRust(host=self.host, target=self.target, prefix=INSIDE)


def make_tools(recipe: ToolsRecipe, root: Path) -> None:
    """Fill the new directory *root*, to be mounted at INSIDE.

    Raises RootError when the compiler cannot be adapted, and what fetching, unpacking and patching raise.
    """
    prepare_root(root)
    reporter, context = recipe.context.reporter, recipe.context
    with reporter.step("root: native tools", where=Where.NETWORK) as step:
        step.detail(f"{len(recipe.packages)} packages, {total_size_bytes(recipe.packages) / 1e6:.0f} MB")
        files = fetch_packages(recipe.packages, recipe.apt, recipe.packages_dir, context)
        with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
            for _done in pool.map(lambda path: unpack(path, root, context.environ), files):
                pass
    with reporter.step("root: make native tools run in place"):
        make_links_relative(root)
        set_directories(root, recipe.gcc)
        llvm = NativeLlvm.found_in(root, recipe.target)
        relocate(
            Relocation(
                root=root,
                final=Path(INSIDE),
                host=recipe.host,
                llvm_bin=llvm.bin_dir if llvm else None,
                rust_prefix=None,
                patchelf=None,
                environ=context.environ,
                further=tuple(_programs(root, recipe)),
            )
        )
        if recipe.rust.is_in(root):
            recipe.rust.write(root)
        _name_machine(root, recipe)
        _write_switches(root, recipe)


def _programs(root: Path, recipe: ToolsRecipe) -> Iterator[PurePosixPath]:
    seen: set[int] = set()
    gcc = recipe.gcc
    own = PurePosixPath("usr/lib/gcc") / recipe.host.gnu_triple / str(gcc.major)
    for directory in ("usr/bin", "usr/sbin", gcc.programs_dir, gcc.binutils_dir, own):
        if not (root / directory).is_dir():
            continue
        for path in sorted((root / directory).iterdir()):
            if not path.is_file() or path.is_symlink() or path.name == "patchelf" or not is_elf(path):
                continue
            # Some are one file under several names: it must not be patched twice at once.
            if path.stat().st_ino not in seen:
                seen.add(path.stat().st_ino)
                yield PurePosixPath(path.relative_to(root))


def _write_switches(root: Path, recipe: ToolsRecipe) -> None:
    refresh = root / "refresh"
    refresh.write_text(_REFRESH, encoding="utf-8")
    refresh.chmod(0o755)
    directory = fs.make_directory(root / SWITCHES_DIR)
    fs.make_directory(root / NAMES_DIR)  # a root's own is mounted here
    by_path = fs.make_directory(root / BY_PATH_DIR)
    for switch in switches(root, recipe.gcc, recipe.target):
        _write(directory, switch)
        if switch.name in BY_PATH or python.PROGRAM.fullmatch(switch.name):
            # The name that it was called by is right; that of a link in a virtual environment must be kept.
            _write(by_path, switch if switch.name == "cmake" else dataclasses.replace(switch, called=""))


def _write(directory: Path, switch: Switch) -> None:
    path = directory / switch.name
    path.write_bytes(switch_program(switch))
    path.chmod(0o755)


def _name_machine(root: Path, recipe: ToolsRecipe) -> None:
    library = root / "usr/lib" / recipe.host.gnu_triple / "libc.so.6"
    if not set_machine_name(library, recipe.target.kernel_machine):
        recipe.context.reporter.warn(
            f"native programs in the root take it for a machine of kind {recipe.host.kernel_machine}: this version of "
            "the C library is none of those that were tried"
        )


def switches(root: Path, gcc: CrossGcc, target: Target) -> Iterator[Switch]:
    """Yield every name with a native twin in the prefix *root*."""
    yield from _compilers(gcc)
    yield from _twins(root, target)
    for name in BINUTILS:
        native = f"usr/bin/{gcc.triple}-{name}"
        if (root / native).exists():
            for own in (name, f"{gcc.triple}-{name}"):
                yield _switch(own, native)
    for names in HELPERS.values():
        for name in names:
            native = f"usr/bin/{TARGETS.get(name, name)}"
            if (root / native).exists():
                yield _switch(name, native)


def _twins(root: Path, target: Target) -> Iterator[Switch]:
    llvm = NativeLlvm.found_in(root, target)
    for name, program in llvm.names(root) if llvm else ():
        yield dataclasses.replace(_switch(name, str(program)), variables=llvm.variables(root, name) if llvm else ())
    if (root / "usr/bin/cmake").is_file():
        # Its modules are the root's, and what it writes into Makefiles is the path of the root's.
        yield dataclasses.replace(_switch("cmake", "usr/bin/cmake"), called="/usr/bin/cmake")
    if (root / "usr/bin/sccache").is_file():
        yield _switch("sccache", "usr/bin/sccache")
    if interpreter := python.found_in(root):
        for name in ("python3", interpreter):
            yield dataclasses.replace(
                _switch(name, f"usr/bin/{interpreter}"),
                variables=python.variables(target),
                called=f"/usr/bin/{name}",
            )
    if (root / "rust").is_dir():
        yield from (_switch(name, f"rust/{name}") for name in RUST_PROGRAMS)
        if (root / "usr/bin/cargo").is_file():
            yield _switch("cargo", "usr/bin/cargo")


def _compilers(gcc: CrossGcc) -> Iterator[Switch]:
    for driver, short_names in LANGUAGES.items():
        versioned = f"{driver}-{gcc.major}"
        plain = (*short_names, versioned)
        for name in (*plain, f"{gcc.triple}-{driver}", f"{gcc.triple}-{versioned}"):
            native = f"usr/bin/{gcc.triple}-{versioned}"
            yield dataclasses.replace(_switch(name, native), arguments=gcc.arguments, finds_itself=True)
    for driver in WRAPPED_BINUTILS:
        versioned = f"{driver}-{gcc.major}"
        for name in (driver, versioned, f"{gcc.triple}-{driver}", f"{gcc.triple}-{versioned}"):
            native = f"usr/bin/{gcc.triple}-{versioned}"
            yield dataclasses.replace(_switch(name, native), finds_itself=True)


def _switch(name: str, native: str) -> Switch:
    program = PurePosixPath(native).name
    is_by_path = program in BY_PATH or python.PROGRAM.fullmatch(program)
    emulated = ORIGINALS / program if is_by_path else f"/usr/bin/{name}"
    return Switch(name=name, native=str(INSIDE / native), emulated=str(emulated))


def binds(tools: NativeTools, places: Iterable[Path], directory: Path) -> Iterator[Bind]:
    """Yield what makes *tools* seen in a root whose files lie in *places*, the lowest first.

    *directory* is of the run; it gets the links to the names that the root has: what a root lacks stays absent.
    """
    found = tuple(places)
    names = directory / NAMES_DIR
    names.mkdir()
    for name in names_in(tools, found):
        (names / name).symlink_to(INSIDE / SWITCHES_DIR / name)
    yield Bind(source=str(tools.directory), inside=str(INSIDE), read_only=True)
    yield Bind(source=str(names), inside=str(INSIDE / NAMES_DIR))
    for modules in perl_modules(tools):
        yield Bind(source=str(modules), inside=f"/{modules.relative_to(tools.directory)}", read_only=True)
    for name, original, switch in lying_over(tools, found):
        yield Bind(source=str(original), inside=str(ORIGINALS / name), read_only=True)
        yield Bind(source=str(switch), inside=str(PurePosixPath("/usr/bin") / name), read_only=True)
    interpreter = python.found_in(tools.directory)
    own = _highest(found, python.modules_dir(interpreter)) if interpreter else None
    if interpreter and own:
        kept = ORIGINALS / "python"
        python.link_modules(tools.directory, INSIDE, own, kept, directory / "python")
        yield Bind(source=str(own), inside=str(kept), read_only=True)
        yield Bind(source=str(directory / "python"), inside=str(python.modules_dir(interpreter)), read_only=True)


def lying_over(tools: NativeTools, places: Iterable[Path]) -> Iterator[tuple[str, Path, Path]]:
    """Yield each program of a root that is named by its path: name, the root's own, and what lies over it."""
    found = tuple(places)
    for switch in sorted((tools.directory / BY_PATH_DIR).iterdir()):
        original = _highest(found, PurePosixPath("/usr/bin") / switch.name)
        if original and original.is_file():
            yield switch.name, original, switch


def _highest(places: tuple[Path, ...], name: PurePosixPath) -> Path | None:
    """Return what is seen at *name* where each of *places* lies over those before it."""
    paths = (place / name.relative_to("/") for place in reversed(places))
    return next((path for path in paths if path.exists()), None)


def perl_modules(tools: NativeTools) -> tuple[Path, ...]:
    """Return where a native Perl has its own modules built in: a path that no program of the root knows."""
    return tuple(sorted((tools.directory / "usr/lib").glob("*-linux-gnu*/perl*")))


def names_in(tools: NativeTools, places: Iterable[Path]) -> tuple[str, ...]:
    """Return the names that both *tools* and a root whose files lie in *places* have."""
    listed = (place / "usr/bin" for place in places)
    present = {name for directory in listed if directory.is_dir() for name in os.listdir(directory)}  # noqa: PTH208
    return tuple(sorted(present & {switch.name for switch in (tools.directory / SWITCHES_DIR).iterdir()}))


def path(own: str) -> str:
    """Return the PATH *own* of a root with the native names before it."""
    return f"{INSIDE / NAMES_DIR}:{own}"
