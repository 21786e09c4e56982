//! The place in a command line where a word is being typed: what can stand there, and what the words before it say about that.

use crate::words::inside::is_all_the_way;
use crate::words::operand::Operand;
use crate::words::table::{Table, Value, is_option};

/// A place in a command line.
pub(super) struct Spot {
    pub(super) wanted: Wanted,
    /// The part of the word that precedes the value: `--target=`, or nothing.
    pub(super) head: String,
    /// What has been typed of the value.
    pub(super) typed: String,
    pub(super) context: Context,
}

/// What can stand there.
pub(super) enum Wanted {
    /// A command of nicon's, or one of its programs.
    Jobs(Table),
    /// An option.
    Option(Table),
    /// A value of this kind.
    Value(&'static str),
    /// The name of a program, of which arguments follow.
    Command,
    /// An argument of another program's.
    Argument,
}

/// What the words before it say.
#[derive(Default)]
pub(super) struct Context {
    /// The container that the command is about, by its path.
    pub(super) path: Option<String>,
    /// Where links are to be, by --target.
    pub(super) targets: Vec<String>,
    /// Where a link is, by --from.
    pub(super) from: Option<String>,
    /// The word before.
    pub(super) before: String,
    /// Whether a program that is named is the container's, whose files are not looked at.
    is_inside: bool,
}

/// The place at the end of these words; `None` if nothing is known of it.
pub(super) fn find(words: &[String]) -> Option<Spot> {
    let (typed, words) = words.split_last()?;
    // Before it there may be others: sudo, env.
    let name = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let at = words.iter().position(|word| Table::of(&name(word)).is_some())?;
    let (program, words) = (name(&words[at]), &words[at + 1..]);
    let context = Context { before: words.last().cloned().unwrap_or_default(), ..Context::default() };
    match &program[..] {
        "nicon" => in_job(words, typed, context),
        program => in_program(program, words, typed, context),
    }
}

/// In a command line of nicon's own.
fn in_job(words: &[String], typed: &str, mut context: Context) -> Option<Spot> {
    let options = words.iter().take_while(|word| is_option(word)).count();
    let Some((job, words)) = words[options..].split_first() else {
        let table = Table::of("nicon")?;
        let wanted = if typed.starts_with('-') { Wanted::Option(table) } else { Wanted::Jobs(table) };
        return Some(spot(wanted, typed, context));
    };
    // A name that begins as an option does may stand behind this.
    let words = words.strip_prefix(&["--".to_owned()]).unwrap_or(words);
    let operand = match &job[..] {
        "help" => return jobs(words, typed, context),
        "ls" => return in_program("nicon-resolve", words, typed, context),
        "links" | "tree" => return in_table(Table::of_program(job).taking("container"), words, typed, context),
        job => match Operand::of(job) {
            Some(operand) => operand,
            None => return in_program(&format!("nicon-{job}"), words, typed, context),
        },
    };
    let own = Table::of_job(job)?.and(operand.table());
    let (before, behind) = words.split_at(own.options_in(words));
    let Some((first, behind)) = behind.split_first() else {
        if let Some((_, value)) = before.last().and_then(|last| own.awaits(last)) {
            return Some(spot(Wanted::Value(value.kind), typed, context));
        }
        let wanted = if typed.starts_with('-') { Wanted::Option(own) } else { Wanted::Value(operand.kind) };
        return Some(spot(wanted, typed, context));
    };
    context.path = (operand.kind == "container").then(|| first.clone());
    let words = [before, behind].concat();
    context.is_inside = job == "exec" && is_all_the_way(&words);
    match &job[..] {
        "exec" => in_program("nicon-nsexec", &words, typed, context),
        "wire" | "check" | "destroy" => in_table(own, behind, typed, context),
        "ip" if context.before == "dev" => Some(spot(Wanted::Value("link"), typed, context)),
        "capture" if behind.is_empty() => Some(spot(Wanted::Value("link"), typed, context)),
        _ => None,
    }
}

/// The only word of nicon's help.
fn jobs(before: &[String], typed: &str, context: Context) -> Option<Spot> {
    let table = Table::of("nicon").filter(|_| before.is_empty())?;
    Some(spot(Wanted::Jobs(table), typed, context))
}

/// In a command line of one of the other programs.
fn in_program(program: &str, words: &[String], typed: &str, context: Context) -> Option<Spot> {
    in_table(Table::of(program)?, words, typed, context)
}

fn in_table(table: Table, words: &[String], typed: &str, mut context: Context) -> Option<Spot> {
    let (mut operands, mut awaited, mut has_ended) = (0, None::<(String, Value)>, false);
    for word in words {
        if let Some((option, _)) = awaited.take() {
            context.note(&option, word);
        } else if word == "--" && !has_ended {
            has_ended = true;
        } else if has_ended || !is_option(word) {
            if table.operand(operands) == Some("command") {
                return (!context.is_inside).then(|| spot(Wanted::Argument, typed, context));
            }
            operands += 1;
        } else {
            awaited = table.awaits(word);
            context.note_option(word);
        }
    }
    if let Some((_, value)) = awaited {
        return Some(spot(Wanted::Value(value.kind), typed, context));
    }
    if !has_ended && typed.starts_with('-') {
        let attached = typed.split_once('=').filter(|(name, _)| name.starts_with("--"));
        let Some((name, value)) = attached else { return Some(spot(Wanted::Option(table), typed, context)) };
        let kind = table.value_of(name)?.kind;
        return Some(Spot { head: format!("{name}="), ..spot(Wanted::Value(kind), value, context) });
    }
    let wanted = match table.operand(operands) {
        Some("command") if context.is_inside => return None,
        Some("command") => Wanted::Command,
        Some(kind) => Wanted::Value(kind),
        None if has_ended => return None,
        None => Wanted::Option(table),
    };
    Some(spot(wanted, typed, context))
}

impl Context {
    /// Notes what an option says, with the value that is attached to it.
    fn note_option(&mut self, word: &str) {
        match word.split_once('=').filter(|(name, _)| name.starts_with("--")).or_else(|| word.split_at_checked(2)) {
            _ if matches!(word, "--all" | "--mount" | "--mnt") => self.is_inside = true,
            Some((option, value)) if !value.is_empty() => self.note(option, value),
            Some(("-a" | "-m", _)) => self.is_inside = true,
            _ => {}
        }
    }

