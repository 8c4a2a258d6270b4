# ruff: noqa: E501 - the long lines are Rust and manifests
"""Small Cargo workspaces without dependencies, one for each trap of lifting.

The crate ``v8`` stands for the VM: its library must be linked by generators and products for the target, never
for the host. Every product prints what its build scripts have made, and what that depends on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Workspace:
    """Files of a workspace, and what is known of it."""

    files: Mapping[str, str]
    root: str = "."
    """Directory of the workspace below where the files go."""
    package: str | None = None
    lifted: tuple[str, ...] = ("snap",)
    features: tuple[str, ...] = ()
    default_features: bool = True
    profile: str = "release"
    settings: tuple[str, ...] = ()
    """Of the profile, for Cargo's ``--config``."""

    def write(self, directory: Path) -> Path:
        """Write all files and return the workspace's directory."""
        for name, text in self.files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return directory / self.root


def manifest(name: str, extra: str = "", *, head: str = "", version: str = "1.0.0", edition: str = "2021") -> str:
    """Return a manifest: *head* goes into its [package] table, *extra* after it."""
    return f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "{edition}"\n{head}\n{extra}\n'


def virtual(*members: str, resolver: str = "2", extra: str = "") -> str:
    """Return the manifest of a virtual workspace."""
    listed = ", ".join(f'"{member}"' for member in members)
    return f'[workspace]\nmembers = [{listed}]\nresolver = "{resolver}"\n{extra}\n'


VM_FILES: dict[str, str] = {
    "v8/Cargo.toml": manifest(
        "v8", "[features]\nicu = []\njit = []\nsandbox = []", head='links = "v8"\nbuild = "build.rs"'
    ),
    "v8/build.rs": 'fn main() { println!("cargo:include=v8-headers"); println!("cargo:rerun-if-changed=build.rs"); }\n',
    "v8/src/lib.rs": """\
/// Returns a heap made from a script, with what the VM was compiled with.
pub fn heap(script: &str) -> String {
    let mut features = Vec::new();
    if cfg!(feature = "icu") { features.push("icu"); }
    if cfg!(feature = "jit") { features.push("jit"); }
    if cfg!(feature = "sandbox") { features.push("sandbox"); }
    format!("heap({script})[{}]", features.join("+"))
}
""",
}

WRITE = """\
fn write(name: &str, text: &str) {
    let out_dir = std::env::var("OUT_DIR").unwrap();
    std::fs::write(std::path::Path::new(&out_dir).join(name), text).unwrap();
}
"""
GUARD = """\
    if std::env::var("HOST").unwrap() != std::env::var("TARGET").unwrap() { panic!("Cross compiling"); }
"""
SNAP_BUILD = f"""\
{WRITE}
fn main() {{
{GUARD}
    write("snapshot.txt", &v8::heap("snap"));
}}
"""
SNAP_LIB = 'pub static SNAPSHOT: &str = include_str!(concat!(env!("OUT_DIR"), "/snapshot.txt"));\n'
APP_MAIN = 'fn main() { println!("{} in {}", snap::SNAPSHOT, v8::heap("app")); }\n'

V8 = 'v8 = { path = "../v8" }'
SNAP = 'snap = { path = "../snap" }'


def _simple(**changed: str) -> dict[str, str]:
    """Return the ordinary shape, a snapshot crate and a program, with some files replaced."""
    files = {
        **VM_FILES,
        "Cargo.toml": virtual("app", "snap", "v8"),
        "app/Cargo.toml": manifest("app", f"[dependencies]\n{SNAP}\n{V8}"),
        "app/src/main.rs": APP_MAIN,
        "snap/Cargo.toml": manifest("snap", f"[build-dependencies]\n{V8}"),
        "snap/build.rs": SNAP_BUILD,
        "snap/src/lib.rs": SNAP_LIB,
    }
    return files | {
        name.replace("__", "/").replace("_toml", ".toml").replace("_rs", ".rs"): text for name, text in changed.items()
    }


