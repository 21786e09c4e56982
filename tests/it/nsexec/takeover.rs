//! A container that tries to take over nicon-nsexec on its way in: its executable, and each process that it sees.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, copy_program, output_of_input, output_within, tool, witness};

use crate::nsexec::as_nsenter::{CONTAINER, Cell};
use crate::nsexec::fallbacks::refusing;
use crate::support::expect::refusal;
use crate::support::kernel::Feature;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::takeover::the_executable", the_executable),
        suite.trial("nsexec::takeover::the_executable_by_an_interpreter", the_executable_by_an_interpreter),
        suite.trial_with(
            &[Feature::OwnInterpreters],
            "nsexec::takeover::the_executable_by_an_interpreter_of_its_own",
            the_executable_by_an_interpreter_of_its_own,
        ),
        suite.trial("nsexec::takeover::the_executable_where_no_memfd_is_executed", where_no_memfd_is_executed),
        suite.trial("nsexec::takeover::processes_that_enter", processes_that_enter),
        suite.trial("nsexec::takeover::the_pid_of_another", the_pid_of_another),
        suite.trial("nsexec::takeover::the_callers_files_by_the_pid_namespace", the_callers_files_by_the_pid_namespace),
    ]
}

/// The attacker; see there for what it does and says.
const ATTACK: &str = include_str!("attack.c");

/// Shown by an attacker who has found the caller's environment.
const SECRET: &str = "the-callers-own-secret";

/// How often each attack may try.
const ENTRIES: u32 = 60;

/// How a command is run in a container.
type Run<'a> = dyn Fn(&[&str]) -> Command + 'a;

/// A container, and how a command is run there by its own engine.
struct Prey<'a> {
    name: &'static str,
    pid: u32,
    /// Where files can be written and executed there.
    directory: &'static str,
    run: Box<Run<'a>>,
}

impl<'a> Prey<'a> {
    fn new(name: &'static str, directory: &'static str, run: impl Fn(&[&str]) -> Command + 'a) -> Result<Self, Failed> {
        let link = output_within(&mut run(&["readlink", "/proc/self/ns/mnt"]), LIMIT)?.ok()?;
        let pid = witness::first_process_of(&link).ok_or("it does not run")?;
        let compile = format!("cd {directory} && TMPDIR=. gcc -O1 -x c -o attack -");
        output_of_input(&mut run(&["sh", "-c", &compile]), ATTACK, LIMIT)?.ok()?;
        Ok(Self { name, pid, directory, run: Box::new(run) })
    }

    fn path(&self, file: &str) -> String {
        format!("{}/{file}", self.directory)
    }

    /// The attacker's words while `enter` is called again and again.
    fn attacks(&self, mode: &[&str], mut enter: impl FnMut(u32)) -> Result<Vec<String>, Failed> {
        attacks_for((self.run)(&[&[self.path("attack").as_str()], mode].concat()), ENTRIES, || enter(self.pid))
    }
}

