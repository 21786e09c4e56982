//! nicon-nsexec: runs a command in chosen namespaces of a process.
#![cfg_attr(not(test), no_main)]
#![cfg_attr(test, allow(dead_code, reason = "a test program begins in a main of its own"))]

mod cli;
mod each;
mod entry;
mod exec;
mod failure;
mod join;
mod operand;
mod own_namespaces;
mod prefixed;
mod privileges;
mod rights;
mod run;
mod self_protection;
mod stdio;
mod sys;
mod target;
mod terminal;
mod view;
mod watch;

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;

use clap::Parser;
use nicon_core::Status;
use nicon_core::filter::cli::usage;

/// The program begins here and not in Rust's own start-up code: that would put /dev/null on descriptors that the caller
/// closed, ignore SIGPIPE and install handlers, all of which the command would inherit or lose.
#[cfg(not(test))]
#[unsafe(no_mangle)]
#[allow(unsafe_code, reason = "an entry point in C cannot be safe")]
extern "C" fn main(_argc: std::ffi::c_int, argv: *const *const std::ffi::c_char) -> std::ffi::c_int {
    // SAFETY: this is what the C library hands to a program: C strings, with a null pointer behind the last one.
    begin(unsafe { sys::strings(argv) }).into()
}

fn begin(words: Vec<CString>) -> u8 {
    if let Err(error) = self_protection::refuse_borrowed_rights() {
        return failure::fail(&error);
    }
    let words: Vec<_> = words.into_iter().map(|word| OsString::from_vec(word.into_bytes())).collect();
    if let Some(args) = cli::plain::parse(&words) {
        return run::run(&args);
    }
    match cli::args::Args::try_parse_from(cli::attached::detach(words)) {
        Ok(args) => run::run(&args),
        Err(error) => match usage(failure::PROGRAM, error.use_stderr(), &error.to_string()) {
            Status::Answered => 0,
            _ => failure::FAILED,
        },
    }
}
