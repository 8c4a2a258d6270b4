//! Lets the program find its shared libraries in `lib` beside itself.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // RPATH and not RUNPATH: only the former also holds for what libnode itself needs.
    println!("cargo:rustc-link-arg-bins=-Wl,--disable-new-dtags,-rpath,$ORIGIN/lib");
}
