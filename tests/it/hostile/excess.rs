//! nicon-resolve against those who say more than was asked for, or would use up its memory, or its time for ever.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_of_input, tool};

use crate::hostile::answers::{Engine, inspect, say};
use crate::support::expect::{is_process, parse, refusal};
use crate::support::kernel::Feature;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("hostile::excess::fields_that_nobody_needs", fields_that_nobody_needs),
        suite.trial("hostile::excess::answers_that_would_grow", answers_that_would_grow),
        suite.trial("hostile::excess::words_that_fill_the_screen", words_that_fill_the_screen),
        suite.trial("hostile::excess::a_command_line_without_end", a_command_line_without_end),
        suite.trial_with(
            &[Feature::FullSpeed],
            "hostile::excess::file_systems_at_the_very_place",
            file_systems_at_the_very_place,
        ),
    ]
}

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Engines differ, and change: what is not used of an answer may have any type.
fn fields_that_nobody_needs(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let others = r#""HostConfig":{"Memory":"much","Binds":7,"RestartPolicy":[]},"Config":42,"Mounts":{"a":[[]]},
        "NetworkSettings":"none","Created":17,"RestartCount":1.5,"Platform":null,"Driver":[],"SizeRw":"x","#;
    for (name, body, status, words) in [
        (
            "others",
            inspect(ID, "/web", "4194303").replacen('{', &format!("{{{others}"), 1),
            2,
            "no process has PID 4194303",
        ),
        (
            "of-state",
            format!(
                r#"{{"Id":"{ID}","Name":"/web","State":{{"Status":"levitating","Running":true,"Pid":4194303,"ExitCode":"none",
                    "Health":[],"OOMKilled":0,"StartedAt":{{}},"Error":null}}}}"#
            ),
            2,
            "no process has PID 4194303",
        ),
        (
            "status",
            format!(r#"{{"Id":"{ID}","Name":"/web","State":{{"Status":"levitating","Running":false,"Pid":0}}}}"#),
            1,
            "is not running (levitating)",
        ),
        (
            "no-status",
            format!(r#"{{"Id":"{ID}","Name":"/web","State":{{"Status":"","Running":false}}}}"#),
            1,
            "container \"web\" is not running\n",
        ),
    ] {
        refusal(&Engine::saying(&format!("free-{name}"), body).ask(suite, ""), status, &["hop 1 (web)", words]);
    }
    Ok(())
}

