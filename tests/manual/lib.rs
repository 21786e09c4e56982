//! The manual of a program: its man page, its completions for the shells, and its help in docs/programs.md. All of them are
//! made of the definition of its command line, and a test of each program compares them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::{Shell, generate};

mod page;

/// Set to anything, the files are written anew instead of compared: `make manual`.
const RENEW: &str = "NICON_RENEW";

/// How wide help is in docs/programs.md, in columns.
const WIDTH: usize = 100;

/// Checks that a command line is sound, and that the files say what it does.
///
/// # Panics
/// Where they do not, or cannot be read.
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

/// The programs that the document tells of.
fn programs(document: &str) -> impl Iterator<Item = &str> {
    document.lines().filter_map(|line| line.strip_prefix("## "))
}

/// The document, with this help in the example that shows it.
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

/// Compares a file with what it should be.
fn compare(file: &str, write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) {
    let mut right = Vec::new();
    write(&mut right).expect("memory takes what is written");
    if std::env::var_os(RENEW).is_some() {
        let path = path(file);
        std::fs::create_dir_all(path.parent().expect("it is in a directory")).expect("the directory can be made");
        std::fs::write(path, &right).expect("the file can be written");
    }
    assert!(read(file).as_bytes() == right, "docs/{file} is not what the program says: `make manual` renews it");
}
