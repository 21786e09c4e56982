//! nicon-nsexec where the kernel or its caller's rights give it less.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, copy_program, output_of_input, output_within, tool, wait_for, witness};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::nsexec::as_nsenter::{CONTAINER, Cell};
use crate::support::expect::refusal;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::fallbacks::a_kernel_that_takes_no_pidfd", a_kernel_that_takes_no_pidfd),
        suite.trial("nsexec::fallbacks::another_time_namespace", another_time_namespace),
        suite.trial("nsexec::fallbacks::a_start_that_is_held_up", a_start_that_is_held_up),
        suite.trial("nsexec::fallbacks::a_start_that_is_held_up_by_talkers", a_start_that_is_held_up_by_talkers),
        suite.trial("nsexec::fallbacks::a_start_that_is_held_up_in_our_group", a_start_that_is_held_up_in_our_group),
        suite.trial("nsexec::fallbacks::descriptors_at_the_exec", descriptors_at_the_exec),
        suite.trial("nsexec::fallbacks::a_user_namespace_of_nobodys_own", a_user_namespace_of_nobodys_own),
        suite.trial("nsexec::fallbacks::nobody_may_not_join", nobody_may_not_join),
        suite.trial("nsexec::fallbacks::a_root_that_lacks_a_capability", a_root_that_lacks_a_capability),
    ]
}

/// A program on a kernel that refuses a system call (by its number on `x86_64`) with an errno, where its first argument has
/// any of these bits: as a seccomp filter makes it look.
pub(crate) fn refusing(call: u32, bits: u32, errno: u32, program: &str) -> Command {
    let filter = format!(
        "0x20, 0, 0, 0,  0x15, 0, 3, {call},  0x20, 0, 0, 16,  0x45, 0, 1, {bits},  0x06, 0, 0, {},  0x06, 0, 0, {}",
        0x5_0000 | errno,
        0x7fff_0000
    );
    let script = format!(
        "my $filter = pack('(SCCL)6', {filter}); my $program = pack('Sx6P', 6, $filter);
        syscall(157, 22, 2, $program) == 0 or die $!; exec @ARGV"
    );
    let mut perl = tool("perl");
    perl.args(["-e", &script, program]);
    perl
}

/// Runs nsexec under `strace` with `options`, in front of what the words say; tells how it ran and what was traced.
pub(crate) fn traced(suite: &Suite, options: &[&str], words: &[&str]) -> Result<(Ran, String), Failed> {
    let trace = format!("/run/nsexec-trace-{}", nix::unistd::gettid());
    let mut strace = tool("strace");
    strace.args(["-f", "-qq", "-o", &trace]).args(options).arg(suite.bins()?.join("nicon-nsexec")).args(words);
    let ran = output_within(&mut strace, LIMIT)?;
    let text = std::fs::read_to_string(&trace)?;
    std::fs::remove_file(&trace)?;
    Ok((ran, text))
}

