//! A man page, made from the definition of a command line.

use std::io::{self, Write};

use clap::builder::PossibleValue;
use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::context::Context;

/// The titles of paragraphs after a program's options that become sections.
const TITLES: [&str; 5] = ["A plan", "A plan for several machines", "Examples", "Rights", "Exit status"];

/// Writes the page of a program, as of a date. `others` are the other programs of the suite.
pub(crate) fn write(command: &Command, others: &[&str], date: &str, to: &mut dyn Write) -> io::Result<()> {
    let mut command = command.clone();
    command.build();
    command = command.mut_args(with_values_in_help);
    // The generator's own synopsis lacks the names of values, and the dots of what may be repeated.
    let usage = command.render_usage().to_string();
    let synopsis = command.clone().override_usage(usage.trim_start_matches("Usage:").trim().to_owned());
    // With a heading of their own, arguments get a section. The generator would put it after the options.
    let arguments = command.clone().mut_args(|arg| {
        let is_option = !arg.is_positional();
        arg.help_heading("Arguments").hide(is_option)
    });
    let options = command.clone().mut_args(|arg| {
        let is_argument = arg.is_positional();
        if is_argument { arg.hide(true) } else { arg }
    });
    let man = |command: Command| Man::new(command).manual("nicon").date(date);
    man(command.clone()).render_title(to)?;
    man(command.clone()).render_name_section(to)?;
    man(synopsis).render_synopsis_section(to)?;
    man(command.clone()).render_description_section(to)?;
    man(arguments).render_options_section(to)?;
    man(options).render_options_section(to)?;

    let context = Context::of(command.get_name());
    let mut roff = Roff::new();
    commands(&command, &mut roff);
    definitions("ENVIRONMENT", context.environment, &mut roff);
    definitions("FILES", context.files, &mut roff);
    // The generator would make a single section of it, and join the lines of the examples.
    let extra = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let mut last = None;
    for paragraph in extra.split("\n\n") {
        last = Some(section(paragraph, last, &mut roff));
    }
    let others = others.iter().map(|other| format!("{other}(1)"));
    let related: Vec<String> =
        others.chain(["nicon(7)".to_owned()]).chain(context.related.iter().map(ToString::to_string)).collect();
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(related.join(", "))]);
    roff.to_writer(to)
}

/// Lists an option's possible values in its help, as `-h` does, with what they mean. The generator would make a bullet of each.
fn with_values_in_help(arg: Arg) -> Arg {
    let values = arg.get_possible_values();
    if values.is_empty() || arg.is_hide_possible_values_set() {
        return arg;
    }
    let value = |value: &PossibleValue| match value.get_help() {
        Some(meaning) => format!("{} ({meaning})", value.get_name()),
        None => value.get_name().to_owned(),
    };
    let values: Vec<String> = values.iter().map(value).collect();
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    arg.help(format!("{help} [possible values: {}]", values.join(", "))).hide_possible_values(true)
}

/// A section for a paragraph such as `Examples:` with lines below it, or `Exit status: 0 all found`. A paragraph without
/// such a title becomes a note. Takes the title of the section before it, and gives that of its own.
fn section<'a>(paragraph: &'a str, last: Option<&str>, roff: &mut Roff) -> &'a str {
    let titled = paragraph.split_once(':').filter(|(title, _)| TITLES.contains(title));
    let (title, text) = titled.unwrap_or(("Notes", paragraph));
    if last == Some(title) {
        roff.control("PP", []);
    } else {
        roff.control("SH", [title.to_uppercase().as_str()]);
    }
    match text.strip_prefix('\n') {
        Some(lines) => {
            roff.control("nf", []);
            roff.text([roman(lines)]);
            roff.control("fi", []);
        }
        None => {
            roff.text([roman(text.trim_start())]);
        }
    }
    title
}

/// A section of a program's commands; none if it has none. The generator would refer to a page for each.
fn commands(command: &Command, roff: &mut Roff) {
    if !command.has_subcommands() {
        return;
    }
    roff.control("SH", ["COMMANDS"]);
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        let usage = command.clone().render_usage().to_string();
        let words = usage.trim_start_matches("Usage:").trim().split_once(' ').map_or("", |(_, words)| words).to_owned();
        roff.control("TP", []);
        roff.text([bold(words)]);
        let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
        for (number, paragraph) in about.split("\n\n").enumerate() {
            if number > 0 {
                roff.control("IP", []);
            }
            roff.text([roman(paragraph)]);
        }
    }
}

/// A section that explains some names; none if there are none.
fn definitions(title: &str, entries: &[(&str, &str)], roff: &mut Roff) {
    if entries.is_empty() {
        return;
    }
    roff.control("SH", [title]);
    for (name, meaning) in entries {
        roff.control("TP", []);
        roff.text([bold(*name)]);
        roff.text([roman(*meaning)]);
    }
}
