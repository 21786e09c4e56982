//! What bash, zsh and fish offer for a command line of nicon's, with the scripts that are installed.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_within, patience, tool};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::hostile::answers::Engine;
use crate::support::desk::Desk;
use crate::support::links::{Pair, Place, ip, names};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("filters::complete::containers_as_docker_lists_them", containers_as_docker_lists_them),
        suite.trial("filters::complete::a_path_level_by_level", a_path_level_by_level),
        suite.trial("filters::complete::words_that_want_quotes", words_that_want_quotes),
        suite.trial("filters::complete::links_and_namespaces", links_and_namespaces),
        suite.trial("filters::complete::options_values_and_files", options_values_and_files),
        suite.trial("filters::complete::an_engine_that_hangs", an_engine_that_hangs),
        suite.trial("filters::complete::an_ordinary_user", an_ordinary_user),
    ]
}

const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// How long people would wait for a key: what may hang has less.
const AT_ONCE: Duration = Duration::from_secs(4);

/// A shell with completions, which it loads itself when they are needed.
struct Shell(Desk);

impl Shell {
    fn new(suite: &Suite, shell: &str) -> Result<Self, Failed> {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/completions");
        let scripts = scripts.to_str().ok_or("not UTF-8")?;
        let setup = match shell {
            "bash" => {
                // Its loader looks for a folder of this name.
                let directory = format!("/run/complete-{}", std::process::id());
                let _ = std::fs::create_dir(&directory);
                let _ = symlink(format!("{scripts}/bash"), format!("{directory}/completions"));
                format!("BASH_COMPLETION_USER_DIR={directory}; . /usr/share/bash-completion/bash_completion")
            }
            "zsh" => format!(
                "fpath=({scripts}/zsh $fpath); autoload -U compinit; compinit -u -D; zle -C all complete-word _generic; \
                 bindkey '^[*' all; zstyle ':completion:all:*' completer _all_matches _complete; zstyle ':completion:all:*' insert yes"
            ),
            _ => format!("set -p fish_complete_path {scripts}/fish"),
        };
        let mut desk = Desk::new(suite, if shell == "zsh" { "zsh -f" } else { shell }, "completion")?;
        // Behind it, the prompt is this one's.
        desk.press(&format!("{setup}; stty cols 1000; echo rea''dy\n"))?;
        desk.sees("ready");
        desk.sees_prompt();
        Ok(Self(desk))
    }

    /// The words of the line after these keys, as the shell would hand them to a program.
    fn words(&mut self, keys: &str) -> Result<Vec<String>, Failed> {
        // To the begin of the line: what it has becomes the arguments of a command that prints them.
        self.0.press(&format!("{keys}\u{1}printf '\\074\\074%s>\\n' \necho en''d,\n"))?;
        self.0.sees("<<");
        let shown = self.0.sees("end,");
        let first = shown.split_once('>').ok_or("no end of a word")?.0;
        let others = shown.lines().filter_map(|line| line.trim_end().strip_prefix("<<")?.strip_suffix('>'));
        Ok(std::iter::once(first.to_owned()).chain(others.map(str::to_owned)).collect())
    }

    /// What the last word becomes when Tab is pressed.
    fn tab(&mut self, line: &str) -> Result<String, Failed> {
        Ok(self.words(&format!("{line}\t"))?.pop().ok_or("no words")?)
    }
}

