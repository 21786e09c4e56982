//! The manual of a program: its man page, its shell completions, and its help in docs/programs.md. All are made from the
//! definition of its command line; a test in each program compares them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::{Shell, generate};

mod context;
mod page;

/// If this environment variable is set, the files are written instead of compared: `make manual`.
const RENEW: &str = "NICON_RENEW";

/// The width of the help in docs/programs.md, in columns.
const WIDTH: usize = 100;

/// Checks a command line's definition, and that the files match it.
///
/// # Panics
/// If they do not, or cannot be read.
pub fn check(mut command: Command) {
    command.clone().debug_assert();
    let name = command.get_name().to_owned();
    let document = read("programs.md");
    let others: Vec<&str> = programs(&document).filter(|&other| other != name).collect();
    compare(&format!("man/{name}.1"), |page| page::write(&command, &others, page));
    for (shell, file) in [
        (Shell::Bash, format!("bash/{name}")),
        (Shell::Zsh, format!("zsh/_{name}")),
        (Shell::Fish, format!("fish/{name}.fish")),
    ] {
        compare(&format!("completions/{file}"), |script| {
            generate(shell, &mut command, &name, script);
            Ok(())
        });
    }
    let help = command.term_width(WIDTH).render_help().to_string();
    compare("programs.md", |document_now| write!(document_now, "{}", with_help(&document, &name, &help)));
}

/// The programs in the document.
fn programs(document: &str) -> impl Iterator<Item = &str> {
    document.lines().filter_map(|line| line.strip_prefix("## "))
}

/// The document with a program's help replaced.
fn with_help(document: &str, name: &str, help: &str) -> String {
    let example = format!("$ {name} -h\n");
    let (before, rest) = document.split_once(&example).unwrap_or_else(|| panic!("no example of {name} -h"));
    let (_, after) = rest.split_once("```").expect("an example ends");
    format!("{before}{example}{}\n```{after}", help.trim_end())
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file)
}

fn read(file: &str) -> String {
    std::fs::read_to_string(path(file)).unwrap_or_default()
}

/// Compares a file with what `write` writes.
fn compare(file: &str, write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) {
    let mut right = Vec::new();
    write(&mut right).expect("memory takes what is written");
    if std::env::var_os(RENEW).is_some() {
        let path = path(file);
        std::fs::create_dir_all(path.parent().expect("it is in a directory")).expect("the directory can be made");
        std::fs::write(path, &right).expect("the file can be written");
    }
    assert!(read(file).as_bytes() == right, "docs/{file} does not match the program: run `make manual`");
}
