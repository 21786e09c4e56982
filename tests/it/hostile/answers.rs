//! nicon-resolve against engines that lie, stall or flood, and containers that lay traps.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_within, tool};

use crate::support::expect::{is_process, record, records, refusal};
use crate::support::kernel::translations;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("hostile::answers::answers_that_are_not_understood", answers_that_are_not_understood),
        suite.trial("hostile::answers::answers_about_something_else", answers_about_something_else),
        suite.trial("hostile::answers::answers_without_end", answers_without_end),
        suite.trial("hostile::answers::answers_that_drip", answers_that_drip),
        suite.trial("hostile::answers::words_for_the_terminal", words_for_the_terminal),
        suite.trial("hostile::answers::an_engine_that_hangs", an_engine_that_hangs),
        suite.trial("hostile::answers::a_file_system_that_hangs", a_file_system_that_hangs),
        suite.trial("hostile::answers::links_that_lead_out", links_that_lead_out),
        suite.trial("hostile::answers::a_victim_named_from_within", a_victim_named_from_within),
        suite.trial("hostile::answers::a_proxy_in_another_pid_namespace", a_proxy_in_another_pid_namespace),
        suite.trial("hostile::answers::an_engine_outside_our_pid_namespace", an_engine_outside_our_pid_namespace),
    ]
}

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A hand-made engine on a socket of its own: it reads each request, and then does what the test says.
pub(crate) struct Engine(PathBuf);

impl Engine {
    fn start(name: &str, answer: impl Fn(&mut UnixStream) -> std::io::Result<()> + Send + Sync + 'static) -> Self {
        Self::hearing(name, move |_, stream| answer(stream))
    }

    /// An engine that also looks at the first line of what it is asked.
    pub(crate) fn hearing(
        name: &str,
        answer: impl Fn(&str, &mut UnixStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let path = PathBuf::from(format!("/run/hostile-{name}.sock"));
        let listener = UnixListener::bind(&path).unwrap();
        // The thread ends with the test program; so does the socket, on its private /run.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = BufReader::new(stream.try_clone().unwrap()).lines();
                let request: Vec<_> = request.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                if let Some(first) = request.first() {
                    // Whoever asked may have had enough already.
                    let _ = answer(first, &mut stream);
                }
            }
        });
        Self(path)
    }

    /// An engine that gives one JSON answer to everything.
    pub(crate) fn saying(name: &str, body: String) -> Self {
        Self::start(name, move |stream| say(stream, &body))
    }

    pub(crate) fn ask(&self, suite: &Suite, options: &str) -> Ran {
        self.ask_for(suite, &format!("{options} web"))
    }

    /// Runs nicon-resolve there, with no more than 64 MiB of address space beyond the program's own needs.
    pub(crate) fn ask_for(&self, suite: &Suite, words: &str) -> Ran {
        let program = suite.bins().unwrap().join("nicon-resolve");
        let line = format!("ulimit -v 100000; exec {} {words}", program.display());
        let mut shell = tool("sh");
        shell.args(["-c", &line]).env("DOCKER_HOST", format!("unix://{}", self.0.display()));
        output_within(&mut shell, LIMIT).unwrap()
    }
}

/// Answers with JSON.
pub(crate) fn say(stream: &mut UnixStream, body: &str) -> std::io::Result<()> {
    let length = body.len();
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
}

