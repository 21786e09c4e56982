//! Reading the seccomp filters of a target, which is stopped for it: whatever it does, and whoever reads.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, copy_program, output_of_input, output_within, tool, wait_for, witness};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::nsexec::as_nsenter::Cell;
use crate::nsexec::fallbacks::traced;
use crate::nsexec::seccomp::{FILTER, LOOK, MKDIR, UNSHARE, enter, filtered, is_called};
use crate::support::expect::refusal;
use crate::support::kernel::{Feature, freezer};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::seccomp_targets::no_signal_is_lost", no_signal_is_lost),
        suite.trial("nsexec::seccomp_targets::no_signal_is_lost_by_a_kill", no_signal_is_lost_by_a_kill),
        suite.trial("nsexec::seccomp_targets::a_stopped_target_stays_stopped", a_stopped_target_stays_stopped),
        suite.trial("nsexec::seccomp_targets::a_target_that_does_not_stop", a_target_that_does_not_stop),
        suite.trial_with(
            &[Feature::Freezer],
            "nsexec::seccomp_targets::a_target_that_is_frozen",
            a_target_that_is_frozen,
        ),
        suite.trial("nsexec::seccomp_targets::a_target_that_another_traces", a_target_that_another_traces),
        suite.trial_with(&[Feature::FullSpeed], "nsexec::seccomp_targets::many_enter_at_once", many_enter_at_once),
        suite.trial("nsexec::seccomp_targets::a_strict_target", a_strict_target),
        suite.trial("nsexec::seccomp_targets::who_may_not_read_enters_without", who_may_not_read_enters_without),
    ]
}

/// The programs in `seccomp.c`, compiled.
struct Targets(String);

impl Targets {
    fn compile() -> Result<Self, Failed> {
        let path = format!("/run/nsexec-seccomp-{}", nix::unistd::gettid());
        let source = include_str!("seccomp.c");
        output_of_input(tool("cc").args(["-x", "c", "-o", &path, "-"]), source, LIMIT)?.ok()?;
        Ok(Self(path))
    }
}

impl Drop for Targets {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn no_signal_is_lost(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let program = Targets::compile()?;
    let mut cell = filtered(&[format!("{MKDIR}:1")], &format!("{} busy", program.0));
    let mut output = cell.0.stdout.take().ok_or("no output")?;
    let mut ready = [0; 6];
    output.read_exact(&mut ready)?;
    let pid = cell.pid();
    // Signals of that number queue: each arrives.
    let flood = format!("for (1..20000) {{ select undef, undef, undef, 0.0001; kill 40, {pid} or die }}");
    let flood = tool("perl").args(["-e", &flood]).spawn()?;
    let mut flood = Cell(flood);
    let mut entries = 0;
    while flood.0.try_wait()?.is_none() {
        enter(suite, cell.0.id(), &["-m"], &["true"]).ok()?;
        entries += 1;
    }
    assert!(entries > 10, "{entries} entries");
    kill(Pid::from_raw(cell.0.id().cast_signed()), Signal::SIGTERM)?;
    let mut said = String::new();
    output.read_to_string(&mut said)?;
    assert_eq!(said, "20000\n");
    Ok(())
}

/// The joiner is killed while the target has stopped on its way to a signal.
fn no_signal_is_lost_by_a_kill(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let program = Targets::compile()?;
    let mut cell = filtered(&[format!("{MKDIR}:1")], &format!("{} busy", program.0));
    let mut output = cell.0.stdout.take().ok_or("no output")?;
    output.read_exact(&mut [0; 6])?;
    let pid = cell.0.id();
    let send = |number: &str| output_within(tool("kill").args([number, &pid.to_string()]), LIMIT)?.ok();
    let field = |name: &str| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned())).unwrap_or_default()
    };
    // The signal comes before the target is told to stop, and the kill before the first filter is read.
    let mut strace = tool("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=ptrace"]);
    strace.args(["-e", "inject=ptrace:delay_enter=1000000:when=2+1"]).arg(suite.bins()?.join("nicon-nsexec"));
    strace.args([&format!("-t{pid}"), "-m", "true"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut strace = Cell(strace.spawn()?);
    wait_for("tracer", || field("TracerPid:").parse::<i32>().is_ok_and(|tracer| tracer > 0));
    let joiner: i32 = field("TracerPid:").parse()?;
    send("-40")?;
    let reads = || fs::read_to_string(format!("/proc/{joiner}/syscall")).is_ok_and(|call| call.contains(" 0x420c "));
    wait_for("reading of filters", reads);
    assert!(field("State:").starts_with('t'), "{}", field("State:"));
    kill(Pid::from_raw(joiner), Signal::SIGKILL)?;
    strace.0.wait()?;
    assert_eq!(field("TracerPid:"), "0");
    send("-TERM")?;
    let mut said = String::new();
    output.read_to_string(&mut said)?;
    assert_eq!(said, "1\n");
    Ok(())
}

fn a_stopped_target_stays_stopped(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let cell = filtered(&[format!("{MKDIR}:1")], "sleep 60");
    let pid = cell.0.id();
    wait_for("sleep", || is_called(pid, "sleep"));
    let signal = |signal| kill(Pid::from_raw(pid.cast_signed()), signal);
    for is_stopped in [true, false, true] {
        signal(if is_stopped { Signal::SIGSTOP } else { Signal::SIGCONT })?;
        wait_for("its state", || witness::is_stopped(pid) == is_stopped);
        for options in [&["-m"][..], &["--all"], &["-m", "-F"]] {
            assert_eq!(enter(suite, pid, options, &LOOK).ok()?, "Seccomp:\t2\nSeccomp_filters:\t1");
            // The entry is over, and with it the trace; one that was stopped is about to stop again.
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            assert!(status.contains("TracerPid:\t0"), "{options:?} {status}");
            let state = if is_stopped { 'T' } else { 'S' };
            wait_for("its state", || witness::stat(pid).is_some_and(|stat| stat.state == state));
        }
    }
    Ok(())
}

const DOES_NOT_STOP: [&str; 3] = ["read the target's seccomp filters", "it does not stop", "--privileged"];

fn a_target_that_does_not_stop(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let program = Targets::compile()?;
    let cell = filtered(&[format!("{MKDIR}:1")], &format!("{} vfork", program.0));
    let pid = cell.0.id();
    wait_for("vfork", || fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") D ")));
    for options in [&["-m"][..], &["-m", "-F"]] {
        refusal(&enter(suite, pid, options, &["true"]), 125, &DOES_NOT_STOP);
    }
    enter(suite, pid, &["-m", "--privileged"], &["true"]).ok()?;
    Ok(())
}

