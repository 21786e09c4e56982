//! Namespaces that are ours already are not joined again: an ordinary user enters a process of their own.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, copy_program, output_of_input, tool, wait_for, witness};

use crate::nsexec::as_nsenter::Cell;
use crate::support::expect::refusal;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::own::all_that_a_user_shares", all_that_a_user_shares),
        suite.trial("nsexec::own::all_that_root_shares", all_that_root_shares),
        suite.trial("nsexec::own::but_for_the_user_namespace", but_for_the_user_namespace),
    ]
}

/// Each way to say it that does not run the caller's files where the target can take them over.
const SINGLE: [&str; 8] = ["-u", "-i", "-n", "-C", "-T", "-m", "-w", "-r"];

/// A copy of nsexec that an ordinary user can run.
pub(crate) struct Copy(pub(crate) PathBuf);

impl Copy {
    pub(crate) fn new(suite: &Suite, name: &str) -> Result<Self, Failed> {
        let copy = Self(Path::new("/run").join(name));
        copy_program(suite.bins()?.join("nicon-nsexec"), &copy.0)?;
        std::fs::set_permissions(&copy.0, PermissionsExt::from_mode(0o755))?;
        Ok(copy)
    }

    /// Runs it as uid 1000.
    fn run(&self, words: &[&str]) -> Ran {
        output_of_input(as_user(&self.0).args(words), "", LIMIT).unwrap()
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn as_user(program: &Path) -> Command {
    let mut command = tool("setpriv");
    command.args(["--reuid=1000", "--regid=1000", "--clear-groups", "--inh-caps=-all", "--pdeathsig=KILL", "--"]);
    command.arg(program);
    command
}

/// A process of that user's, in all namespaces that we are in, or by `unshare` in a user namespace of its own.
fn of_user(words: &[&str]) -> Result<Cell, Failed> {
    let cell = Cell(as_user(Path::new(words[0])).args(&words[1..]).stdin(Stdio::null()).spawn()?);
    let comm = format!("/proc/{}/comm", cell.pid());
    wait_for("sleep", || std::fs::read(&comm).is_ok_and(|name| name == b"sleep\n"));
    Ok(cell)
}

/// All subsets of the options, each as one list.
fn subsets(options: &[&'static str]) -> Vec<Vec<&'static str>> {
    let chosen = |bits: u32| options.iter().enumerate().filter(move |(at, _)| bits & (1 << at) != 0);
    (1..1 << options.len()).map(|bits| chosen(bits).map(|(_, option)| *option).collect()).collect()
}

/// What a command tells of where it is, and what is expected of one that is where we are.
const LOOK: &str = "for n in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$n; done; id -u; id -g";

fn expected(uid: u32) -> String {
    let kinds = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];
    let links = kinds.map(|kind| witness::ns_link(std::process::id(), kind).unwrap());
    format!("{}\n{uid}\n{uid}", links.join("\n"))
}

fn all_that_a_user_shares(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let copy = Copy::new(suite, "nsexec-of-a-user")?;
    let cell = of_user(&["sleep", "600"])?;
    let target = format!("-t{}", cell.pid());
    // The kernel refuses to let that user join any of them again: nsenter fails.
    let theirs = output_of_input(as_user(Path::new("nsenter")).args([&target, "-u", "true"]), "", LIMIT)?;
    assert_eq!(theirs.code(), Some(1), "{theirs:?}");
    let file = format!("--uts=/proc/{}/ns/uts", cell.pid());
    let mount = format!("--mount=/proc/{}/ns/mnt", cell.pid());
    let others: [&[&str]; 9] = [
        &["--all"],
        &["--all", "-F"],
        &["--all", "--privileged"],
        &["--all", "--no-cgroup"],
        &["--all", "-r", "-w"],
        &["-m", "-p"],
        &["-p", "--privileged"],
        &[&file],
        &[&mount, "--all"],
    ];
    let others = others.map(<[&str]>::to_vec);
    for options in subsets(&SINGLE).into_iter().filter(|options| options != &["-w"]).chain(others) {
        let ran = copy.run(&[&[target.as_str()][..], &options, &["sh", "-c", LOOK]].concat());
        assert_eq!(ran.ok()?, expected(1000), "{options:?}");
    }
    // A join would have led there.
    assert_eq!(copy.run(&[&target, "-m", "pwd"]).ok()?, "/");
    refusal(&copy.run(&[&target, "-U", "true"]), 125, &["join the user namespace: it is our own"]);
    refusal(&copy.run(&[&target, "-a", "-U", "true"]), 125, &["join the user namespace: it is our own"]);
    // What the target has and we have not stays refused.
    let init = copy.run(&["-t1", "-u", "true"]);
    refusal(&init, 125, &["Permission denied", "CAP_SYS_PTRACE"]);
    Ok(())
}

fn all_that_root_shares(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let mut sleep = tool("sleep");
    let cell = Cell(sleep.arg("600").stdin(Stdio::null()).spawn()?);
    let target = format!("-t{}", cell.pid());
    let others: [&[&str]; 3] = [&["--all"], &["--all", "-F"], &["-m", "-p"]];
    for options in subsets(&SINGLE[..6]).into_iter().chain(others.map(<[&str]>::to_vec)) {
        let words = [&[target.as_str()][..], &options, &["sh", "-c", LOOK]].concat();
        let theirs = output_of_input(tool("nsenter").args(&words), "", LIMIT)?.ok()?;
        assert_eq!(suite.run(&[&["nicon-nsexec"][..], &words].concat()).ok()?, theirs, "{options:?}");
        assert_eq!(theirs, expected(0), "{options:?}");
    }
    refusal(&suite.run(&["nicon-nsexec", &target, "-U", "true"]), 125, &["join the user namespace: it is our own"]);
    // A root directory that is not the mount namespace's own is left by -m, as with nsenter.
    let copy = Copy::new(suite, "nsexec-in-a-root")?;
    let program = copy.0.file_name().and_then(OsStr::to_str).ok_or("no name")?;
    let ran =
        output_of_input(tool("unshare").args(["-m", "sh", "-c", &IN_A_ROOT.replace("NSEXEC", program)]), "", LIMIT)?;
    assert_eq!(ran.ok()?, "/run");
    Ok(())
}

/// In a root directory that has what it takes to run the program, and nothing else.
const IN_A_ROOT: &str = "mount -t tmpfs none /mnt && cd /mnt && mkdir proc run &&
    mount --rbind /proc proc && mount --bind /run run && exec chroot . /run/NSEXEC -t$$ -m -W/run pwd";

fn but_for_the_user_namespace(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let copy = Copy::new(suite, "nsexec-below-a-user")?;
    let cell = of_user(&["unshare", "-U", "-r", "sleep", "60"])?;
    let target = format!("-t{}", cell.pid());
    let user = witness::ns_link(cell.0.id(), "user").ok_or("gone")?;
    let all = format!("{user}\n{}\n0", witness::ns_link(std::process::id(), "mnt").ok_or("none")?);
    let look = ["sh", "-c", "readlink /proc/self/ns/user /proc/self/ns/mnt; id -u"];
    // With the rights that the user namespace gives, none of the others may be joined: they belong to the one around it.
    for options in [&["--all"][..], &["-U", "-u"], &["-U", "-u", "-i", "-n", "-m", "-p"], &["-U", "-r"]] {
        let ran = copy.run(&[&[target.as_str()][..], options, &look].concat());
        assert_eq!(ran.ok()?, all, "{options:?}");
    }
    Ok(())
}