fn attacks_for(mut attacker: Command, entries: u32, mut enter: impl FnMut()) -> Result<Vec<String>, Failed> {
    let mut attacker = Cell(attacker.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
    let input = attacker.0.stdin.take();
    let mut said = BufReader::new(attacker.0.stdout.take().ok_or("no output")?).lines();
    assert_eq!(said.next().transpose()?.as_deref(), Some("ready"));
    (0..entries).for_each(|_| enter());
    drop(input);
    Ok(said.collect::<Result<_, _>>()?)
}

/// A program that enters, in a copy lest the machine's own be damaged.
struct Copy(String);

impl Copy {
    fn of(program: &str) -> Result<Self, Failed> {
        let name = Path::new(program).file_name().ok_or("no name")?.display();
        let path = format!("/run/takeover-{name}-{}", nix::unistd::gettid());
        copy_program(program, &path)?;
        Ok(Self(path))
    }

    fn of_nsexec(suite: &Suite) -> Result<Self, Failed> {
        Self::of(&suite.bins()?.join("nicon-nsexec").display().to_string())
    }

    /// Enters, and waits for the end, which the attacker may bring about.
    fn enter(&self, pid: u32, words: &[&str]) {
        let mut command = tool("timeout");
        command.args(["--signal=KILL", "1", &self.0, &format!("-t{pid}")]).args(words).env("SECRET", SECRET);
        let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What a container may have that the engine gives to none by itself.
const MIGHTY: [&str; 3] = ["--cap-add=SYS_ADMIN", "--cap-add=SYS_PTRACE", "--security-opt=seccomp=unconfined"];

/// A container of Docker's for the one attack: it disturbs all others that it sees.
fn with_prey(
    lab: &Lab,
    name: &'static str,
    options: &[&str],
    attack: impl Fn(&Prey<'_>) -> Result<(), Failed>,
) -> Result<(), Failed> {
    lab.run_container("", name, options)?;
    let attacked = Prey::new(name, "/tmp", |words| lab.command(name, words)).and_then(|prey| attack(&prey));
    lab.remove("", name)?;
    attacked
}

/// The usual containers of each engine, and some with more rights. `names` are for this test alone.
fn with_preys(
    lab: &Lab,
    names: [&'static str; 5],
    attack: impl Fn(&Prey<'_>) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let [usual, unconfined, mighty, of_podman, of_runc] = names;
    with_prey(lab, usual, &[], &attack)?;
    with_prey(lab, unconfined, &MIGHTY[2..], &attack)?;
    with_prey(lab, mighty, &MIGHTY, &attack)?;
    lab.prepare_podman("")?;
    lab.run_podman("", of_podman, &[], &["sleep", "infinity"])?;
    let run = |words: &[&str]| lab.podman_command("", &[&["exec", "-i", of_podman], words].concat());
    let attacked = Prey::new(of_podman, "/tmp", run).and_then(|prey| attack(&prey));
    lab.podman("", &["rm", "--force", "--time=0", of_podman])?.ok()?;
    attacked?;
    lab.run_runc("", of_runc, of_runc)?;
    let run = |words: &[&str]| lab.beside("", &[&["runc", "exec", of_runc], words].concat());
    let attacked = Prey::new(of_runc, "/dev", run).and_then(|prey| attack(&prey));
    lab.script("", "runc delete --force \"$1\"; rm -r \"/run/nicon-bundles/$1\"", &[of_runc])?;
    attacked
}

/// The attack works on nsenter: on a file that can be written, and a process with more rights.
fn works_on_nsenter(lab: &Lab, name: &'static str, mode: &[&str], words: &[&str]) -> Result<(), Failed> {
    let nsenter = Copy::of("/usr/bin/nsenter")?;
    with_prey(lab, name, &MIGHTY, |prey| {
        let said = prey.attacks(mode, |pid| nsenter.enter(pid, words))?;
        let has_won = |line: &String| line.starts_with("wrote to ") || line.starts_with("memory: ");
        assert!(said.iter().any(has_won), "the attack does not work at all: {said:?}");
        Ok(())
    })
}

fn the_executable(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    works_on_nsenter(lab, "grab-nsenter", &["grab"], &["-m", "-p", "sleep", "0.01"])?;
    let nsexec = Copy::of_nsexec(suite)?;
    let before = std::fs::read(&nsexec.0)?;
    with_preys(lab, ["grab-1", "grab-2", "grab-3", "grab-4", "grab-5"], |prey| {
        for options in [&["--all", "true"][..], &["-m", "-p", "true"], &["--all", "--privileged", "true"]] {
            let said = prey.attacks(&["grab"], |pid| nsexec.enter(pid, options))?;
            assert!(said.iter().all(|line| line.starts_with("refused ")), "{} {options:?}: {said:?}", prey.name);
            let has_tried = !said.is_empty() || options.contains(&"--privileged");
            assert!(has_tried, "{} {options:?}: nothing was found to try it with", prey.name);
            assert!(before == std::fs::read(&nsexec.0)?, "{} {options:?}: overwritten", prey.name);
        }
        Ok(())
    })
}

fn the_executable_by_an_interpreter(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    // The kernel resolves this interpreter to the program that executes the script.
    let script = "printf '#!/proc/self/exe --each\\n' >$1; chmod +x $1";
    let (nsenter, nsexec) = (Copy::of("/usr/bin/nsenter")?, Copy::of_nsexec(suite)?);
    let before = std::fs::read(&nsexec.0)?;
    with_preys(lab, ["script-1", "script-2", "script-3", "script-4", "script-5"], |prey| {
        let evil = prey.path("evil");
        output_within(&mut (prey.run)(&["sh", "-c", script, "sh", &evil]), LIMIT)?.ok()?;
        // So it does with nsenter, which then runs once more, with the words of the script.
        let target = format!("-t{}", prey.pid);
        let shown = output_within(tool(&nsenter.0).args([&target, "-m", "-p", &evil]), LIMIT)?;
        assert!(shown.stderr.contains("unrecognized option '--each'"), "{}: {shown:?}", prey.name);
        for options in [&["--all"][..], &["-m", "-p"], &["-m", "-p", "-F"]] {
            let words = [options, &[&evil]].concat();
            let said = prey.attacks(&["grab"], |pid| nsexec.enter(pid, &words))?;
            assert!(said.iter().all(|line| line.starts_with("refused ")), "{} {options:?}: {said:?}", prey.name);
            let has_tried = !said.is_empty() || options.contains(&"-F");
            assert!(has_tried, "{} {options:?}: nothing was found to try it with", prey.name);
            assert!(before == std::fs::read(&nsexec.0)?, "{} {options:?}: overwritten", prey.name);
        }
        Ok(())
    })
}

/// The root of a user namespace says by what program the files of a kind are executed there: `binfmt_misc`.
fn the_executable_by_an_interpreter_of_its_own(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let script = "mount -t tmpfs none /mnt && mount -t binfmt_misc none /proc/sys/fs/binfmt_misc &&
        echo ':evil:M::EVIL::/proc/self/exe:' >/proc/sys/fs/binfmt_misc/register &&
        printf 'EVIL\\n' >/mnt/evil && chmod +x /mnt/evil && echo && exec sleep 600";
    let options = ["--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"];
    let cell = Cell::new(&options, script);
    let inner = witness::family(cell.0.id()).last().ok_or("unshare has no child")?.0;
    let prey = Prey::new("binfmt", "/mnt", |words| {
        let mut command = tool("nsenter");
        command.arg(format!("-t{inner}")).args(["-U", "-m", "-p", "--preserve-credentials"]).args(words);
        command
    })?;
    // unshare itself is in that mount namespace, too.
    let prey = Prey { pid: inner, ..prey };
    let nsexec = Copy::of_nsexec(suite)?;
    let before = std::fs::read(&nsexec.0)?;
    for options in [&["--all"][..], &["-U", "-m", "-p"], &["-U", "-m", "-p", "-F"]] {
        let words = [options, &["/mnt/evil"]].concat();
        let said = prey.attacks(&["grab"], |pid| nsexec.enter(pid, &words))?;
        assert!(said.iter().all(|line| line.starts_with("refused ")), "{options:?}: {said:?}");
        assert!(!said.is_empty() || options.contains(&"-F"), "{options:?}: nothing was found to try it with");
        assert!(before == std::fs::read(&nsexec.0)?, "{options:?}: overwritten");
    }
    Ok(())
}

fn where_no_memfd_is_executed(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let nsexec = Copy::of_nsexec(suite)?;
    // As where `vm.memfd_noexec` is 2.
    let entering = |pid: u32, words: &[&str]| {
        let mut command = refusing(319, u32::MAX, libc::EACCES.cast_unsigned(), &nsexec.0);
        command.arg(format!("-t{pid}")).args(words);
        output_within(&mut command, LIMIT)
    };
    with_prey(lab, "no-memfd", &MIGHTY, |prey| {
        let ran = entering(prey.pid, &["--all", "sh", "-c", "exit 42"])?;
        if Feature::DetachedLayers.missing().is_some() {
            refusal(&ran, 125, &["vm.memfd_noexec forbids a memfd (0 or 1 permits it)", "the overlay in its place"]);
            return Ok(());
        }
        assert_eq!(ran.code(), Some(42), "{ran:?}");
        let said = prey.attacks(&["grab"], |pid| drop(entering(pid, &["-m", "-p", "true"])))?;
        let refused = |line: &String| line == "refused /last-step: Read-only file system";
        assert!(!said.is_empty() && said.iter().all(refused), "{said:?}");
        Ok(())
    })
}

fn processes_that_enter(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    works_on_nsenter(lab, "seize-nsenter", &["seize", SECRET], &["-m", "-p", "true"])?;
    let nsexec = Copy::of_nsexec(suite)?;
    with_preys(lab, ["seize-1", "seize-2", "seize-3", "seize-4", "seize-5"], |prey| {
        for options in [&["--all", "--clear-env", "true"][..], &["-m", "-p", "-n", "--clear-env", "/usr/bin/true"]] {
            let said = prey.attacks(&["seize", SECRET], |pid| nsexec.enter(pid, options))?;
            let seized = said.last().and_then(|line| line.strip_prefix("seized ")?.parse::<u32>().ok());
            // All that it got was its own already.
            assert_eq!(said.len(), 1, "{} {options:?}: {said:?}", prey.name);
            assert!(seized.is_some_and(|seized| seized > ENTRIES / 4), "{} {options:?}: {said:?}", prey.name);
        }
        Ok(())
    })
}

/// The session leader sends signals to the command by its PID: a container that names another is not to have that one killed.
fn the_pid_of_another(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let mut victim = Cell(tool("sleep").arg("600").spawn()?);
    let before = witness::stat(victim.0.id()).ok_or("no victim")?.start_time;
    with_prey(lab, "liar", &MIGHTY, |prey| {
        let attacker = (prey.run)(&[&prey.path("attack"), "lie", &victim.0.id().to_string()]);
        let said = attacks_for(attacker, 2, || {
            // The last step is slow to tell the PID: the container is first.
            let mut strace = tool("strace");
            strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=write", "-e", "inject=write:delay_enter=100000"]);
            strace.args(["timeout", "--signal=TERM", "25"]).arg(suite.bins().unwrap().join("nicon-nsexec"));
            strace.args([&format!("-t{}", prey.pid), "-m", "-p", "sleep", "60"]);
            let ran = output_within(&mut strace, LIMIT).unwrap();
            assert!(ran.stderr.contains("start the command: the container has interfered"), "{ran:?}");
            assert_eq!(ran.code(), Some(125), "{ran:?}");
        })?;
        assert!(said.iter().any(|line| line.starts_with("lied ")), "{said:?}");
        Ok(())
    })?;
    assert!(victim.0.try_wait()?.is_none(), "the victim was killed");
    assert_eq!(witness::stat(victim.0.id()).map(|stat| stat.start_time), Some(before));
    Ok(())
}

fn the_callers_files_by_the_pid_namespace(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let target = format!("-t{}", lab.host_pid(CONTAINER)?);
    let way_out = ["--pid without --mount, --root or --all", "--privileged permits it"];
    for options in [&["-p"][..], &["-p", "-n"], &["--pid", "--user-parent", "--net"], &["-p", "-F"], &["-pn", "-C"]] {
        refusal(&suite.run(&[&["nicon-nsexec", &target], options, &["true"]].concat()), 125, &way_out);
    }
    for options in [&["-p", "-m"][..], &["-p", "-r"], &["--all"], &["-a", "-p"], &["-p", "-n", "--privileged"]] {
        suite.run(&[&["nicon-nsexec", &target], options, &["true"]].concat()).ok()?;
    }
    Ok(())
}