/// One that was stopped and then frozen by a cgroup of version 1 cannot be seized in finite time.
fn a_target_that_is_frozen(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let freezer = freezer().ok_or("it was there")?;
    let cell = filtered(&[format!("{MKDIR}:1")], "sleep 60");
    let pid = cell.0.id();
    let frozen = Frozen::new(&freezer, pid)?;
    refusal(&enter(suite, pid, &["-m", "-F"], &["true"]), 125, &DOES_NOT_STOP);
    drop(frozen);
    wait_for("sleep", || is_called(pid, "sleep"));
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGSTOP)?;
    wait_for("stop", || witness::is_stopped(pid));
    let _frozen = Frozen::new(&freezer, pid)?;
    refusal(&enter(suite, pid, &["-m"], &["true"]), 125, &DOES_NOT_STOP);
    Ok(())
}

/// A process in a frozen cgroup.
struct Frozen(PathBuf);

impl Frozen {
    fn new(mount: &Path, pid: u32) -> Result<Self, Failed> {
        let frozen = Self(mount.join(format!("nsexec-frozen-{}", nix::unistd::gettid())));
        fs::create_dir(&frozen.0)?;
        fs::write(frozen.0.join("cgroup.procs"), pid.to_string())?;
        fs::write(frozen.0.join("freezer.state"), "FROZEN")?;
        let state = frozen.0.join("freezer.state");
        wait_for("frost", || fs::read_to_string(&state).is_ok_and(|state| state == "FROZEN\n"));
        Ok(frozen)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = fs::write(self.0.join("freezer.state"), "THAWED");
        let processes = fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default();
        let above = self.0.parent().map(|above| above.join("cgroup.procs")).unwrap_or_default();
        processes.lines().for_each(|pid| fs::write(&above, pid).unwrap_or_default());
        let _ = fs::remove_dir(&self.0);
    }
}