fn a_kernel_that_takes_no_pidfd(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    // As Linux before 5.8 answers: it knows only descriptors of nsfs.
    let refuse = ["-e", "trace=setns", "-e", "inject=setns:error=EINVAL:when=1"];
    let cell = Cell::new(&["-C", "-i", "-u", "-n", "-T", "-p", "-m", "-f", "--kill-child"], "echo; exec sleep 60");
    let inner = witness::family(cell.0.id()).last().ok_or("unshare has no child")?.0;
    let pid = lab.host_pid(CONTAINER)?;
    let target = format!("-t{pid}");
    let look = "for n in /proc/self/ns/*; do readlink $n; done";
    // What the container shares with us is not joined: with cgroup v1, Docker leaves it our cgroup namespace.
    let own = std::process::id();
    let all = [
        ("CGROUP", "cgroup"),
        ("IPC", "ipc"),
        ("UTS", "uts"),
        ("NET", "net"),
        ("TIME", "time"),
        ("PID", "pid"),
        ("NS", "mnt"),
    ];
    for (pid, options) in [(pid, &["--all"][..]), (inner, &["--all", "-r"])] {
        let is_another = |kind: &str| witness::ns_link(pid, kind) != witness::ns_link(own, kind);
        let expected: Vec<&str> = all.iter().filter(|(_, kind)| is_another(kind)).map(|(name, _)| *name).collect();
        let target = format!("-t{pid}");
        let words = [&[target.as_str()][..], options, &["sh", "-c", look]].concat();
        let (ran, trace) = traced(suite, &refuse, &words)?;
        let shown = ran.ok()?;
        for kind in ["cgroup", "ipc", "mnt", "net", "pid", "uts"] {
            assert!(shown.contains(&witness::ns_link(pid, kind).ok_or("gone")?), "{kind}: {shown}");
        }
        // One by one, and in this order: what changes the meaning of paths comes last.
        let joined: Vec<&str> = trace.lines().skip(1).filter_map(|line| line.split(", CLONE_NEW").nth(1)).collect();
        let types: Vec<&str> = joined.iter().filter_map(|rest| rest.split(')').next()).collect();
        assert_eq!(types, expected, "{trace}");
        assert!(trace.lines().next().is_some_and(|line| line.contains("INJECTED")), "{trace}");
    }

    let net = ["-e", "trace=setns", "-e", "inject=setns:error=EINVAL:when=1"];
    let (ran, _) = traced(suite, &net, &[&target, "--net", "readlink", "/proc/self/ns/net"])?;
    assert_eq!(Some(ran.ok()?), witness::ns_link(pid, "net"));
    Ok(())
}

fn another_time_namespace(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let cell = Cell::new(&["-T", "-f", "--kill-child", "--boottime", "1000"], "echo; exec sleep 60");
    let inner = witness::family(cell.0.id()).last().ok_or("unshare has no child")?.0;
    let words = [&format!("-t{inner}"), "-T", "-p", "--privileged", "readlink", "/proc/self/ns/time"];
    let (ran, trace) = traced(suite, &["-e", "trace=clone,clone3,vfork"], &words)?;
    assert_eq!(Some(ran.ok()?), witness::ns_link(inner, "time"));
    // Before Linux 6.2 no process that shares memory could be born into another time namespace.
    assert!(trace.contains("clone") && !trace.contains("CLONE_VM") && !trace.contains("vfork"), "{trace}");
    Ok(())
}

fn a_start_that_is_held_up(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let cell = Cell::new(&["-m", "-p", "-f", "--kill-child"], "echo; exec sleep 60");
    let target = format!("-t{}", witness::family(cell.0.id()).last().ok_or("unshare has no child")?.0);
    // As a file system of the container's could do it: each exec takes fifteen seconds.
    let mut strace = tool("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=execve", "-e", "inject=execve:delay_enter=15000000"]);
    strace.arg(suite.bins()?.join("nicon-nsexec")).args([&target, "-m", "-p", "sleep", "6000"]);
    let mut strace = Cell(strace.stdin(Stdio::null()).spawn()?);
    wait_for("session leader and command", || living(strace.0.id()).len() == 4);
    let family = living(strace.0.id());
    let begun = Instant::now();
    kill(Pid::from_raw(family[1].0.cast_signed()), Signal::SIGTERM)?;
    let is_gone = |(pid, start): &(u32, u64)| {
        witness::stat(*pid).is_none_or(|stat| stat.state == 'Z' || stat.start_time != *start)
    };
    wait_for("end of nsexec", || is_gone(&family[1]));
    assert!(begun.elapsed() < Duration::from_secs(12), "the command was waited for");
    assert_eq!(strace.0.wait()?.code(), Some(128 + 15));
    wait_for("end of all", || family.iter().all(is_gone));
    Ok(())
}