/// All words that a shell offers for the last one of a line.
fn offered(suite: &Suite, shell: &str, line: &str) -> Result<Vec<String>, Failed> {
    let mut words = if shell == "fish" {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/completions/fish");
        let fish = format!(
            "fish --no-config -c 'set -p fish_complete_path $argv[1]; complete -C $argv[2]' {} \"$LINE\"",
            scripts.display()
        );
        let ran = suite.shell(&format!("export LINE='{line}'; {fish}"), "");
        assert_eq!((ran.code(), &ran.stderr[..]), (Some(0), ""), "{ran:?}");
        ran.stdout.lines().filter_map(|line| line.split('\t').next()).map(str::to_owned).collect()
    } else {
        let mut desk = Shell::new(suite, shell)?;
        let before = line.split(' ').count() - 1;
        let mut words = desk.words(&format!("{line}\u{1b}*"))?.split_off(before);
        // Of a word with `:` or `=`, bash completes what is behind; it inserts the rest once.
        let head = words.first().and_then(|word| Some(word.split_at(word.rfind([':', '='])? + 1).0.to_owned()));
        for word in words.iter_mut().skip(1) {
            *word = head.iter().filter(|head| !word.starts_with(*head)).cloned().collect::<String>() + word;
        }
        words
    };
    words.sort();
    Ok(words)
}

fn containers_as_docker_lists_them(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let at = "shelf";
    lab.run_daemon_container("", at, &[])?;
    for name in ["lt_2", "lt_10", "box", "box.d"] {
        lab.run_container(at, name, &[])?;
    }
    lab.docker(at, &["create", "--name=lt_off", "nicon-lab", "true"])?.ok()?;
    let listed = lab.docker(at, &["ps", "--format={{.Names}}"])?.ok()?;
    for shell in SHELLS {
        for (line, around, escape) in [
            ("nicon-resolve shelf.", "shelf.", "\\."),
            ("nicon exec shelf/", "shelf/", "."),
            ("nicon capture docker:shelf/", "docker:shelf/", "."),
        ] {
            let mut expected: Vec<_> =
                listed.lines().map(|name| format!("{around}{}", name.replace('.', escape))).collect();
            expected.sort();
            assert!(expected.len() == 4, "{expected:?}");
            assert_eq!(offered(suite, shell, line)?, expected, "{shell}: {line}");
        }
        let lts = offered(suite, shell, "nicon-plan --in=shelf.l")?;
        assert_eq!(lts, ["--in=shelf.lt_10", "--in=shelf.lt_2"], "{shell}");
    }
    Ok(lab.remove("", at)?)
}

fn a_path_level_by_level(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for shell in SHELLS {
        let mut desk = Shell::new(suite, shell)?;
        // Without its configuration, fish knows no sudo.
        if shell != "fish" {
            assert_eq!(desk.tab("sudo nicon ip docker:setup.olt_1.")?, "docker:setup.olt_1.lt_1", "{shell}");
        }
        for (line, word) in [
            ("nicon-resolve setup.o", "setup.olt_1"),
            ("nicon-resolve setup.olt_1.", "setup.olt_1.lt_1"),
            ("nicon ls setup/olt_1/l", "setup/olt_1/lt_1"),
            ("nicon exec docker:setup.olt_1.", "docker:setup.olt_1.lt_1"),
            ("nicon exec root@setup.olt_1.", "root@setup.olt_1.lt_1"),
            ("nicon ip \"setup.olt_1.", "setup.olt_1.lt_1"),
            ("nicon ip 'docker:setup.olt_1.", "docker:setup.olt_1.lt_1"),
            ("nicon-resolve a.b setup.nobod", "setup.nobod"),
            ("nicon-resolve 'setup.o*", "setup.o*"),
            ("nicon-resolve 'setup.;", "setup.;"),
        ] {
            // A quote that nothing closes waits for more.
            let close = if word.ends_with([';', '*']) { "'" } else { "" };
            let words = desk.words(&format!("{line}\t{close}"))?;
            assert_eq!(words.last().map(String::as_str), Some(word), "{shell}: {line}");
        }
    }
    Ok(())
}

