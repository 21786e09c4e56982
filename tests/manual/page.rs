//! A man page, made of a command line's definition.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

/// What a paragraph behind a program's options may be called.
const TITLES: [&str; 4] = ["A plan", "Examples", "Rights", "Exit status"];

/// Writes the page of a program beside which there are `others`.
pub(crate) fn write(command: &Command, others: &[&str], to: &mut dyn Write) -> io::Result<()> {
    let man = Man::new(command.clone()).manual("nicon");
    man.render_title(to)?;
    man.render_name_section(to)?;
    man.render_synopsis_section(to)?;
    man.render_description_section(to)?;
    man.render_options_section(to)?;
    // The generator would make one section of it, and flow the lines of the examples together.
    let extra = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let mut roff = Roff::new();
    for paragraph in extra.split("\n\n") {
        section(paragraph, &mut roff);
    }
    see_also(others, &mut roff);
    roff.to_writer(to)
}

/// A section for a paragraph such as `Examples:` with lines below it, or `Exit status: 0 all found`; a mere remark is a note.
fn section(paragraph: &str, roff: &mut Roff) {
    let titled = paragraph.split_once(':').filter(|(title, _)| TITLES.contains(title));
    let (title, text) = titled.unwrap_or(("Notes", paragraph));
    roff.control("SH", [title.to_uppercase().as_str()]);
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
}

fn see_also(others: &[&str], roff: &mut Roff) {
    roff.control("SH", ["SEE ALSO"]);
    let others: Vec<String> = others.iter().map(|other| format!("{other}(1)")).collect();
    roff.text([roman(others.join(", "))]);
}
