//! The manual of a program: its man page, its shell completions, the table by which nicon completes its command line, and its help in
//! docs/programs.md. All are made from the definition of its command line; a test in each program compares them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Command;

mod context;
mod page;
mod table;

/// If this environment variable is set, the files are written instead of compared: `make manual`.
const RENEW: &str = "NICON_RENEW";

/// The width of the help in docs/programs.md, in columns.
const WIDTH: usize = 100;

/// Checks a command line's definition, and that the files match it.
///
/// # Panics
/// If they do not, or cannot be read.
pub fn check(command: Command) {
    command.clone().debug_assert();
    let name = command.get_name().to_owned();
    let document = read("programs.md");
    assert!(programs(&document).any(|program| program == name), "docs/programs.md has no section \"## {name}\"");
    let others: Vec<&str> = programs(&document).filter(|&other| other != name).collect();
    let overview = read("man/nicon.7");
    compare(&format!("man/{name}.1"), |page| page::write(&command, &others, date_of(&overview), page));
    for (script, file) in [
        (include_str!("completions/bash"), format!("bash/{name}")),
        (include_str!("completions/zsh"), format!("zsh/_{name}")),
        (include_str!("completions/fish"), format!("fish/{name}.fish")),
    ] {
        compare(&format!("completions/{file}"), |to| write!(to, "{}", script.replace("NAME", &name)));
    }
    compare(&format!("../bin-nicon/command-lines/{name}.tsv"), |to| table::write(&command, to));
    let help = command.term_width(WIDTH).render_help().to_string();
    compare("programs.md", |document_now| write!(document_now, "{}", with_help(&document, &name, &help)));
}

/// The programs in the document.
fn programs(document: &str) -> impl Iterator<Item = &str> {
    document.lines().filter_map(|line| line.strip_prefix("## "))
}

/// The date of a page of the manual; that of the overview, which people write, is the date of all.
fn date_of(page: &str) -> &str {
    page.split(' ').nth(3).expect("a page begins with .TH, its name, section and date")
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