    /// Notes the value of an option.
    fn note(&mut self, option: &str, value: &str) {
        match option {
            "-t" | "--target" => self.targets.push(value.to_owned()),
            "-f" | "--from" => self.from = Some(value.to_owned()),
            _ => {}
        }
    }
}

fn spot(wanted: Wanted, typed: &str, context: Context) -> Spot {
    Spot { wanted, head: String::new(), typed: typed.to_owned(), context }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::complete::line::split;

    /// What can stand at the end of a line.
    fn wanted(line: &str) -> String {
        match find(&split(line)) {
            None => "nothing".into(),
            Some(Spot { wanted, head, .. }) => match wanted {
                Wanted::Jobs(_) => "a job".into(),
                Wanted::Option(_) => "an option".into(),
                Wanted::Value(kind) => format!("{head}{kind}"),
                Wanted::Command => "a command".into(),
                Wanted::Argument => "an argument".into(),
            },
        }
    }

    #[test]
    fn what_can_stand_where() {
        for (line, expected) in [
            ("nicon ", "a job"),
            ("nicon -v l", "a job"),
            ("nicon -", "an option"),
            ("nicon exec ", "container"),
            ("nicon exec -- ", "container"),
            ("nicon exec -S 0 ", "container"),
            ("nicon exec -S ", "text"),
            ("nicon exec -", "an option"),
            ("nicon exec --net a.b ", "a command"),
            ("nicon exec --set A=1 a.b ", "nothing"),
            ("nicon exec a.b ", "nothing"),
            ("nicon exec a.b cat ", "nothing"),
            ("nicon exec a.b -", "an option"),
            ("nicon exec a.b --net ", "a command"),
            ("nicon exec a.b -n -a ", "nothing"),
            ("nicon exec a.b --set A=1 ", "nothing"),
            ("nicon exec a.b -S 0 -n ", "a command"),
            ("nicon exec a.b -S 0 --view ", "a command"),
            ("nicon help ", "a job"),
            ("nicon help exec ", "nothing"),
            ("nicon exec a.b --net tcpdump -", "an argument"),
            ("nicon ls ", "container"),
            ("nicon ls --label x=y a ", "container"),
            ("nicon ip a.b addr show dev ", "link"),
            ("nicon ip a.b ", "nothing"),
            ("nicon capture a.b ", "link"),
            ("nicon capture a.b eth0 ", "nothing"),
            ("nicon wire ", "file"),
            ("nicon wire --watch ", "file"),
            ("nicon wire --prune --wait 5 ", "file"),
            ("nicon wire --prune lab.yaml ", "an option"),
            ("nicon wire --on ", "text"),
            ("nicon wire --on lab1 --watch ", "file"),
            ("nicon wire --on=lab1 -", "an option"),
            ("nicon check --on lab1 ", "file"),
            ("nicon wire lab.yaml ", "an option"),
            ("nicon check lab.yaml --p", "an option"),
            ("nicon destroy lab.yaml --w", "an option"),
            ("nicon wire lab.yaml --in ", "container"),
            ("nicon links -t ", "place"),
            ("nicon links ", "container"),
            ("nicon links a b.", "container"),
            ("nicon links a --having x ", "container"),
            ("nicon tree a --s", "an option"),
            ("nicon nonsense ", "nothing"),
            ("/usr/bin/nicon-resolve ", "container"),
            ("nicon-resolve --socket ", "file"),
            ("nicon-resolve -- -", "container"),
            ("nicon-resolve --engine=d", "--engine=one of auto docker podman containerd crun runc lxc incus machine"),
            ("nicon-linkmv ", "link of origin"),
            ("nicon-linkmv -nt ", "place"),
            ("nicon-plan - ", "an option"),
            ("nicon-linkmv eth0 ", "text"),
            ("nicon-linkmv eth0 eth1 ", "an option"),
            ("nicon-linkmv -f ", "place of origin"),
            ("nicon-veth --peer-master ", "link of the peer"),
            ("nicon-nsexec --net ", "a command"),
            ("nicon-nsexec --net=", "--net=netns"),
            ("nicon-nsexec --root=/", "--root=directory"),
            ("nicon-tree ", "an option"),
            ("nicon-nsfind a ", "netns"),
            ("sudo -u root nicon exec ", "container"),
            ("docker ", "nothing"),
            ("nicon", "nothing"),
        ] {
            assert_eq!(wanted(line), expected, "{line}");
        }
    }

    #[test]
    fn options_say_where_links_are() {
        let context = |line: &str| find(&split(line)).unwrap().context;
        for line in ["nicon-veth -t a --target b x", "nicon-veth -ta --target=b x", "nicon veth -t a -nt b x"] {
            assert_eq!(context(line).targets, ["a", "b"], "{line}");
        }
        assert_eq!(context("nicon-linkmv --from=42 ").from.as_deref(), Some("42"));
        assert_eq!(context("nicon capture a.b ").path.as_deref(), Some("a.b"));
    }

    #[test]
    fn options_that_a_job_refuses_are_not_offered() {
        for (line, option, is_offered) in [
            ("nicon wire a.yaml -", "--wait", true),
            ("nicon wire a.yaml -", "--prune", true),
            ("nicon check a.yaml -", "--wait", false),
            ("nicon check -", "--wait", false),
            ("nicon check a.yaml -", "--prune", true),
            ("nicon destroy a.yaml -", "--prune", false),
        ] {
            let Some(Wanted::Option(table)) = find(&split(line)).map(|spot| spot.wanted) else { panic!("{line}") };
            let mut names = table.options.iter().flat_map(|row| row.names.split(' '));
            assert_eq!(names.any(|name| name == option), is_offered, "{line} {option}");
        }
    }

    #[test]
    fn each_job_is_known() {
        for (job, _) in Table::of("nicon").unwrap().jobs {
            assert_ne!(wanted(&format!("nicon {job} ")), "nothing", "{job}");
        }
    }
}