fn a_target_that_another_traces(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let name = "traced-filtered";
    lab.run_container("", name, &[])?;
    let pid = lab.host_pid(name)?;
    let trace = "syscall(101, 0x4206, 1, 0, 0) == 0 or die $!; $| = 1; print qq(ready\\n); sleep 60";
    let mut tracer =
        Cell(lab.command(name, &["perl", "-e", trace]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
    tracer.0.stdout.as_mut().ok_or("no output")?.read_exact(&mut [0; 6])?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let by = status.lines().find_map(|line| line.strip_prefix("TracerPid:\t")).ok_or("no tracer")?.to_owned();
    assert_ne!(by, "0");
    for options in [&["--all"][..], &["-m"], &["-r"], &["--all", "-F"]] {
        let words = [&format!("process {by} traces it")[..], "--privileged"];
        refusal(&enter(suite, pid, options, &["true"]), 125, &words);
    }
    enter(suite, pid, &["--all", "--privileged"], &["true"]).ok()?;
    // `docker exec` would leave it.
    kill(Pid::from_raw(by.parse()?), Signal::SIGKILL)?;
    drop(tracer);
    Ok(lab.remove("", name)?)
}

/// Only one process can trace another: the others wait.
fn many_enter_at_once(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let cell = filtered(&[format!("{MKDIR}:1")], "sleep 60");
    let mut all = tool("sh");
    all.args(["-c", r#"for i in $(seq 60); do "$@" & done; wait"#, "sh"]).arg(suite.bins()?.join("nicon-nsexec"));
    let ran = output_within(all.args([&format!("-t{}", cell.pid()), "-m", "echo", "in"]), LIMIT)?;
    assert!(ran.stdout.lines().count() == 60 && ran.stderr.is_empty(), "{ran:?}");
    Ok(())
}

fn a_strict_target(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    // May do nothing but read, write and end: it waits for input.
    let script = r#"exec perl -e 'my ($line, $byte) = ("x\n", " "); syscall(157, 22, 1) == 0 or die $!;
        syscall(1, 1, $line, 2); syscall(0, 0, $byte, 1)'"#;
    let (input, _held) = nix::unistd::pipe()?;
    let mut unshare = tool("unshare");
    let child = unshare.args(["-m", "sh", "-c", script]).stdin(input).stdout(Stdio::piped()).spawn()?;
    let mut cell = Cell(child);
    cell.0.stdout.as_mut().ok_or("no output")?.read_exact(&mut [0; 2])?;
    refusal(&enter(suite, cell.0.id(), &["-m"], &["true"]), 125, &["strict mode", "--privileged"]);
    Ok(enter(suite, cell.0.id(), &["-m", "--privileged"], &["true"]).ok().map(drop)?)
}

fn who_may_not_read_enters_without(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let cell = filtered(&[format!("{UNSHARE}:1")], "sleep 60");
    let target = format!("-t{}", cell.pid());
    // A caller with a filter, which the command inherits. The target is not even stopped.
    let mut bound = tool("perl");
    bound.args([
        "-e",
        FILTER,
        &format!("{MKDIR}:1"),
        "--",
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "inject=ptrace:error=EIO",
    ]);
    bound.arg(suite.bins()?.join("nicon-nsexec")).args([&target, "-m"]).args(LOOK);
    assert_eq!(output_within(&mut bound, LIMIT)?.ok()?, "Seccomp:\t2\nSeccomp_filters:\t1");
    // A kernel that tells nobody.
    let (ran, trace) = traced(
        suite,
        &["-e", "trace=ptrace", "-e", "inject=ptrace:error=EINVAL:when=3"],
        &[&[&target, "-m"], &LOOK[..]].concat(),
    )?;
    assert_eq!(ran.ok()?, "Seccomp:\t0\nSeccomp_filters:\t0");
    assert!(trace.contains("PTRACE_DETACH"), "{trace}");
    drop(cell);
    // An ordinary user, in a user namespace of their own.
    let copy = format!("/run/nsexec-seccomp-user-{}", std::process::id());
    copy_program(suite.bins()?.join("nicon-nsexec"), &copy)?;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
    let user = |words: &[&str]| -> Command {
        let mut command = tool("setpriv");
        command.args(["--reuid=1000", "--regid=1000", "--clear-groups"]).args(words);
        command
    };
    let filter = format!("{MKDIR}:1");
    let mut theirs =
        user(&["unshare", "-U", "-r", "-m", "perl", "-e", FILTER, &filter, "--", "sh", "-c", "echo; exec sleep 60"]);
    let mut cell = Cell(theirs.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
    cell.0.stdout.as_mut().ok_or("no output")?.read_exact(&mut [0; 1])?;
    let ran = output_within(user(&[&copy, &format!("-t{}", cell.pid()), "-U", "-m"]).args(LOOK), LIMIT)?;
    fs::remove_file(&copy)?;
    assert_eq!(ran.ok()?, "Seccomp:\t0\nSeccomp_filters:\t0");
    Ok(())
}
