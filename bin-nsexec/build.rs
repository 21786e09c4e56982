//! Compiles the last step, a program of its own that nsexec carries along (`src/exec/image.rs`).

use std::env;
use std::path::Path;
use std::process::Command;

/// Without a C library, and small: it is copied at each start.
const OPTIONS: [&str; 6] = [
    "-Cpanic=abort",
    "-Copt-level=s",
    "-Crelocation-model=static",
    "-Ctarget-feature=+crt-static",
    "-Cstrip=symbols",
    "-Clink-args=-nostdlib -static -Wl,--build-id=none,-z,noseparate-code",
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=last-step");
    compile_last_step();
}

fn compile_last_step() {
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args(["--edition=2024", "--crate-name=last_step"]).arg(format!("--target={}", variable("TARGET")));
    rustc.args(OPTIONS).arg("-o").arg(Path::new(&variable("OUT_DIR")).join("last-step")).arg("last-step/main.rs");
    if variable("CARGO_CFG_TARGET_ENV") == "musl" {
        // Otherwise rustc adds its own copy of the C library's beginning.
        rustc.arg("-Clink-self-contained=no");
    }
    // Set by cargo if a linker was configured, as for another architecture.
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    let status = rustc.status().expect("start rustc");
    assert!(status.success(), "compile last-step/main.rs");
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}