/// The container's other processes write to the command's terminal all the time.
fn a_start_that_is_held_up_by_talkers(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let cell = Cell::new(&["-m", "-p", "-f", "--kill-child"], "echo; exec sleep 60");
    let target = witness::family(cell.0.id()).last().ok_or("unshare has no child")?.0;
    let trace = "strace -f -qq -o /dev/null -P /bin/sleep -e trace=execve -e inject=execve:delay_enter=60000000";
    let nsexec = format!("{trace} {}/nicon-nsexec -t {target} -m -p /bin/sleep 60", suite.bins()?.display());
    let mut script = tool("script");
    script.args(["-qec", &nsexec, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let script = Cell(script.spawn()?);
    let find = |program: &str| find(script.0.id(), program);
    wait_for("exec", || find("last-step").is_some_and(|(pid, _)| is_held_up(pid)));
    let supervisor = find("/nicon-nsexec").ok_or("no nicon-nsexec")?;
    let terminal = format!("/proc/{}/fd/0", find("last-step").ok_or("no command")?.0);
    let talk = format!("exec >{terminal} && while echo; do sleep 0.1; done");
    let _talker = Cell(tool("setsid").args(["sh", "-c", &talk]).stdin(Stdio::null()).spawn()?);
    kill(Pid::from_raw(supervisor.0.cast_signed()), Signal::SIGTERM)?;
    wait_for("end of nicon-nsexec", || !living(script.0.id()).contains(&supervisor));
    Ok(())
}

/// Ctrl-C, of a command that has no session of its own: it reaches all of ours as well. The next container's turn does not come.
fn a_start_that_is_held_up_in_our_group(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let cell = Cell::new(&["-n"], "echo; exec sleep 60");
    let target = cell.0.id();
    let mut strace = tool("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-P", "/bin/sleep", "-e", "trace=execve"]);
    strace.args(["-e", "inject=execve:delay_enter=60000000", "setsid"]);
    strace.arg(suite.bins()?.join("nicon-nsexec")).args(["--each", "--net", "/bin/sleep", "60"]);
    let mut strace = Cell(strace.stdin(Stdio::piped()).spawn()?);
    strace.0.stdin.take().ok_or("no pipe")?.write_all(format!("{target}\n{target}\n").as_bytes())?;
    let root = strace.0.id();
    wait_for("exec", || living(root).iter().any(|(pid, _)| is_held_up(*pid)));
    let (supervisor, _) = find(root, "/nicon-nsexec").ok_or("no nicon-nsexec")?;
    kill(Pid::from_raw(-supervisor.cast_signed()), Signal::SIGINT)?;
    wait_for("end of nsexec", || find(root, "/nicon-nsexec").is_none());
    assert_eq!(strace.0.wait()?.code(), Some(128 + 2));
    Ok(())
}

/// The first process of a family, its descendants after it, that runs a program.
fn find(root: u32, program: &str) -> Option<(u32, u64)> {
    let is_one = |(pid, _): &(u32, u64)| {
        std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|path| path.to_string_lossy().contains(program))
    };
    living(root).into_iter().find(is_one)
}

/// Whether a process is in execve(2).
fn is_held_up(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/syscall")).is_ok_and(|call| call.starts_with("59 "))
}

/// The processes of a family that have not ended.
pub(crate) fn living(root: u32) -> Vec<(u32, u64)> {
    let lives = |(pid, _): &(u32, u64)| witness::stat(*pid).is_some_and(|stat| stat.state != 'Z');
    witness::family(root).into_iter().filter(lives).collect()
}