/// What is called so in a container is a word, whatever a shell would take it for.
fn words_that_want_quotes(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_container("", "quo.te", &[])?;
    let place = Place::new();
    let net = format!("--net=/proc/{}/ns/net", place.pid());
    let odd = ["quo$(id)", "quo;a", "quo'b", "quo\"c", "quo\\d", "quo&e", "quo*f"];
    for (number, link) in odd.iter().chain(&["quo\u{1b}[2J", "-quo"]).enumerate() {
        let peer = format!("quo-{number}");
        output_within(
            tool("nsenter").args([&net, "ip", "link", "add", "name", link, "type", "veth", "peer", "name", &peer]),
            LIMIT,
        )?
        .ok()?;
    }
    let line = |quote: &str| format!("nicon-linkmv --from={} {quote}quo", place.pid());
    for shell in ["bash", "zsh"] {
        let offered = offered(suite, shell, &line(""))?;
        for link in odd {
            assert!(offered.contains(&link.to_owned()), "{shell}: {link}: {offered:?}");
        }
        assert!(!offered.iter().any(|link| link.contains('\u{1b}') || link.starts_with('-')), "{shell}: {offered:?}");
    }
    for shell in SHELLS {
        let mut desk = Shell::new(suite, shell)?;
        assert_eq!(desk.tab("nicon-resolve quo")?, r"quo\.te", "{shell}");
        assert_eq!(desk.tab("nicon-resolve quo\\\\.")?, r"quo\.te", "{shell}");
        assert_eq!(desk.tab("nicon-resolve /quo.")?, "/quo.te", "{shell}");
        assert_eq!(desk.tab(&format!("nicon-linkmv -f {} quo\\$", place.pid()))?, "quo$(id)", "{shell}");
        assert_eq!(desk.tab(&format!("nicon-linkmv -f {} \"quo-0", place.pid()))?, "quo-0", "{shell}");
    }
    Ok(lab.remove("", "quo.te")?)
}

fn links_and_namespaces(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pair = Pair::new();
    let named = "complete-blue";
    ip(&format!("netns add {named}"));
    let inside = names(
        &output_within(
            tool("nsenter").args([&format!("--net=/proc/{}/ns/net", lab.host_pid("setup")?), "ip", "-j", "link"]),
            LIMIT,
        )?
        .ok()?,
    );
    for shell in SHELLS {
        let all = |line: &str| offered(suite, shell, line);
        let mut expected = [&inside[..], &["any".to_owned()]].concat();
        expected.sort();
        assert_eq!(all("nicon capture setup ")?, expected, "{shell}");
        expected.retain(|link| link != "any");
        assert_eq!(all("nicon ip setup addr show dev ")?, expected, "{shell}");
        assert!(all("nicon-linkmv ")?.contains(&pair.link), "{shell}");
        assert!(all("nicon-linkadd vlan -t host --master ")?.contains(&pair.link), "{shell}");
        assert_eq!(all(&format!("nicon-linkmv -t {named} --master "))?, ["lo"], "{shell}");
        for line in ["nicon-links -t complete-b", "nicon-links -n complete-b", "nicon nsfind complete-b"] {
            assert_eq!(all(line)?, [named], "{shell}: {line}");
        }
        assert_eq!(all("nicon-nsexec --net=complete-b")?, [format!("--net={named}")], "{shell}");
        assert_eq!(all("nicon-resolve netns:complete-b")?, [format!("netns:{named}")], "{shell}");
        let places = all("nicon-linkmv --from ")?;
        assert!(["host", "target", named].iter().all(|place| places.contains(&(*place).to_owned())), "{places:?}");
    }
    ip(&format!("netns del {named}"));
    Ok(())
}

