//! Who answered: nicon-resolve where the process that listens is not the engine.

use std::path::PathBuf;
use std::process::{Child, Stdio};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_within, tool, until, witness};

use crate::resolve::engines::podman_pid;
use crate::support::expect::{is_process, record, refusal};
use crate::support::kernel::translations;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial(
            "resolve::listeners::by_an_engine_that_another_namespace_activated",
            activated_from_another_namespace,
        ),
        suite.trial("resolve::listeners::through_a_proxy_out_of_the_container_itself", a_proxy_within_its_target),
        suite.trial("resolve::listeners::through_a_proxy_further_out", a_proxy_further_out),
    ]
}

/// A process that ends with this test, or with the test program.
struct Helper(Child);

impl Helper {
    fn start(words: &[&str]) -> Result<Self, Failed> {
        let mut command = tool("setpriv");
        command.args(["--pdeathsig=KILL", "--"]).args(words);
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn resolve_at(suite: &Suite, socket: &str, options: &[&str]) -> Result<Ran, Failed> {
    let mut command = suite.command("nicon-resolve")?;
    command.args(options).env("DOCKER_HOST", format!("unix://{socket}"));
    Ok(output_within(&mut command, LIMIT)?)
}

/// What hands its socket on is in our PID namespace, podman in the nest's; it waits for podman, or is gone.
fn activated_from_another_namespace(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.prepare_podman("")?;
    lab.run_podman("", "activated", &[], &["sleep", "infinity"])?;
    let pid = podman_pid(lab, "", "activated")?;
    let service = lab.podman_command("", &["system", "service", "--time=0"]);
    let words: Vec<_> = std::iter::once(service.get_program()).chain(service.get_args()).collect();
    let words: Vec<_> = words.into_iter().map(|word| word.to_string_lossy().into_owned()).collect();
    // Whoever takes the socket must have the PID that is meant to, as it is called in its own namespace.
    let nest = words.iter().position(|word| word == "--").ok_or("no nsenter")? + 1;
    let (enter, podman) = words.split_at(nest);
    let take = format!("LISTEN_PID=$$ exec {}", podman.join(" "));
    for (socket, stays) in [("/run/activated-1.sock", true), ("/run/activated-2.sock", false)] {
        let wait = if stays { "wait" } else { "exit" };
        let hand_on = format!("{} sh -c '{take}' & {wait}", enter.join(" "));
        let listen = format!("--listen={socket}");
        let _activator = Helper::start(&["systemd-socket-activate", &listen, "sh", "-c", &hand_on])?;
        until("the socket", || witness::is_listening(socket).then_some(()));
        // The first who asks starts it.
        let mut daemon = 0;
        for translate in translations() {
            let found = record(&resolve_at(suite, socket, &[translate, "activated"])?);
            is_process(&found, pid);
            let hop = &found["hops"][0];
            assert_eq!(hop["engine"], "podman", "{found}");
            daemon = u32::try_from(hop["daemon"].as_u64().ok_or("no daemon")?)?;
            let comm = std::fs::read_to_string(format!("/proc/{daemon}/comm"))?;
            assert_eq!(comm.trim(), "podman", "{found}");
        }
        lab.signal(daemon, "KILL")?;
    }
    lab.podman("", &["rm", "--force", "--time=0", "activated"])?.ok()?;
    Ok(())
}

/// Starts the proxy and, once it is told to, a process.
const DECOY: &str = r"
socat UNIX-LISTEN:/host/within.sock,fork UNIX-CONNECT:/host/docker.sock &
mkfifo /run/go && read go </run/go
sleep infinity & echo $! >/run/got; wait
";

/// A proxy of the outer engine runs in the very container that is asked for, where another process has the PID that the
/// engine tells: its cgroup carries the right ID.
fn a_proxy_within_its_target(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let options = ["--volume=/run:/host", "--tmpfs=/run"];
    lab.run_command("", "decoy", &options, &["sh", "-c", DECOY])?;
    let told = lab.docker("", &["inspect", "--format={{.State.Pid}}", "decoy"])?.ok()?;
    let pid = lab.host_pid("decoy")?;
    let run = PathBuf::from(format!("/proc/{pid}/root/run"));
    until("the pipe", || std::fs::exists(run.join("go")).ok().filter(|there| *there));
    // The next process in there gets the PID after this one.
    let last = format!("echo {} >/proc/sys/kernel/ns_last_pid", told.parse::<u32>()? - 1);
    output_within(tool("nsenter").args(["--pid", &format!("--target={pid}"), "sh", "-c", &last]), LIMIT)?.ok()?;
    std::fs::write(run.join("go"), "go\n")?;
    let read = || std::fs::read_to_string(run.join("got")).ok().filter(|got| got.ends_with('\n'));
    assert_eq!(until("the decoy", read).trim(), told, "the decoy has the PID");
    for translate in translations() {
        let found = record(&resolve_at(suite, "/run/within.sock", &[translate, "decoy"])?);
        is_process(&found, lab.host_pid("decoy")?);
    }
    lab.remove("", "decoy")?;
    std::fs::remove_file("/run/within.sock")?;
    Ok(())
}

/// A proxy of an inner engine runs in our own namespace: nothing tells in which one the engine counts.
fn a_proxy_further_out(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let to = format!("UNIX-CONNECT:/proc/{}/root/run/docker.sock", lab.host_pid("setup")?);
    let _proxy = Helper::start(&["socat", "UNIX-LISTEN:/run/further-out.sock,fork", &to])?;
    until("the proxy", || witness::is_listening("/run/further-out.sock").then_some(()));
    let ran = resolve_at(suite, "/run/further-out.sock", &["olt_1"])?;
    refusal(&ran, 2, &["hop 1 (olt_1)"]);
    std::fs::remove_file("/run/further-out.sock")?;
    Ok(())
}