pub(crate) fn inspect(id: &str, name: &str, pid: &str) -> String {
    format!(r#"{{"Id":"{id}","Name":"{name}","State":{{"Status":"running","Running":true,"Pid":{pid}}}}}"#)
}

fn answers_that_are_not_understood(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let deep = format!("{{\"Id\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies =
        ["", "null", "[]", "<html>", "{\"Id\":", "{}", r#"{"Id":42}"#, "\u{0}", &deep].map(str::to_owned).into_iter();
    let states = ["{}", "{\"Running\":true}", r#"{"Running":true,"Status":[],"Pid":1}"#];
    let states = states.map(|state| format!(r#"{{"Id":"{ID}","Name":"/web","State":{state}}}"#));
    let mut asked = 0;
    for body in bodies.chain([inspect("xyz", "/web", "1")]).chain(states[1..].to_owned()) {
        let engine = Engine::saying(&format!("garbage-{asked}"), body);
        refusal(&engine.ask(suite, ""), 2, &["hop 1 (web)", "not understood"]);
        asked += 1;
    }
    let engine = Engine::start("no-http", |stream| stream.write_all(b"\x16\x03\x01 this is not HTTP\r\n\r\n"));
    refusal(&engine.ask(suite, ""), 2, &["hop 1 (web)", "not understood"]);
    let engine = Engine::start("hang-up", |_| Ok(()));
    refusal(&engine.ask(suite, ""), 2, &["hop 1 (web)"]);
    assert_eq!(asked, 12);
    Ok(())
}

/// Whatever it says, the process must be one of its own namespace and carry the container's ID.
fn answers_about_something_else(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let own = std::process::id().to_string();
    for (name, body, words) in [
        ("other-name", inspect(ID, "/other", &own), "not understood"),
        ("longer-name", inspect(ID, "/xweb", &own), "not understood"),
        ("not-its-process", inspect(ID, "/web", &own), "which is not the container's"),
        ("init", inspect(ID, "/web", "1"), "which is not the container's"),
        ("nobody", inspect(ID, "/web", "4194303"), "no process has PID 4194303"),
        ("negative", inspect(ID, "/web", "-1"), "State.Pid"),
        ("wraps-around", inspect(ID, "/web", "4294967297"), "State.Pid"),
    ] {
        refusal(&Engine::saying(name, body).ask(suite, ""), 2, &["hop 1 (web)", words]);
    }
    Ok(())
}

fn answers_without_end(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let body = Engine::start("endless-body", |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        loop {
            stream.write_all(b"1000\r\n")?;
            stream.write_all(&[b' '; 0x1000])?;
            stream.write_all(b"\r\n")?;
        }
    });
    refusal(&body.ask(suite, ""), 2, &["hop 1 (web)", "too large", "512 KiB"]);
    let announced = Engine::start("announced-body", |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")?;
        loop {
            stream.write_all(&[b' '; 0x1000])?;
        }
    });
    refusal(&announced.ask(suite, ""), 2, &["hop 1 (web)", "too large", "512 KiB"]);
    let headers = Engine::start("endless-headers", |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"X-More: and more\r\n")?;
        }
    });
    refusal(&headers.ask(suite, ""), 2, &["hop 1 (web)"]);
    Ok(())
}

fn answers_that_drip(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let drip = |head: &'static [u8], drop: &'static [u8]| {
        move |stream: &mut UnixStream| {
            stream.write_all(head)?;
            loop {
                stream.write_all(drop)?;
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    };
    let engines = [
        Engine::start("drip-headers", drip(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n")),
        Engine::start("drip-body", drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" ")),
        Engine::start("drip-nothing", drip(b"", b"")),
    ];
    for engine in engines {
        let begun = Instant::now();
        refusal(&engine.ask(suite, "--timeout=0.5"), 2, &["hop 1 (web)", "does not answer", "0.5 s"]);
        assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
    }
    Ok(())
}

/// Colours, line breaks and forged messages of an engine reach neither the terminal nor another record.
fn words_for_the_terminal(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let nasty = r"\u001b[2J\u001b]0;owned\u0007\r\nnicon-resolve: all is well\u009b31m\u202e";
    let engine = Engine::start("error-message", move |stream| {
        let body = format!(r#"{{"message":"{nasty}"}}"#);
        write!(stream, "HTTP/1.1 500 Oh\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    });
    let name = Engine::saying("name", inspect(ID, &format!("/{nasty}"), "1"));
    for ran in [engine.ask(suite, ""), engine.ask(suite, "-v"), name.ask(suite, "")] {
        assert_eq!((ran.code(), &ran.stdout[..]), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains("\\u{1b}[2J"), "shown, not sent: {ran:?}");
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!ran.stderr.contains(steers) && !ran.stderr.contains("\nnicon-resolve: all is well"), "{ran:?}");
    }
    Ok(())
}

fn an_engine_that_hangs(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("setup", "hangs", &[])?;
    let pid = lab.host_pid("setup.hangs")?;
    lab.run_container("setup.hangs", "unheard", &[])?;
    lab.docker("setup", &["pause", "hangs"])?.ok()?;
    // The container is found; what is in it cannot be, and its neighbours do not suffer.
    is_process(&record(&suite.run(&["nicon-resolve", "setup.hangs"])), pid);
    let ran = suite.run(&["nicon-resolve", "--timeout=3", "setup.hangs.unknown", "setup.olt_1.lt_1"]);
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    assert!(ran.stderr.contains("hop 3 (unknown in setup.hangs): the engine does not answer (waited 3 s)"), "{ran:?}");
    is_process(&crate::support::expect::parse(&ran.stdout)[0], lab.host_pid("setup.olt_1.lt_1")?);
    lab.docker("setup", &["unpause", "hangs"])?.ok()?;
    is_process(&record(&suite.run(&["nicon-resolve", "setup.hangs.unheard"])), lab.host_pid("setup.hangs.unheard")?);
    Ok(lab.remove("setup", "hangs")?)
}

/// Mounts a file system (FUSE) over the engine's usual place, and serves none of its requests.
const UNSERVED: &str = "exec 3<>/dev/fuse
mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none /run && exec sleep infinity";

fn a_file_system_that_hangs(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let options = ["--device=/dev/fuse", "--cap-add=SYS_ADMIN", "--security-opt=seccomp=unconfined"];
    lab.run_command("", "unserved", &options, &["sh", "-c", UNSERVED])?;
    lab.exec("unserved", &["sh", "-c", "until grep -q ' /run fuse' /proc/mounts; do sleep 0.02; done"])?.ok()?;
    let ran = suite.run(&["nicon-resolve", "--timeout=3", "unserved.web", "setup.olt_1"]);
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    assert!(ran.stderr.contains("hop 2 (web in unserved): the engine does not answer (waited 3 s)"), "{ran:?}");
    is_process(&crate::support::expect::parse(&ran.stdout)[0], lab.host_pid("setup.olt_1")?);
    Ok(lab.remove("", "unserved")?)
}

fn links_that_lead_out(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_container("", "links", &["--tmpfs=/run"])?;
    let plant = |target: &str| lab.exec("links", &["ln", "-sfn", target, "/run/docker.sock"])?.ok();
    // Taken from inside, these name nothing; taken from outside, they would name the socket of our own engine.
    // /proc/self is nobody: we are not in the container's PID namespace.
    for target in ["/run/real.sock", "../../../../../../run/real.sock", "/nowhere", "/proc/self/root/run/docker.sock"] {
        plant(target)?;
        refusal(&suite.run(&["nicon-resolve", "links.setup"]), 1, &["hop 2", "no container engine"]);
    }
    for target in ["/proc/1/root/run/docker.sock", "/run/docker.sock"] {
        plant(target)?;
        refusal(&suite.run(&["nicon-resolve", "links.setup"]), 2, &["hop 2", "open /run/docker.sock"]);
    }
    lab.exec("links", &["sh", "-c", "rm /run/docker.sock && mkfifo /run/docker.sock"])?.ok()?;
    refusal(&suite.run(&["nicon-resolve", "links.setup"]), 2, &["hop 2", "/run/docker.sock is not a socket"]);
    lab.remove("", "links")?;

    // An absolute link to where the container's own engine listens is followed, inside the container.
    lab.run_daemon_container("setup", "moved", &[])?;
    let script = "mkdir /run/real && mv /run/docker.sock /run/real/ && ln -s /run/real/docker.sock /run/docker.sock";
    lab.exec("setup.moved", &["sh", "-c", script])?.ok()?;
    lab.run_container("setup.moved", "leaf", &[])?;
    let pid = lab.host_pid("setup.moved.leaf")?;
    is_process(&record(&suite.run(&["nicon-resolve", "setup.moved.leaf"])), pid);
    // And a place that is not usual, on request. Without it there are the daemon's files.
    lab.exec("setup.moved", &["rm", "/run/docker.sock"])?.ok()?;
    let ran = suite.run(&["nicon-resolve", "--socket=/run/real/docker.sock", "setup.moved.leaf"]);
    is_process(&record(&ran), pid);
    assert_eq!(record(&ran)["hops"][2]["via"], "api", "{ran:?}");
    let ran = suite.run(&["nicon-resolve", "setup.moved.leaf"]);
    is_process(&record(&ran), pid);
    assert_eq!(record(&ran)["hops"][2]["via"], "disk", "{ran:?}");
    Ok(lab.remove("setup", "moved")?)
}

/// Serves one answer at the engine's usual place of a container. What comes before the question would be no answer to it.
const FAKE_ENGINE: &str = r#"
body=$1
printf 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' ${#body} "$body" >/run/answer
exec socat UNIX-LISTEN:/run/docker.sock,fork SYSTEM:'read -r request; cat /run/answer; exec cat >/dev/null'
"#;

/// The root of a container answers for an engine, and names a container of its neighbour: ID, name and real PID are right.
fn a_victim_named_from_within(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let id = lab.docker("", &["inspect", "--format={{.Id}}", "setup"])?.ok()?;
    let told = lab.docker("", &["inspect", "--format={{.State.Pid}}", "setup"])?.ok()?;
    let body = inspect(&id, "/setup", &told);
    lab.run_command("", "evil", &["--tmpfs=/run:exec"], &["sh", "-c", FAKE_ENGINE, "sh", &body])?;
    lab.exec("evil", &["sh", "-c", "until [ -S /run/docker.sock ]; do sleep 0.02; done"])?.ok()?;
    for translate in translations() {
        refusal(&suite.run(&["nicon-resolve", translate, "evil.setup"]), 2, &["hop 2 (setup in evil)"]);
    }
    // A PID that it does have is its own, and not the container's.
    let body = inspect(&id, "/setup", "1");
    lab.run_command("", "evil-too", &["--tmpfs=/run:exec"], &["sh", "-c", FAKE_ENGINE, "sh", &body])?;
    lab.exec("evil-too", &["sh", "-c", "until [ -S /run/docker.sock ]; do sleep 0.02; done"])?.ok()?;
    refusal(&suite.run(&["nicon-resolve", "evil-too.setup"]), 2, &["hop 2", "which is not the container's"]);
    lab.remove("", "evil-too")?;
    Ok(lab.remove("", "evil")?)
}

/// A proxy in front of our own engine runs in a container: its PID namespace is not the one that the engine counts in.
fn a_proxy_in_another_pid_namespace(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let words = ["socat", "UNIX-LISTEN:/host/proxy.sock,fork", "UNIX-CONNECT:/host/docker.sock"];
    lab.run_command("", "proxy", &["--volume=/run:/host"], &words)?;
    lab.exec("proxy", &["sh", "-c", "until [ -S /host/proxy.sock ]; do sleep 0.02; done"])?.ok()?;
    let mut command = suite.command("nicon-resolve")?;
    command.args(["setup", "setup.olt_1"]).env("DOCKER_HOST", "unix:///run/proxy.sock");
    let found = records(&output_within(&mut command, LIMIT)?);
    assert_eq!(found.len(), 2, "{found:?}");
    for (record, path) in found.iter().zip(["setup", "setup.olt_1"]) {
        is_process(record, lab.host_pid(path)?);
    }
    // The same proxy, met inside a container, could be that container's own invention.
    lab.run_container("", "client", &["--volume=/run/proxy.sock:/run/docker.sock"])?;
    refusal(&suite.run(&["nicon-resolve", "client.setup"]), 2, &["hop 2 (setup in client)"]);
    lab.remove("", "client")?;
    Ok(lab.remove("", "proxy")?)
}

fn an_engine_outside_our_pid_namespace(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let program = suite.bins()?.join("nicon-resolve");
    let within = |options: &[&str]| {
        let mut command = tool("unshare");
        output_within(command.args(["--pid", "--fork"]).args(options).arg(&program).arg("setup"), LIMIT)
    };
    refusal(&within(&["--mount-proc"])?, 2, &["hop 1 (setup)", "/run/docker.sock", "--pid=host"]);
    refusal(&within(&[])?, 2, &["/proc shows another PID namespace", "--pid=host"]);
    Ok(())
}
