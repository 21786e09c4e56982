//! What can stand on a command line, for its completion: a row for the program, each of its commands, options and operands.

use std::io::{self, Write};

use clap::builder::PossibleValue;
use clap::{Arg, Command, ValueHint};

/// Writes the table of a program: what stands there, what kind of value that is or takes, and what it is for; with tabs between them. Options of
/// its commands stand behind these.
pub(crate) fn write(command: &Command, to: &mut dyn Write) -> io::Result<()> {
    let mut command = command.clone();
    command.build();
    row(command.get_name(), "program", &about(&command), to)?;
    for job in command.get_subcommands().filter(|job| !job.is_hide_set()) {
        row(job.get_name(), "job", &about(job), to)?;
        for arg in job.get_arguments().filter(|arg| !arg.is_hide_set() && !arg.is_positional()) {
            row(&format!("{} {}", job.get_name(), names(arg)), &kind(arg), &help(arg), to)?;
        }
    }
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
        row(&names(arg), &kind(arg), &help(arg), to)?;
    }
    Ok(())
}

fn help(arg: &Arg) -> String {
    arg.get_help().map(ToString::to_string).unwrap_or_default()
}

fn row(what: &str, kind: &str, help: &str, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "{what}\t{kind}\t{}", help.replace(['\t', '\n'], " "))
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

/// An option's names, as they are typed; an operand's, with dots if it may be repeated.
fn names(arg: &Arg) -> String {
    let short = arg.get_short_and_visible_aliases().unwrap_or_default().into_iter().map(|short| format!("-{short}"));
    let long = arg.get_long_and_visible_aliases().unwrap_or_default().into_iter().map(|long| format!("--{long}"));
    let names = short.chain(long).collect::<Vec<_>>();
    if names.is_empty() {
        let is_repeated = arg.get_num_args().is_some_and(|count| count.max_values() > 1);
        return format!("{}{}", value_name(arg), if is_repeated { "..." } else { "" });
    }
    names.join(" ")
}

/// What kind of value it takes: nothing if none; behind a `=` if it must be attached.
fn kind(arg: &Arg) -> String {
    if !arg.is_positional() && !arg.get_action().takes_values() {
        return String::new();
    }
    let attached = if arg.is_require_equals_set() { "=" } else { "" };
    format!("{attached}{}", value(arg))
}

fn value(arg: &Arg) -> String {
    let values = arg.get_possible_values();
    if !values.is_empty() {
        let values: Vec<&str> = values.iter().map(PossibleValue::get_name).collect();
        return format!("one of {}", values.join(" "));
    }
    let name = value_name(arg);
    match (arg.get_id().as_str(), &name[..], arg.get_value_hint()) {
        (_, _, ValueHint::AnyPath | ValueHint::FilePath) | (_, "FILE", _) => "file".into(),
        (_, "DIR", _) => "directory".into(),
        (_, "PATH", _) => "container".into(),
        (_, "COMMAND", _) => "command".into(),
        ("from", ..) => "place of origin".into(),
        (_, "PID|NAME|FILE", _) => "place".into(),
        (_, "NAME|FILE" | "FILE|NAME" | "NS", _) => "netns".into(),
        ("master" | "stitch", ..) => "link".into(),
        ("peer_master", ..) => "link of the peer".into(),
        ("link" | "parent", ..) => "link of origin".into(),
        (_, choice, _) if choice.contains('|') && choice == choice.to_lowercase() => {
            format!("one of {}", choice.replace('|', " "))
        }
        _ => "text".into(),
    }
}

fn value_name(arg: &Arg) -> String {
    arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string).unwrap_or_default()
}
