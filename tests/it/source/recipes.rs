//! docs/recipes.md does what it says: each of its commands is run, in order, and prints what is shown below it.

use std::fs;
use std::path::Path;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_within, tool, until};

use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial("source::recipes::do_what_they_say", do_what_they_say)]
}

/// The outermost container of the page, and that of the test, which other tests leave alone.
const THEIRS: &str = "setup";
const OURS: &str = "kitchen";

/// The commands of a page, each with the lines that it shows.
fn commands(page: &str) -> Vec<(&str, Vec<&str>)> {
    let mut commands: Vec<(&str, Vec<&str>)> = Vec::new();
    for block in blocks(page, "console") {
        for line in block.lines() {
            match line.strip_prefix("# ") {
                Some(command) => commands.push((command, Vec::new())),
                None => commands.last_mut().expect("a command is first").1.push(line),
            }
        }
    }
    commands
}

fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let opened = page.split("```").skip(1).step_by(2);
    opened.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
}

/// A line with its own particulars taken out: numbers, MACs, and how wide columns are.
fn shape(line: &str) -> String {
    let word = |word: &str| {
        let is_mac = word.split(':').count() == 6;
        let letters = word.split(|letter: char| letter.is_ascii_digit()).filter(|part| !part.is_empty());
        if is_mac { "MAC".to_owned() } else { letters.collect::<Vec<_>>().join("0") }
    };
    line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

fn do_what_they_say(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/recipes.md");
    // Of the containers of other tests, some are meant to trouble whoever looks at all.
    let all = format!("{OURS} '{OURS}.**'");
    let page = fs::read_to_string(page)?.replace(THEIRS, OURS).replace("'**'", &all);
    lab.run_daemon_container("", OURS, &[])?;
    lab.run_daemon_container(OURS, "olt_1", &[])?;
    lab.run_container(&format!("{OURS}.olt_1"), "lt_1", &[])?;
    let net = format!("--net=/proc/{}/ns/net", lab.host_pid(&format!("{OURS}.olt_1.lt_1"))?);
    let listen = ["setpriv", "--pdeathsig=KILL", "socat", "-u", "TCP6-LISTEN:8080,fork", "/dev/null"];
    let mut listener = tool("nsenter").arg(&net).args(listen).spawn()?;
    until("a listener", || {
        let ran = output_within(tool("nsenter").args([&net, "ss", "-Htln"]), LIMIT).ok()?;
        ran.stdout.contains(":8080").then_some(())
    });
    // The card is the end of a cable that nobody else touches.
    let card = "ip link add enp3s0 type veth peer name cable0 && ip link set enp3s0 up && ip address add 203.0.113.7/29 dev enp3s0";
    output_within(tool("sh").args(["-c", card]), LIMIT)?.ok()?;
    let directory = "/run/recipes";
    fs::create_dir_all(directory)?;
    for plan in blocks(&page, "yaml") {
        fs::write(format!("{directory}/lab.yaml"), plan)?;
    }
    let commands = commands(&page);
    assert!(commands.len() > 20, "{commands:?}");
    for (line, shown) in commands {
        let ran = suite.at_terminal(200, &format!("cd {directory}; {line}"));
        assert!(ran.status.success(), "{line}: {ran:?}");
        let printed: Vec<_> = ran.stdout.lines().map(shape).collect();
        for line_shown in shown {
            assert!(printed.contains(&shape(line_shown)), "{line}: no \"{line_shown}\" in {ran:?}");
        }
    }
    listener.kill()?;
    listener.wait()?;
    output_within(tool("ip").args(["link", "delete", "enp3s0"]), LIMIT)?.ok()?;
    fs::remove_dir_all(directory)?;
    Ok(lab.remove("", OURS)?)
}