fn options_values_and_files(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for shell in SHELLS {
        let all = |line: &str| offered(suite, shell, line);
        assert_eq!(all("nicon-resolve -o ")?, ["json", "table", "wide"], "{shell}");
        assert_eq!(
            all("nicon-resolve --translate=")?,
            ["auto", "ioctl", "scan"].map(|how| format!("--translate={how}"))
        );
        assert_eq!(all("nicon-veth --promisc ")?, ["off", "on"], "{shell}");
        assert_eq!(all("nicon-linkmv --no")?, ["--no-up", "--nodad"], "{shell}");
        assert_eq!(all("nicon exec setup --no-")?, ["--no-cgroup", "--no-fork", "--no-pty"], "{shell}");
        assert_eq!(all("nicon lin")?, ["linkadd", "linkmv", "links"], "{shell}");
        assert!(all("nicon-tree ")?.contains(&"--svg".to_owned()), "{shell}");
        let mut desk = Shell::new(suite, shell)?;
        for (line, word) in [
            ("nicon wire /etc/passw", "/etc/passwd"),
            ("nicon-nsexec --record=/etc/passw", "--record=/etc/passwd"),
            ("nicon-links -t /etc/passw", "/etc/passwd"),
            ("nicon-nsexec --net setpri", "setpriv"),
            ("nicon exec setup setpri", "setpri"),
            ("nicon destr", "destroy"),
        ] {
            // Of files that are called after it, there may be another.
            let found = desk.tab(line)?;
            assert_eq!(found.trim_end_matches('-'), word, "{shell}: {line}");
        }
    }
    Ok(())
}

/// Completes what is stuck. A machine with other work is asked again.
fn at_once(desk: &mut Shell, offered: &str) -> Result<(), Failed> {
    let mut took = Vec::new();
    while took.last().is_none_or(|took| *took >= AT_ONCE * patience()) {
        let begun = Instant::now();
        assert_eq!(desk.tab("nicon-resolve stuck.")?, offered);
        took.push(begun.elapsed());
        assert!(took.len() < 4, "{took:?}");
    }
    Ok(())
}

/// What it knows is offered in time, and the terminal shows nothing but the line.
fn an_engine_that_hangs(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    Engine::hearing("complete", |_, _| {
        std::thread::sleep(LIMIT);
        Ok(())
    });
    lab.run_daemon_container("", "stuck", &[])?;
    lab.run_container("stuck", "within", &[])?;
    let daemon = Pid::from_raw(lab.host_pid("stuck")?.cast_signed());
    kill(daemon, Signal::SIGSTOP)?;
    for shell in SHELLS {
        let mut desk = Shell::new(suite, shell)?;
        at_once(&mut desk, "stuck.within")?;
        desk.0.press("export DOCKER_HOST=unix:///run/hostile-complete.sock; echo rea''dy\n")?;
        desk.0.sees("ready");
        desk.0.sees_prompt();
        at_once(&mut desk, "stuck.")?;
        for (line, hint) in [("DOCKER_HOST=nonsense", "hint"), ("PATH=/nowhere", "no nicon")] {
            desk.0.press(&format!("export {line}; echo rea''dy\n"))?;
            desk.0.sees("ready");
            desk.0.sees_prompt();
            desk.0.press("nicon exec stuck.\t, \u{1}: \necho en''d,\n")?;
            let shown = desk.0.sees("end,");
            let quiet = ["nicon:", "nicon-resolve:", "rror", "not found", "nknown", "o such"];
            assert!(!quiet.iter().any(|word| shown.contains(word)), "{shell}, {hint}: {shown:?}");
        }
    }
    kill(daemon, Signal::SIGCONT)?;
    Ok(lab.remove("", "stuck")?)
}

/// Who may look at nothing is offered nothing, and told nothing.
fn an_ordinary_user(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for line in ["nicon-resolve ", "nicon capture setup ", "nicon-resolve setup.", "nicon exec a.b -- x"] {
        let ran = suite.as_nobody(&["nicon", "complete", "--", line], "");
        let is_any = |word: &&str| *word != "any\tall of them";
        let words: Vec<_> = ran.stdout.lines().filter(is_any).collect();
        assert_eq!((ran.code(), &words[..], &ran.stderr[..]), (Some(0), &["words"][..], ""), "{line}");
    }
    Ok(())
}