/// The descriptors that outlast the execve(2) in which a process under `root` is; `None` if there is no such process.
fn kept_by_exec(root: u32) -> Option<Vec<String>> {
    let pid = witness::family(root).into_iter().skip(1).map(|(pid, _)| pid).find(|pid| {
        // The exec of the command, not that of nsexec by strace's child, whose memory is another by the time it stops after it.
        let call = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
        let word = call.strip_prefix("59 0x").and_then(|rest| u64::from_str_radix(rest.split(' ').next()?, 16).ok());
        let mut read = [0; COMMAND.len()];
        let memory = std::fs::File::open(format!("/proc/{pid}/mem"));
        word.is_some_and(|at| memory.is_ok_and(|memory| memory.read_exact_at(&mut read, at).is_ok()))
            && read == COMMAND.as_bytes()
    })?;
    let is_kept = |path: PathBuf| {
        let info = std::fs::read_to_string(path).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap_or_default();
        i32::from_str_radix(flags.trim(), 8).is_ok_and(|flags| flags & libc::O_CLOEXEC == 0)
    };
    let entries = std::fs::read_dir(format!("/proc/{pid}/fdinfo")).ok()?.flatten();
    let kept = entries.filter(|entry| is_kept(entry.path()));
    let mut kept: Vec<String> = kept.map(|entry| entry.file_name().to_string_lossy().into()).collect();
    kept.sort();
    Some(kept)
}

/// A command whose exec is looked at.
const COMMAND: &str = "/usr/bin/true";

fn descriptors_at_the_exec(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let program = suite.bins()?.join("nicon-nsexec");
    let pid = lab.host_pid(CONTAINER)?;
    for options in [&["--net"][..], &["-m", "-n", "-p"], &["--all"]] {
        // The command's exec is held up until it has been looked at, with what the caller left open and meant to keep.
        let mut strace = tool("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-P", COMMAND, "-e", "trace=execve"]);
        strace.args(["-e", "inject=execve:delay_enter=60000000", "--"]).arg(&program);
        strace.arg(format!("-t{pid}")).args(options).arg(COMMAND);
        let mut line = tool("sh");
        line.args(["-c", "exec 7</etc/passwd 9>/dev/null; exec \"$@\"", "sh"]);
        line.arg(strace.get_program()).args(strace.get_args()).stdin(Stdio::null()).stdout(Stdio::null());
        let child = Cell(line.spawn()?);
        wait_for("exec of the command", || kept_by_exec(child.0.id()).is_some());
        // Nothing of ours is kept, and nothing of the caller's.
        let kept = kept_by_exec(child.0.id()).ok_or("the exec was not held up")?;
        assert_eq!(kept.join(" "), "0 1 2", "{options:?}");
    }
    Ok(())
}

/// nsexec, where a user who is nobody can run it.
fn for_nobody(suite: &Suite) -> Result<PathBuf, Failed> {
    let copy = Path::new("/run/nsexec-for-nobody").to_owned();
    copy_program(suite.bins()?.join("nicon-nsexec"), &copy)?;
    std::fs::set_permissions(&copy, PermissionsExt::from_mode(0o755))?;
    Ok(copy)
}

fn nobody(program: &Path) -> Command {
    let mut command = tool("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--"]).arg(program);
    command
}