WORKSPACES: dict[str, Workspace] = {
    "plain": Workspace(files=_simple()),
    "guard-and-modules": Workspace(
        files={
            **_simple(),
            "snap/build.rs": f"mod shared;\n{WRITE}\nfn main() {{\n{GUARD}"
            '    write("snapshot.txt", &v8::heap(shared::NAME)); println!("cargo:rerun-if-changed=shared.rs"); }\n',
            "snap/shared.rs": 'pub const NAME: &str = concat!(env!("CARGO_PKG_NAME"), include_str!("../notes/name.txt"));\n',
            "notes/name.txt": "shared",
        }
    ),
    "script-elsewhere": Workspace(
        files={
            **_simple(),
            "snap/Cargo.toml": manifest("snap", f"[build-dependencies]\n{V8}", head='build = "src/build/main.rs"'),
            "snap/build.rs": "compile_error!();",
            "snap/src/build/main.rs": "mod part;\n" + SNAP_BUILD.replace('"snap"', "part::PART"),
            "snap/src/build/part.rs": 'pub const PART: &str = "part";',
        }
    ),
    "both-dependency-tables": Workspace(
        files={
            **_simple(),
            "snap/Cargo.toml": manifest(
                "snap",
                '[features]\ndefault = ["fast"]\nfast = ["dep:v8", "v8?/jit"]\n'
                f'[dependencies]\nv8 = {{ path = "../v8", features = ["icu"], optional = true }}\n[build-dependencies]\n{V8}',
            ),
        }
    ),
    "renamed": Workspace(
        files={
            **_simple(),
            "snap/Cargo.toml": manifest(
                "snap", '[build-dependencies]\nengine = { path = "../v8", package = "v8", features = ["jit"] }'
            ),
            "snap/build.rs": SNAP_BUILD.replace("v8::", "engine::"),
        }
    ),
    "facade": Workspace(
        files={
            **_simple(),
            "Cargo.toml": virtual("app", "snap", "v8", "facade"),
            "facade/Cargo.toml": manifest("facade", '[dependencies]\nrusty_v8 = { path = "../v8", package = "v8" }'),
            "facade/src/lib.rs": "pub use rusty_v8 as v8;",
            "snap/Cargo.toml": manifest("snap", '[build-dependencies]\nfacade = { path = "../facade" }'),
            "snap/build.rs": SNAP_BUILD.replace("v8::heap", "facade::v8::heap"),
        }
    ),
    "inherited": Workspace(
        files={
            **_simple(),
            "Cargo.toml": virtual(
                "app",
                "snap",
                "v8",
                resolver="3",
                extra='[workspace.package]\nedition = "2024"\nversion = "3.2.1"\n[workspace.dependencies]\n'
                'v8 = { path = "v8", features = ["icu"] }\nsnap = { path = "snap" }\n'
                '[workspace.lints.rust]\nmissing_docs = "deny"\nunsafe_code = "forbid"\n',
            ),
            "app/Cargo.toml": '[package]\nname = "app"\nedition.workspace = true\nversion.workspace = true\n'
            "[dependencies]\nsnap.workspace = true\nv8.workspace = true\n",
            "snap/Cargo.toml": '[package]\nname = "snap"\nedition.workspace = true\nversion.workspace = true\n'
            '[lints]\nworkspace = true\n[build-dependencies]\nv8 = { workspace = true, features = ["jit"] }\n',
            "snap/build.rs": "//! Makes the snapshot.\n" + SNAP_BUILD,
            "snap/src/lib.rs": "//! The snapshot.\n/// The snapshot.\n" + SNAP_LIB,
        }
    ),
    "target-tables": Workspace(
        files={
            **_simple(),
            "snap/Cargo.toml": manifest(
                "snap",
                "[target.'cfg(unix)'.build-dependencies]\n" + V8 + "\n"
                '[target.\'cfg(windows)\'.build-dependencies]\nv8 = { path = "../v8", features = ["sandbox"] }\n'
                '[target.\'cfg(windows)\'.dependencies]\nv8 = { path = "../v8", features = ["jit"] }\n'
                '[target.x86_64-pc-windows-msvc.dependencies]\nv8 = { path = "../v8", features = ["icu"] }\n'
                '[target.\'cfg(unix)\'.dependencies]\nv8 = { path = "../v8", features = ["icu"] }\n',
            ),
        }
    ),
    "lints-forbidden": Workspace(
        files={
            **_simple(),
            "snap/Cargo.toml": manifest(
                "snap",
                f'[build-dependencies]\n{V8}\n[lints.rust]\nmissing_docs = "forbid"\nunused_crate_dependencies = "forbid"\n'
                'warnings = "deny"\n',
            ),
            "snap/build.rs": "//! Makes the snapshot.\n" + SNAP_BUILD,
            "snap/src/lib.rs": "//! The snapshot.\n/// The snapshot.\n" + SNAP_LIB,
        }
    ),
    "crowded-package": Workspace(
        # Everything in the package that must not be compiled in generator form: it would not compile.
        files={
            **_simple(),
            "snap/Cargo.toml": manifest(
                "snap",
                '[lib]\nname = "snap"\npath = "src/the_lib.rs"\ncrate-type = ["rlib", "cdylib"]\n'
                '[[bin]]\nname = "tool"\npath = "tools/tool.rs"\n[[bin]]\nname = "other"\npath = "tools/other.rs"\n'
                '[[example]]\nname = "shown"\npath = "tools/other.rs"\n[[test]]\nname = "checked"\npath = "tools/other.rs"\n'
                f'[[bench]]\nname = "timed"\npath = "tools/other.rs"\n[build-dependencies]\n{V8}\n',
                head='default-run = "tool"\nautobins = false\nlinks = "snap"',
            ),
            "snap/src/the_lib.rs": SNAP_LIB,
            "snap/src/bin/stray.rs": "compile_error!();",
            "snap/tools/tool.rs": 'fn main() { println!("{}", snap::SNAPSHOT); }',
            "snap/tools/other.rs": 'fn main() { println!("{}", snap::SNAPSHOT); }',
            "snap/examples/broken.rs": "compile_error!();",
        },
        package="app",
    ),
    "links-metadata": Workspace(
        # What a script that stays tells a lifted one by Cargo's metadata, and the other way round.
        files={
            **_simple(),
            "snap/Cargo.toml": manifest(
                "snap", f"[dependencies]\n{V8}\n[build-dependencies]\n{V8}", head='links = "snap"'
            ),
            "snap/build.rs": SNAP_BUILD.replace(
                'write("snapshot.txt", &v8::heap("snap"));',
                'write("snapshot.txt", &v8::heap(&std::env::var("DEP_V8_INCLUDE").unwrap()));\n'
                '    println!("cargo:size=42"); println!("cargo:rustc-env=SNAP_NOTE=made"); println!("cargo:rustc-cfg=made");'
                ' println!("cargo:rustc-check-cfg=cfg(made)");',
            ),
            "snap/src/lib.rs": SNAP_LIB + 'pub static NOTE: &str = env!("SNAP_NOTE");\n'
            "#[cfg(made)] pub const MADE: bool = true;\n",
            "app/build.rs": 'fn main() { println!("cargo:rustc-env=SIZE={}", std::env::var("DEP_SNAP_SIZE").unwrap()); }',
            "app/src/main.rs": 'fn main() { println!("{} {} {} {}", snap::SNAPSHOT, snap::NOTE, snap::MADE, env!("SIZE")); }',
        }
    ),
    "product-itself": Workspace(
        files={
            **VM_FILES,
            "Cargo.toml": manifest(
                "app",
                '[features]\ndefault = ["greeting"]\ngreeting = []\n'
                '[dependencies]\nv8 = { path = "v8", features = ["icu"] }\n[build-dependencies]\nv8 = { path = "v8", features = ["icu"] }\n'
                "[workspace]\n[profile.release]\nopt-level = 1\n",
                head='default-run = "app"',
            ),
            "build.rs": SNAP_BUILD.replace('"snap"', 'if cfg!(feature = "greeting") { "hello" } else { "silence" }'),
            "src/main.rs": 'fn main() { println!("{} in {}", include_str!(concat!(env!("OUT_DIR"), "/snapshot.txt")), v8::heap("app")); }\n',
            "src/bin/second.rs": "fn main() {}\n",
        },
        lifted=("app",),
    ),
    "own-features": Workspace(
        # The product wants the snapshot crate without its default features and with another one.
        files={
            **_simple(),
            "app/Cargo.toml": manifest(
                "app",
                '[features]\ndefault = ["loud"]\nloud = []\nquiet = ["snap/quiet"]\n'
                f'[dependencies]\nsnap = {{ path = "../snap", default-features = false, features = ["small"] }}\n{V8}',
            ),
            "app/src/main.rs": 'fn main() { println!("{} {}", snap::SNAPSHOT, cfg!(feature = "loud")); }',
            "snap/Cargo.toml": manifest(
                "snap",
                f'[features]\ndefault = ["disable"]\ndisable = []\nsmall = []\nquiet = []\n[build-dependencies]\n{V8}',
            ),
            "snap/build.rs": SNAP_BUILD.replace(
                '"snap"',
                'if cfg!(feature = "disable") { "disabled" } else if cfg!(feature = "quiet") { "quiet" }'
                ' else if cfg!(feature = "small") { "small" } else { "none" }',
            ),
        }
    ),
    "dep-features": Workspace(
        # Features of the package that switch dependencies of the script on.
        files={
            **_simple(),
            "app/Cargo.toml": manifest("app", f'[features]\nsnapshot = ["snap/create"]\n[dependencies]\n{SNAP}\n{V8}'),
            "snap/Cargo.toml": manifest(
                "snap",
                '[features]\ncreate = ["dep:engine", "engine?/jit"]\n'
                '[build-dependencies]\nengine = { path = "../v8", package = "v8", optional = true }',
            ),
            "snap/build.rs": f'{WRITE}\n#[cfg(feature = "create")] fn text() -> String {{ engine::heap("snap") }}\n'
            '#[cfg(not(feature = "create"))] fn text() -> String { String::new() }\n'
            'fn main() { write("snapshot.txt", &text()); }\n',
        },
        features=("snapshot",),
    ),
    "several": Workspace(
        files={
            **_simple(),
            "Cargo.toml": virtual("app", "snap", "other", "v8"),
            "app/Cargo.toml": manifest("app", f'[dependencies]\n{SNAP}\nother = {{ path = "../other" }}\n{V8}'),
            "app/src/main.rs": 'fn main() { println!("{} {}", snap::SNAPSHOT, other::SNAPSHOT); }',
            "other/Cargo.toml": manifest("other", '[build-dependencies]\nv8 = { path = "../v8", features = ["icu"] }'),
            "other/build.rs": SNAP_BUILD.replace('"snap"', '"other"'),
            "other/src/lib.rs": SNAP_LIB,
        },
        lifted=("other", "snap"),
    ),
    "chained": Workspace(
        # One snapshot on top of another, which the product uses as well.
        files={
            **_simple(),
            "Cargo.toml": virtual("app", "snap", "outer", "v8"),
            "app/Cargo.toml": manifest("app", f'[dependencies]\n{SNAP}\nouter = {{ path = "../outer" }}\n{V8}'),
            "app/src/main.rs": 'fn main() { println!("{} {}", snap::SNAPSHOT, outer::SNAPSHOT); }',
            "outer/Cargo.toml": manifest("outer", f"[build-dependencies]\n{SNAP}\n{V8}"),
            "outer/build.rs": SNAP_BUILD.replace('"snap"', "snap::SNAPSHOT"),
            "outer/src/lib.rs": SNAP_LIB,
        },
        lifted=("snap", "outer"),
    ),
    "chained-build-only": Workspace(
        # The inner snapshot is needed by the outer script only, with features of its own.
        files={
            **_simple(),
            "Cargo.toml": virtual("app", "snap", "outer", "v8"),
            "app/Cargo.toml": manifest(
                "app", f'[features]\ndefault = ["a"]\na = []\n[dependencies]\nouter = {{ path = "../outer" }}\n{V8}'
            ),
            "app/src/main.rs": 'fn main() { println!("{}", outer::SNAPSHOT); }',
            "snap/Cargo.toml": manifest("snap", f"[features]\ndefault = []\ndeep = []\n[build-dependencies]\n{V8}"),
            "snap/build.rs": SNAP_BUILD.replace('"snap"', 'if cfg!(feature = "deep") { "deep" } else { "flat" }'),
            "outer/Cargo.toml": manifest(
                "outer", f'[build-dependencies]\nsnap = {{ path = "../snap", features = ["deep"] }}\n{V8}'
            ),
            "outer/build.rs": SNAP_BUILD.replace('"snap"', "snap::SNAPSHOT"),
            "outer/src/lib.rs": SNAP_LIB,
        },
        lifted=("snap", "outer"),
    ),
    "path-dependency-outside": Workspace(
        files={
            **{f"libraries/{name}": text for name, text in VM_FILES.items()},
            "libraries/deep/snap/Cargo.toml": manifest("snap", '[build-dependencies]\nv8 = { path = "../../v8" }'),
            "libraries/deep/snap/build.rs": SNAP_BUILD.replace('"snap"', 'include_str!("../../../notes/name.txt")'),
            "libraries/deep/snap/src/lib.rs": SNAP_LIB,
            "notes/name.txt": "noted",
            "work space/Cargo.toml": manifest(
                "app",
                '[dependencies]\nsnap = { path = "../libraries/deep/snap" }\nv8 = { path = "../libraries/v8" }\n[workspace]',
            ),
            "work space/src/main.rs": APP_MAIN,
        },
        root="work space",
    ),
    "two-versions": Workspace(
        # Two packages of one name, both to be lifted, and two versions of the VM.
        files={
            **VM_FILES,
            **{
                name.replace("v8/", "v8-old/", 1): text.replace('"1.0.0"', '"0.9.0"').replace('links = "v8"', "")
                for name, text in VM_FILES.items()
            },
            "app/Cargo.toml": manifest(
                "app",
                f'[dependencies]\n{SNAP}\nold = {{ path = "../snap-old", package = "snap" }}\n{V8}\n[workspace]',
            ),
            "app/src/main.rs": 'fn main() { println!("{} {}", snap::SNAPSHOT, old::SNAPSHOT); }',
            "snap/Cargo.toml": manifest("snap", f"[build-dependencies]\n{V8}"),
            "snap/build.rs": SNAP_BUILD,
            "snap/src/lib.rs": SNAP_LIB,
            "snap-old/Cargo.toml": manifest(
                "snap", '[build-dependencies]\nv8 = { path = "../v8-old" }', version="0.9.0-alpha.1"
            ),
            "snap-old/build.rs": SNAP_BUILD.replace('"snap"', '"old"'),
            "snap-old/src/lib.rs": SNAP_LIB,
        },
        root="app",
        lifted=("snap", "snap"),
    ),
    "resolver-1": Workspace(
        # Features are unified over both sides, and the command line knows one package's features only.
        files={
            **VM_FILES,
            "Cargo.toml": manifest(
                "app",
                '[features]\ndefault = ["loud"]\nloud = []\n'
                '[dependencies]\nsnap = { path = "snap", default-features = false }\nv8 = { path = "v8" }\n[workspace]',
                edition="2018",
            ),
            "src/main.rs": APP_MAIN.replace('"{} in {}"', '"{} in {} {}"').replace(
                'heap("app")', 'heap("app"), cfg!(feature = "loud")'
            ),
            "snap/Cargo.toml": manifest(
                "snap",
                '[features]\ndefault = ["disable"]\ndisable = []\n[build_dependencies]\nv8 = { path = "../v8", features = ["jit"] }\n'
                '[dependencies]\nv8 = { path = "../v8", features = ["icu"] }',
                edition="2018",
            ),
            "snap/build.rs": SNAP_BUILD.replace("{name}", "x").replace(
                '"snap"', 'if cfg!(feature = "disable") { "disabled" } else { "snap" }'
            ),
            "snap/src/lib.rs": SNAP_LIB,
        }
    ),
    "development-profile": Workspace(files=_simple(), profile="dev"),
    "no-default-features": Workspace(
        files={
            **_simple(),
            "app/Cargo.toml": manifest(
                "app", f'[features]\ndefault = ["snap/big"]\nextra = ["snap/small"]\n[dependencies]\n{SNAP}\n{V8}'
            ),
            "snap/Cargo.toml": manifest(
                "snap", f"[features]\ndefault = []\nbig = []\nsmall = []\n[build-dependencies]\n{V8}"
            ),
            "snap/build.rs": SNAP_BUILD.replace(
                '"snap"',
                'if cfg!(feature = "big") { "big" } else if cfg!(feature = "small") { "small" } else { "none" }',
            ),
        },
        features=("extra",),
        default_features=False,
    ),
    "lost-feature-of-direct-dependency": Workspace(
        # The script of `other`, which stays on the host, asks for a feature that the snapshot then has, too.
        files={
            **_simple(),
            "Cargo.toml": virtual("app", "v8", resolver="2", extra='exclude = ["helper"]'),
            "app/Cargo.toml": manifest("app", f'[dependencies]\n{SNAP}\nother = {{ path = "../other" }}\n{V8}'),
            "app/src/main.rs": 'fn main() { println!("{} {}", snap::SNAPSHOT, other::TEXT); }',
            "snap/Cargo.toml": manifest("snap", f'[build-dependencies]\n{V8}\nhelper = {{ path = "../helper" }}'),
            "snap/build.rs": SNAP_BUILD.replace('"snap"', "helper::NAME"),
            "helper/Cargo.toml": manifest("helper", "[features]\nmore = []\n[workspace]"),
            "helper/src/lib.rs": 'pub const NAME: &str = if cfg!(feature = "more") { "more" } else { "less" };',
            "other/Cargo.toml": manifest(
                "other", '[build-dependencies]\nhelper = { path = "../helper", features = ["more"] }'
            ),
            "other/build.rs": 'fn main() { println!("cargo:rustc-env=TEXT={}", helper::NAME); }',
            "other/src/lib.rs": 'pub static TEXT: &str = env!("TEXT");',
        }
    ),
    "lost-feature-of-member": Workspace(
        # As before, but the crate is a member of the workspace, and the script depends on it indirectly.
        files={
            **_simple(),
            "Cargo.toml": virtual("app", "snap", "v8", "helper", "between", "other"),
            "app/Cargo.toml": manifest("app", f'[dependencies]\n{SNAP}\nother = {{ path = "../other" }}\n{V8}'),
            "app/src/main.rs": 'fn main() { println!("{} {}", snap::SNAPSHOT, other::TEXT); }',
            "snap/Cargo.toml": manifest("snap", f'[build-dependencies]\n{V8}\nbetween = {{ path = "../between" }}'),
            "snap/build.rs": SNAP_BUILD.replace('"snap"', "between::NAME"),
            "between/Cargo.toml": manifest("between", '[dependencies]\nhelper = { path = "../helper" }'),
            "between/src/lib.rs": "pub use helper::NAME;",
            "helper/Cargo.toml": manifest("helper", "[features]\ndefault = []\nmore = []"),
            "helper/src/lib.rs": 'pub const NAME: &str = if cfg!(feature = "more") { "more" } else { "less" };',
            "other/Cargo.toml": manifest(
                "other", '[build-dependencies]\nhelper = { path = "../helper", features = ["more"] }'
            ),
            "other/build.rs": 'fn main() { println!("cargo:rustc-env=TEXT={}", helper::NAME); }',
            "other/src/lib.rs": 'pub static TEXT: &str = env!("TEXT");',
        }
    ),
}
