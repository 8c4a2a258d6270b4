//! Compiles the C++ shim for the target and links the V8 that lives in libnode.

const SOURCES: &[&str] = &[
    "shim/engine.cc",
    "shim/module.cc",
    "shim/promise.cc",
    "shim/value.cc",
];

fn main() {
    for file in SOURCES.iter().chain(&["shim/shim.h"]) {
        println!("cargo:rerun-if-changed={file}");
    }
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        // The `=` stands for the compiler's sysroot, so a cross compiler that was given `--sysroot`
        // finds the target's headers and a native one those of the machine.
        .flag("-I=/usr/include/node")
        // V8's headers must be read the way Debian's libnode was configured. Pointer compression, the
        // sandbox and 31-bit integers are off there, which is also the headers' default.
        .define("V8_PROMISE_INTERNAL_FIELD_COUNT", "1")
        .flag("-fno-exceptions")
        .flag("-fno-rtti")
        // V8's own headers are not clean under -Wextra, and they are not ours to mend.
        .flag("-Wno-unused-parameter")
        .files(SOURCES)
        .compile("pico_v8_shim");
    // After the shim, which needs it: the order matters to linkers that read left to right.
    println!("cargo:rustc-link-lib=dylib=node");
}