fn a_user_namespace_of_nobodys_own(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let program = for_nobody(suite)?;
    let mut unshare = nobody(Path::new("unshare"));
    unshare.args(["-U", "-r", "-n", "-m", "-p", "-f", "--kill-child", "sh", "-c", "echo; exec sleep 60"]);
    let mut cell = Cell(unshare.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
    let mut line = String::new();
    BufReader::new(cell.0.stdout.as_mut().ok_or("no output")?).read_line(&mut line)?;
    let inner = witness::family(cell.0.id()).last().ok_or("no child")?.0;
    let target = format!("-t{inner}");
    // nsenter wants to drop groups even where there are none, which nobody may here.
    let preserving = "--preserve-credentials";
    for options in [&["-U", "-n", preserving][..], &["-U", "-n", "-m", "-p", preserving], &["-U", "-n"]] {
        let look = ["sh", "-c", "id -u; readlink /proc/self/ns/user /proc/self/ns/net /proc/self/ns/mnt"];
        let run = |program: &Path| {
            let mut command = nobody(program);
            output_of_input(command.arg(&target).args(options).args(look), "", LIMIT)
        };
        let ours = run(&program)?;
        let user = witness::ns_link(inner, "user").ok_or("gone")?;
        assert!(ours.ok()?.starts_with(&format!("0\n{user}\n")), "{options:?} {ours:?}");
        if options.contains(&preserving) {
            assert_eq!(ours.stdout, run(Path::new("nsenter"))?.stdout, "{options:?}");
        }
    }
    Ok(std::fs::remove_file(program)?)
}

fn nobody_may_not_join(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    // The program is an open file: the directory of the programs may be closed to that user.
    let program = std::fs::File::open(suite.bins()?.join("nicon-nsexec"))?;
    let path = format!("/proc/{}/fd/{}", std::process::id(), program.as_raw_fd());
    let target = lab.host_pid(CONTAINER)?;
    let run = |capabilities: &str, options: &[&str]| {
        let mut command = tool("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set", capabilities]);
        command.args(["--inh-caps", capabilities, "--ambient-caps", capabilities, "--"]);
        output_within(command.arg(&path).arg(format!("-t{target}")).args(options).arg("true"), LIMIT)
    };
    for options in [&["--net"][..], &["--net", "--uts"], &["--all"], &["--pid", "--privileged"]] {
        refusal(&run("-all", options)?, 125, &["Permission denied", "CAP_SYS_PTRACE"]);
    }
    refusal(&run("-all,+sys_ptrace", &["--net"])?, 125, &["join the net namespace", "CAP_SYS_ADMIN"]);
    refusal(&run("-all,+sys_ptrace", &["--pid", "--privileged"])?, 125, &["join the pid namespace", "CAP_SYS_ADMIN"]);
    // Docker leaves containers our cgroup namespace with cgroup v1; then it is their cgroup that may not be joined.
    let namespaces = [std::process::id(), target].map(|pid| witness::ns_link(pid, "cgroup"));
    let cause = if namespaces[0] == namespaces[1] { "Permission denied" } else { "CAP_SYS_ADMIN" };
    refusal(&run("-all,+sys_ptrace", &["--all"])?, 125, &["cgroup", cause]);
    Ok(run("-all,+sys_ptrace,+sys_admin", &["--net"])?.ok().map(drop)?)
}

fn a_root_that_lacks_a_capability(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let program = suite.bins()?.join("nicon-nsexec");
    // One that has the capabilities which we then lack: for less than our own there is no need of a right to look.
    let target = format!("-t{}", lab.host_pid("setup")?);
    for (capability, options, words) in [
        ("sys_admin", &["--net"][..], &["join the net namespace (it takes CAP_SYS_ADMIN over it)"][..]),
        ("sys_chroot", &["--mount"], &["join the mnt namespace (it takes CAP_SYS_ADMIN over it, and CAP_SYS_CHROOT)"]),
        ("sys_chroot", &["--net", "--root"], &["change the root directory (it takes CAP_SYS_CHROOT)"]),
        ("sys_ptrace", &["--wd"], &["/cwd (needs CAP_SYS_PTRACE and every capability that it has)"]),
        ("sys_ptrace", &["--net-socket=0"], &["(needs CAP_SYS_PTRACE and every capability that it has)"]),
        ("setuid", &["--net", "-S1000"], &["set user ID 1000 (it takes CAP_SETUID)"]),
        ("setgid", &["--net", "-G1000"], &["(it takes CAP_SETGID)"]),
    ] {
        let lacking = format!("-{capability}");
        let mut command = tool("setpriv");
        command.args(["--bounding-set", &lacking, "--inh-caps", &lacking]).arg(&program).arg(&target);
        let ran = output_within(command.args(options).arg("true"), LIMIT)?;
        refusal(&ran, 125, words);
        assert!(!ran.stderr.contains("(root"), "who is root already is told to be root: {ran:?}");
    }
    Ok(())
}