/// Answers within the limit of bytes that would be many times as large once they were understood.
fn answers_that_would_grow(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let many =
        |name: &str, entry: &str, count: usize| format!(r#""{name}":[{}{entry}]"#, format!("{entry},").repeat(count));
    let labels: Vec<_> = (0..35_000).map(|number| format!(r#""{number:x}":"""#)).collect();
    for (number, excess) in [
        many("Mounts", "{}", 150_000),
        format!(r#""HostConfig":{{{}}}"#, many("Mounts", "{}", 150_000)),
        format!(r#""Config":{{"Labels":{{{}}}}}"#, labels.join(",")),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = inspect(ID, "/web", "4194303").replacen('{', &format!("{{{excess},"), 1);
        assert!(answer.len() < 512 << 10);
        let engine = Engine::hearing(&format!("grows-{number}"), move |_, stream| say(stream, &answer));
        refusal(&engine.ask_for(suite, "web"), 2, &["hop 1 (web)", "no process has PID 4194303"]);
    }
    let chunks = Engine::hearing("crumbs", |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        stream.write_all("1\r\n \r\n".repeat(80_000).as_bytes())?;
        stream.write_all(b"0\r\n\r\n")
    });
    refusal(&chunks.ask_for(suite, "web"), 2, &["hop 1 (web)", "not understood"]);
    let early = Engine::hearing("early", |_, stream| {
        loop {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
    });
    refusal(&early.ask_for(suite, "--timeout=2 web"), 2, &["hop 1 (web)"]);
    Ok(())
}

fn words_that_fill_the_screen(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let long = "long ".repeat(80_000);
    for (number, body) in [
        inspect(ID, "/web", &format!("\"{long}\"")),
        inspect(ID, &format!("/{long}"), "1"),
        format!(r#"{{"Id":"{ID}","Name":"/web","State":{{"Status":"{long}","Running":false}}}}"#),
    ]
    .into_iter()
    .enumerate()
    {
        let engine = Engine::hearing(&format!("talks-{number}"), move |_, stream| say(stream, &body));
        let ran = engine.ask_for(suite, "web");
        assert!(ran.stdout.is_empty() && ran.code() != Some(0), "{:?}", ran.code());
        assert!(ran.stderr.len() < 1000 && ran.stderr.contains("long long"), "{} bytes", ran.stderr.len());
    }
    Ok(())
}

/// Says that 64 GiB of its memory are its command line, and tells the PID of its child.
const BOUNDLESS: &str = r#"
#include <linux/prctl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pid_t child = fork();
    if (child == 0) { prctl(PR_SET_PDEATHSIG, SIGKILL); for (;;) pause(); }
    unsigned long size = 1UL << 36;
    unsigned long at = (unsigned long)mmap(0, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct prctl_mm_map map = {
        .start_code = at, .end_code = at + 1, .start_data = at, .end_data = at, .start_brk = at, .brk = at,
        .start_stack = at, .arg_start = at, .arg_end = at + size, .env_start = at + size, .env_end = at + size,
        .exe_fd = -1,
    };
    if (prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0)) { perror("PR_SET_MM_MAP"); return 1; }
    printf("%d\n", child);
    fflush(stdout);
    for (;;) pause();
}
"#;

/// Ends with the test.
struct Boundless(Child);

impl Drop for Boundless {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The engine names a child of a process which would be its shim, and whose command line is to prove that.
fn a_command_line_without_end(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let program = "/run/boundless";
    output_of_input(tool("cc").args(["-x", "c", "-o", program, "-"]), BOUNDLESS, LIMIT)?.ok()?;
    let mut shim = Boundless(tool(program).stdout(Stdio::piped()).spawn()?);
    let mut child = String::new();
    BufReader::new(shim.0.stdout.take().ok_or("no output")?).read_line(&mut child)?;
    let body = inspect(ID, "/web", child.trim());
    let engine = Engine::hearing("boundless", move |_, stream| say(stream, &body));
    let cause = format!("read /proc/{}/cmdline: File too large", shim.0.id());
    refusal(&engine.ask_for(suite, "web"), 2, &["hop 1 (web)", &cause]);
    std::fs::remove_file(program)?;
    Ok(())
}

/// Mounts file systems (FUSE) as the socket and as the files of an engine, and serves none of their requests: here, unlike
/// where one is mounted above, the names lead to them without asking them anything.
const UNSERVED: &str = r"mkdir /run/runc && touch /run/docker.sock
exec 3<>/dev/fuse && mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none /run/runc &&
exec 4<>/dev/fuse && mount -i -t fuse -o fd=4,rootmode=140000,user_id=0,group_id=0 none /run/docker.sock &&
exec sleep infinity";

fn file_systems_at_the_very_place(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let options = ["--device=/dev/fuse", "--cap-add=SYS_ADMIN", "--security-opt=seccomp=unconfined", "--tmpfs=/run"];
    lab.run_command("", "unserving", &options, &["sh", "-c", UNSERVED])?;
    lab.exec("unserving", &["sh", "-c", "until grep -q ' /run/docker.sock fuse' /proc/mounts; do sleep 0.02; done"])?
        .ok()?;
    for (path, words) in
        [("unserving.web", "waited 3 s"), ("unserving.**", "in unserving: connect to /run/docker.sock")]
    {
        let ran = suite.run(&["nicon-resolve", "--timeout=3", path, "setup.olt_1"]);
        assert_eq!(ran.code(), Some(2), "{ran:?}");
        assert!(ran.stderr.contains(words), "{ran:?}");
        is_process(&parse(&ran.stdout)[0], lab.host_pid("setup.olt_1")?);
    }
    Ok(lab.remove("", "unserving")?)
}
