//! What filters need: the feature `filter`.
//!
//! A filter reads records, one a line, and writes records, a table, or bare values. [`cli`] is what its `main` calls, [`stream`]
//! its input and its answers, [`mod@format`] the options that say how these are printed, [`interrupt`] the signals that it ends by
//! in its own time, [`table`] and [`guides`] what people see at a terminal, [`colour`] what they should not overlook there,
//! [`names`] files of containers, [`mod@seconds`] times on the command line, [`output`] its standard output and error, [`wait`] what a long-running program waits by,
//! [`worker_process`] how it ends even if one of its threads hangs, and [`open_files`] lets it hold many files open.
//!
//! With this feature the program notes, before its `main`, whether it was started with standard output closed: Rust's
//! start-up code would hide that; and on musl its memory comes from an allocator of this crate's, since musl's own is slow.
//! Without it, linking this crate runs nothing, and sets nothing.

pub mod cli;
pub mod colour;
pub mod column;
pub mod format;
pub mod guides;
pub mod interrupt;
pub mod names;
pub mod open_files;
pub mod output;
pub mod seconds;
pub mod stream;
pub mod table;
pub mod wait;
pub mod worker_process;

/// musl's own allocator takes a page of its own for nearly each size, and gives large pieces back to the kernel each time.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;
