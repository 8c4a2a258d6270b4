#!/usr/bin/env python3
"""Makes ``tests/data/apt/repository``: a signed archive of tiny packages, in the shape of Debian 12.

Run it by hand when the packages must change: ``python3 tests/data/apt/make_repository.py``. It takes gpg and dpkg-deb,
which the tests do not. The programs in the packages are shell scripts that know their version, no more.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ARCHITECTURES = ("amd64", "arm64")
DATE = "Sat, 01 Jan 2022 00:00:00 UTC"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tiny:
    """One package: programs that print a version, and empty files."""

    name: str
    version: str
    depends: str = ""
    programs: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()


def _llvm(major: int) -> list[Tiny]:
    version, base = f"1:{major}.1.7-1", f"usr/lib/llvm-{major}/bin"
    programs = tuple((f"{base}/{name}", f"clang version {major}.1.7") for name in ("clang", "clang++"))
    tools = tuple((f"{base}/llvm-{name}", f"LLVM version {major}.1.7") for name in ("ar", "ranlib", "strip", "nm"))
    return [
        Tiny(name=f"clang-{major}", version=version, depends=f"libllvm{major}", programs=programs),
        Tiny(name=f"lld-{major}", version=version, programs=((f"{base}/ld.lld", f"LLD {major}.1.7"),)),
        Tiny(name=f"llvm-{major}", version=version, programs=(*tools, (f"{base}/llvm-objcopy", "LLVM"))),
        Tiny(name=f"libllvm{major}", version=version, files=(f"usr/lib/llvm-{major}/lib/libLLVM.so",)),
    ]


def _rust(version: str, llvm: int, triple: str) -> list[Tiny]:
    package_version = f"{version}+dfsg1-1~deb12u1"
    rlib = f"usr/lib/rustlib/{triple}/lib/libstd-{version}.rlib"
    return [
        Tiny(
            name="rustc-web",
            version=package_version,
            depends=f"libstd-rust-web-dev, libllvm{llvm}, gcc",
            programs=(("usr/bin/rustc", f"rustc {version} (0000000 2025-01-01)"),),
        ),
        Tiny(
            name="cargo-web",
            version=package_version,
            depends="rustc-web, ca-tiny",
            programs=(("usr/bin/cargo", f"cargo {version} (0000000 2025-01-01)"),),
        ),
        Tiny(name="libstd-rust-web-dev", version=package_version, files=(rlib,)),
    ]


def _libraries(gnu: str) -> list[Tiny]:
    # The old layout (`lib/…`) on purpose: unpacking must meet the links of a merged /usr.
    loader = ("lib/ld-tiny.so.1", f"/lib/{gnu}/ld-tiny.so")
    return [
        Tiny(name="libc6", version="2.36-9", files=(f"lib/{gnu}/ld-tiny.so",), links=(loader,)),
        Tiny(name="libc6-dev", version="2.36-9", depends="libc6, rpcsvc-proto", files=(f"usr/lib/{gnu}/crt1.o",)),
        Tiny(name="libgcc-12-dev", version="12.2.0-14", files=(f"usr/lib/gcc/{gnu}/12/libgcc.a",)),
        Tiny(name="libstdc++-12-dev", version="12.2.0-14", files=(f"usr/lib/gcc/{gnu}/12/libstdc++.so",)),
        Tiny(name="libvm-dev", version="1.0-1", depends="libc6-dev", files=("usr/include/vm.h",)),
        Tiny(name="ca-tiny", version="1-1", files=("usr/share/doc/ca-tiny/left-out",)),
        Tiny(name="patchelf", version="0.14.3-1", programs=(("usr/bin/patchelf", "patchelf 0.14.3"),)),
        Tiny(
            name="qemu-user",
            version="1:7.2-1",
            programs=tuple((f"usr/bin/qemu-{a}", f"qemu-{a} version 7.2.0") for a in ("aarch64", "x86_64")),
        ),
    ]


def _packages(suite: str, architecture: str) -> list[Tiny]:
    gnu = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[architecture]
    triple = gnu.replace("-linux", "-unknown-linux")
    if suite == "bookworm-security":
        return [*_rust("1.96.0", 22, triple), *_llvm(22)]
    return [*_rust("1.85.0", 19, triple), *_llvm(19), *_libraries(gnu)]


def _write(tree: Path, package: Tiny) -> None:
    for name, said in package.programs:
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\necho '{said}'\n")
        path.chmod(0o755)
    for name in package.files:
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Bytes that do not compress, the same each time.
        seed = f"{package.name}{name}".encode()
        path.write_bytes(b"".join(hashlib.sha256(seed + bytes([i % 256, i // 256])).digest() for i in range(40)))
    for name, target in package.links:
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)


def _control(package: Tiny, architecture: str) -> str:
    depends = f"Depends: {package.depends}\n" if package.depends else ""
    return (
        f"Package: {package.name}\nVersion: {package.version}\nArchitecture: {architecture}\n"
        f"Maintainer: Nobody <nobody@example.org>\n{depends}Description: for tests\n"
    )


def _build(package: Tiny, architecture: str, pool: Path) -> str:
    file_version = package.version.split(":")[-1]
    path = pool / f"{package.name}_{file_version}_{architecture}.deb"
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory)
        _write(tree, package)
        control = _control(package, architecture)
        (tree / "DEBIAN").mkdir()
        (tree / "DEBIAN/control").write_text(control)
        argv = ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(tree), str(path)]
        subprocess.run(argv, check=True, env={"PATH": "/usr/bin:/bin", "SOURCE_DATE_EPOCH": "1640995200"})
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    name = f"pool/{pool.name}/{path.name}"
    return f"{control}Filename: {name}\nSize: {len(content)}\nSHA256: {digest}\n"


def _release(suite: str, dist: Path) -> str:
    lines = [f"Origin: Tests\nSuite: {suite}\nCodename: {suite}\nDate: {DATE}"]
    lines.append(f"Architectures: {' '.join(ARCHITECTURES)}\nComponents: main\nSHA256:")
    for path in sorted(dist.rglob("Packages")):
        content = path.read_bytes()
        lines.append(f" {hashlib.sha256(content).hexdigest()} {len(content)} {path.relative_to(dist)}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Make the repository and its public key anew; the secret key is thrown away."""
    repository = HERE / "repository"
    shutil.rmtree(repository, ignore_errors=True)
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o700)
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", ""]
        key = "Tests <tests@example.org>"
        subprocess.run([*gpg, "--quick-generate-key", key, "rsa3072", "sign", "never"], check=True)
        public = subprocess.run([*gpg, "--export", key], check=True, capture_output=True).stdout
        for suite in ("bookworm", "bookworm-security"):
            pool, dist = repository / "pool" / suite, repository / "dists" / suite
            pool.mkdir(parents=True)
            for architecture in ARCHITECTURES:
                index = dist / f"main/binary-{architecture}/Packages"
                index.parent.mkdir(parents=True)
                stanzas = [_build(p, architecture, pool) for p in _packages(suite, architecture)]
                index.write_text("\n".join(stanzas))
            (dist / "Release").write_text(_release(suite, dist))
            argv = [*gpg, "--clearsign", "--output", str(dist / "InRelease"), str(dist / "Release")]
            subprocess.run(argv, check=True)
            (dist / "Release").unlink()
    (repository / "keyring.gpg").write_bytes(public)


if __name__ == "__main__":
    main()
