//! What programs need that are filters: the feature `filter`.
//!
//! A filter reads records, one a line, and writes records, a table, or bare values. [`cli`] is what its `main` calls,
//! [`stream`] its input and its answers, [`table`] what people see at a terminal, [`output`] its standard output and error,
//! [`worker_process`] how it ends even if one of its threads hangs, and [`open_files`] lets it hold many files open.
//!
//! With this feature the program notes, before its `main`, whether it was started with standard output closed: Rust's
//! start-up code would hide that. Without it, linking this crate runs nothing.

pub mod cli;
pub mod open_files;
pub mod output;
pub mod stream;
pub mod table;
pub mod worker_process;
