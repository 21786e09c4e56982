//! nicon-resolve, run by root, against engines that unprivileged users run on the same machine: anybody can serve a socket, and
//! knows the ID, the name and the PID of root's container.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, copy_program, output_within, tool, until, witness};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, socket};

use crate::hostile::liars::{ANOTHER, Helper, ID, Place, Pretended, ROOT, THEIRS, USER, ask, ask_in};
use crate::support::expect::{is_process, record, refusal};
use crate::support::kernel::translations;
use crate::support::subject::ino;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("hostile::users::roots_container_is_named", roots_container_is_named),
        suite.trial("hostile::users::a_container_of_their_own", a_container_of_their_own),
        suite.trial("hostile::users::inside_a_container", inside_a_container),
        suite.trial("hostile::users::a_listener_that_changes", a_listener_that_changes),
        suite.trial("hostile::users::a_writer_that_changes", a_writer_that_changes),
        suite.trial("hostile::users::a_listener_and_a_writer", a_listener_and_a_writer),
        suite.trial("hostile::users::set_user_id_programs_answer", set_user_id_programs_answer),
        suite.trial("hostile::users::files_of_a_slow_engine", files_of_a_slow_engine),
        suite.trial("hostile::users::a_bound_only_narrows", a_bound_only_narrows),
        suite.trial("hostile::users::engines_in_user_namespaces", engines_in_user_namespaces),
        suite.trial("hostile::users::files_in_user_namespaces", files_in_user_namespaces),
    ]
}

fn roots_container_is_named(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let place = Place::new("victim")?;
    let id = lab.docker("", &["inspect", "--format={{.Id}}", "setup"])?.ok()?;
    let told = lab.docker("", &["inspect", "--format={{.State.Pid}}", "setup"])?.ok()?;
    let answer = place.answer(&id, "setup", &told)?;
    let _engine =
        Helper::in_nest(lab, &[&USER[..], &[&place.at("liar"), "listen", &place.at("sock"), &answer]].concat())?;
    let socket = place.socket("sock");
    let why = format!(
        "the engine at {socket} runs as user 1000, who may name only processes in user namespaces of their own: PID {} is",
        lab.host_pid("setup")?
    );
    for translate in translations() {
        refusal(&ask(suite, &socket, &[translate, "setup"])?, 2, &["hop 1 (setup)", &why]);
        refusal(&ask(suite, &socket, &[translate, &id])?, 2, &["hop 1", "runs as user 1000"]);
    }
    refusal(&ask(suite, &socket, &["setup.olt_1"])?, 2, &["hop 1 (setup)", &why]);
    Ok(())
}

fn a_container_of_their_own(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let place = Place::new("own")?;
    let own = Pretended::start(&USER, THEIRS)?;
    assert_ne!(ino(own.pid, "user"), ino(std::process::id(), "user"));
    let answer = place.answer(ID, "own", &own.inner_pid)?;
    let liar = place.at("liar");
    let _engine = Helper::start(&[&USER[..], &[&liar, "listen", &place.at("sock"), &answer]].concat())?;
    let socket = place.socket("sock");
    let found = record(&ask(suite, &socket, &["own"])?);
    is_process(&found, own.pid);
    assert_eq!(found["hops"][0]["verified"], "shim");
    // Further down it is still theirs.
    let below = Pretended::start(&USER, &format!("--user --map-root-user unshare {THEIRS}"))?;
    let answer = place.answer(ID, "below", &below.inner_pid)?;
    let _engine = Helper::start(&[&USER[..], &[&liar, "listen", &place.at("sock-below"), &answer]].concat())?;
    is_process(&record(&ask(suite, &place.socket("sock-below"), &["below"])?), below.pid);

    // Neither is it another user's, nor has that user anything in our own user namespace; root's shim is not theirs.
    let without = Pretended::start(&USER, "--")?;
    let of_root = Pretended::start(&ROOT, THEIRS)?;
    for (n, (who, whose)) in
        [(&ANOTHER, &own), (&USER, &without), (&USER, &of_root), (&ANOTHER, &of_root)].into_iter().enumerate()
    {
        let socket = place.at(&format!("sock-{n}"));
        let answer = place.answer(ID, "own", &whose.inner_pid)?;
        let _engine = Helper::start(&[&who[..], &[&liar, "listen", &socket, &answer]].concat())?;
        let ran = ask(suite, &place.socket(&format!("sock-{n}")), &["own"])?;
        let uid = who[1].strip_prefix("--reuid=").ok_or("no user")?;
        let words = [&format!("runs as user {uid}, who may name only")[..], &format!(": PID {} is in none", whose.pid)];
        refusal(&ran, 2, &words);
    }
    // A process of theirs that a shim of root's has started.
    let enter = format!("nsenter --user --mount --preserve-credentials --target={}", own.pid);
    let script = format!("{enter} setpriv --pdeathsig=KILL sleep 600 & echo $!; wait");
    let mut shim = Helper::start(&["sh", "-c", &script, "shim", ID])?;
    let pid = shim.says()?;
    Pretended::is_ready(pid.parse()?);
    let answer = place.answer(ID, "entered", &pid)?;
    let _engine = Helper::start(&[&USER[..], &[&liar, "listen", &place.at("sock-entered"), &answer]].concat())?;
    let ran = ask(suite, &place.socket("sock-entered"), &["entered"])?;
    refusal(&ran, 2, &[&format!("the parent of PID {pid}, PID {}, is not theirs", shim.0.id())]);
    Ok(())
}

/// A user in a container names another container of that container's root.
fn inside_a_container(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    lab.run_daemon_container("", "shared", &[])?;
    let id = lab.run_container("shared", "inner", &[])?;
    let told = lab.docker("shared", &["inspect", "--format={{.State.Pid}}", "inner"])?.ok()?;
    let place = Place::new("inside")?;
    let answer = place.answer(&id, "inner", &told)?;
    // Where podman would listen: the container's root left that to its user.
    let run = format!("/proc/{}/root/run", lab.host_pid("shared")?);
    fs::create_dir(format!("{run}/podman"))?;
    chown(format!("{run}/podman"), Some(1000), Some(1000))?;
    copy_program(place.at("liar"), format!("{run}/liar"))?;
    copy_program(&answer, format!("{run}/answer"))?;
    let engine = ["setsid", "/run/liar", "listen", "/run/podman/podman.sock", "/run/answer"];
    // Whoever starts it there ends at once.
    let user = &USER[..USER.len() - 1];
    let words = [&["docker", "exec", "--detach", "shared"], user, &engine].concat();
    output_within(&mut lab.beside("", &words), LIMIT)?.ok()?;
    until("the engine", || fs::exists(format!("{run}/podman/podman.sock")).ok().filter(|there| *there));
    until("its queue", || ask_in(suite, "shared.podman:inner").ok().filter(|ran| !ran.stderr.contains("refused")));
    let ran = ask_in(suite, "shared.podman:inner")?;
    refusal(&ran, 2, &["hop 2", "the engine at /run/podman/podman.sock runs as user 1000"]);
    is_process(&record(&ask_in(suite, "shared.docker:inner")?), lab.host_pid("shared.inner")?);
    Ok(lab.remove("", "shared")?)
}

/// Root's activator becomes the user's engine.
fn a_listener_that_changes(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let place = Place::new("becomes")?;
    let victim = Pretended::start(&ROOT, "--mount")?;
    let answer = place.answer(ID, "web", &victim.inner_pid)?;
    let listen = format!("--listen={}", place.at("sock"));
    let activate = ["systemd-socket-activate", &listen];
    let _engine = Helper::start(&[&activate, &USER[..], &[&place.at("liar"), "activated", &answer]].concat())?;
    let ran = ask(suite, &place.socket("sock"), &["web"])?;
    refusal(&ran, 2, &["hop 1 (web)", "runs as user 1000"]);
    // It is root for as long as it is asked, and in one of two cases again when it has answered.
    for how in ["before", "once"] {
        let _engine = changing(&place, &answer, how)?;
        refusal(&ask(suite, &place.socket(how), &["web"])?, 2, &["hop 1 (web)", "runs as user 1000"]);
    }
    // Of several questions over one connection, each is answered by whom it is then.
    let _engine = changing(&place, &answer, "fifth")?;
    let names: Vec<_> = (12..24).map(|digits| &ID[..digits]).collect();
    let ran = ask(suite, &place.socket("fifth"), &names)?;
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    assert!(ran.stdout.lines().count() <= 4, "{ran:?}");
    assert!(ran.stderr.lines().filter(|line| line.contains("runs as user 1000")).count() >= 8, "{ran:?}");
    Ok(())
}

/// The answer is there in parts, of which only the first is root's.
fn a_writer_that_changes(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let place = Place::new("parts")?;
    let victim = Pretended::start(&ROOT, "--mount")?;
    let answer = place.answer(ID, "web", &victim.inner_pid)?;
    for (how, why) in [
        ("rest", "runs as user 1000"),
        ("child", "several processes write it"),
        ("nobody", "it comes with descriptors"),
    ] {
        let _engine = changing(&place, &answer, how)?;
        refusal(&ask(suite, &place.socket(how), &["web"])?, 2, &["hop 1 (web)", why]);
    }
    Ok(())
}

/// An engine of root's that becomes user 1000 in one of the ways that liar.c has, which is the name of its socket, too.
fn changing(place: &Place, answer: &str, how: &str) -> Result<Helper, Failed> {
    Helper::start(&[&place.at("liar"), "change", &place.at(how), answer, "1000", how])
}

/// Whoever listens may not be who answers: both are bound.
fn a_listener_and_a_writer(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let place = Place::new("activated")?;
    let liar = place.at("liar");
    let victim = Pretended::start(&ROOT, "--mount")?;
    let answer = place.answer(ID, "web", &victim.inner_pid)?;
    // Root's activator waits beside the user's engine.
    let line = format!("{} {liar} activated {answer} & wait", USER.join(" "));
    let listen = format!("--listen={}", place.at("beside"));
    let _engine = Helper::start(&["systemd-socket-activate", &listen, "sh", "-c", &line])?;
    let ran = ask(suite, &place.socket("beside"), &["web"])?;
    refusal(&ran, 2, &["hop 1 (web)", "runs as user 1000"]);
    // A user has called listen(2), and root answers.
    let path = place.at("other-way");
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    bind(socket.as_raw_fd(), &UnixAddr::new(&path[..])?)?;
    let mut command = tool(USER[0]);
    command.args(&USER[1..]).args([&liar, "only-listen"]);
    let listener = Helper(command.stdin(socket.try_clone()?).stdout(Stdio::null()).spawn()?);
    place.socket("other-way");
    serve(socket, fs::read(&answer)?);
    refusal(&ask(suite, &path, &["web"])?, 2, &["hop 1 (web)", "runs as user 1000"]);
    // Gone, it is not forgotten.
    drop(listener);
    refusal(&ask(suite, &path, &["web"])?, 2, &["hop 1 (web)", "runs as user 1000"]);
    Ok(())
}

/// Answers whatever is asked; the thread ends with the test program.
fn serve(socket: OwnedFd, answer: Vec<u8>) {
    let listener = UnixListener::from(socket);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let request = BufReader::new(stream.try_clone().expect("another handle")).lines();
            let _ = request.map_while(Result::ok).take_while(|line| !line.is_empty()).count();
            // Whoever asked may have had enough already.
            let _ = stream.write_all(&answer);
        }
    });
}

/// What such a program is made to say, root says, in the kernel's eyes: here the very listener becomes it.
fn set_user_id_programs_answer(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let place = Place::new("setuid")?;
    let (liar, suid) = (place.at("liar"), place.at("suid"));
    copy_program(&liar, &suid)?;
    fs::set_permissions(&suid, fs::Permissions::from_mode(0o4755))?;
    let victim = Pretended::start(&ROOT, "--mount")?;
    let answer = place.answer(ID, "web", &victim.inner_pid)?;
    let sock = place.at("sock");
    let engine = Helper::start(&[&USER[..], &[&liar, "become", &sock, &answer, &suid]].concat())?;
    let ran = ask(suite, &place.socket("sock"), &["web"])?;
    let status = fs::read_to_string(format!("/proc/{}/status", engine.0.id()))?;
    assert!(status.contains("Uid:\t0\t0\t0\t0\n"), "it is root: {status}");
    refusal(&ran, 2, &["hop 1 (web)", "runs as user 1000"]);
    Ok(())
}

/// An engine that does not answer has files, at the place that its command line says.
fn files_of_a_slow_engine(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let place = Place::new("slow")?;
    let id = lab.docker("", &["inspect", "--format={{.Id}}", "setup"])?.ok()?;
    let told = lab.docker("", &["inspect", "--format={{.State.Pid}}", "setup"])?.ok()?;
    let own = Pretended::in_nest(lab, &USER, THEIRS)?;
    for (id, name, pid) in [(&id[..], "setup", &told), (ID, "own", &own.inner_pid)] {
        let directory = place.at(&format!("data/containers/{id}"));
        fs::create_dir_all(&directory)?;
        let config = format!(r#"{{"Name":"/{name}","State":{{"Running":true,"Pid":{pid}}}}}"#);
        fs::write(format!("{directory}/config.v2.json"), config)?;
    }
    let (liar, sock, data) = (place.at("liar"), place.at("sock"), place.at("data"));
    let _engine = Helper::in_nest(lab, &[&USER[..], &[&liar, "listen", &sock, "-", "--data-root", &data]].concat())?;
    let socket = place.socket("sock");
    refusal(&ask(suite, &socket, &["--timeout=1", "setup"])?, 2, &["hop 1 (setup)", "does not answer (waited 1 s)"]);
    let found = record(&ask(suite, &socket, &["--timeout=8", "own"])?);
    assert_eq!(found["hops"][0]["via"], "disk");
    is_process(&found, own.pid);
    // Of all that the files list, only what is theirs is found.
    let ran = ask(suite, &socket, &["--timeout=8", "*"])?;
    let found = crate::support::expect::parse(&ran.stdout);
    assert_eq!(found.len(), 1, "{ran:?}");
    is_process(&found[0], own.pid);
    Ok(())
}

/// In a user's container there is the socket of root's engine: what that says is bound by the way to it.
fn a_bound_only_narrows(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let place = Place::new("narrow")?;
    let own = Pretended::in_nest(lab, &USER, THEIRS)?;
    let answer = place.answer(ID, "own", &own.inner_pid)?;
    let _engine =
        Helper::in_nest(lab, &[&USER[..], &[&place.at("liar"), "listen", &place.at("sock"), &answer]].concat())?;
    let socket = place.socket("sock");
    is_process(&record(&ask(suite, &socket, &["own"])?), own.pid);
    assert!(fs::exists(format!("/proc/{}/root/run/docker.sock", own.pid))?, "root's engine is in there");
    for path in ["own.setup", "own.setup.olt_1"] {
        refusal(&ask(suite, &socket, &[path])?, 2, &["hop 2 (setup in own)", &socket, "runs as user 1000"]);
    }
    let all = ask(suite, &socket, &["own.*"])?;
    assert_eq!((all.code(), &all.stdout[..]), (Some(2), ""), "{all:?}");
    // Who begins the path there trusts that engine.
    let ran = ask(suite, &socket, &[&format!("pid:{}.setup", own.pid)])?;
    is_process(&record(&ran), lab.host_pid("setup")?);
    Ok(())
}

/// Root's engine in a user namespace, as a container has one: it may name what is in there and below.
fn engines_in_user_namespaces(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let place = Place::new("remapped")?;
    let (liar, sock) = (place.at("liar"), place.at("sock"));
    let victims = [Pretended::start(&ROOT, "--mount")?, Pretended::start(&ROOT, THEIRS)?];
    // Beside the engine in its namespace, and below.
    let shim = |unshare: &str| format!("setpriv --pdeathsig=KILL sh -c '{}' shim {ID} &", Pretended::script(unshare));
    let script = format!("{} {} wait", shim("--mount"), shim(THEIRS));
    let mut inside = Helper::start(&["unshare", "--user", "--map-root-user", "sh", "-c", &script])?;
    let mut lines = BufReader::new(inside.0.stdout.take().ok_or("no output")?).lines();
    let own: Vec<u32> = (0..2).map(|_| Ok(lines.next().ok_or("no PID")??.parse()?)).collect::<Result<_, Failed>>()?;
    for pid in &own {
        Pretended::is_ready(*pid);
    }
    let enter = format!("--user=/proc/{}/ns/user", inside.0.id());
    let pids = own.iter().map(|pid| (*pid, true)).chain(victims.iter().map(|victim| (victim.pid, false)));
    for (n, (pid, is_theirs)) in pids.enumerate() {
        let (socket, answer) = (format!("{sock}-{n}"), place.answer(ID, "web", &pid.to_string())?);
        let words = ["nsenter", &enter, "--preserve-credentials", &liar, "listen", &socket, &answer];
        let engine = Helper::start(&words)?;
        let ran = ask(suite, &place.socket(&format!("sock-{n}")), &["web"])?;
        if is_theirs {
            is_process(&record(&ran), pid);
        } else {
            let namespace = format!("is in user namespace {}, and may name only", ino(engine.0.id(), "user"));
            refusal(&ran, 2, &[&namespace, &format!("PID {pid} is in none")]);
        }
    }
    Ok(())
}

/// Whoever is root in a user namespace writes files there, but names nothing outside with them.
fn files_in_user_namespaces(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let victim = Pretended::start(&ROOT, "--mount")?;
    let start_time = witness::stat(victim.pid).ok_or("it is gone")?.start_time;
    let state = format!(r#"{{"id":"{ID}","init_process_pid":{},"init_process_start":{start_time}}}"#, victim.pid);
    let script = format!(
        "mount -t tmpfs none /run && mkdir -p /run/runc/{ID} && echo '{state}' >/run/runc/{ID}/state.json && exec sleep 600"
    );
    for user in [&ROOT[..], &USER] {
        let words = [user, &["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", &script]].concat();
        let forger = Helper::start(&words)?;
        Pretended::is_ready(forger.0.id());
        let ran = ask_in(suite, &format!("pid:{}.runc:{ID}", forger.0.id()))?;
        refusal(&ran, 2, &["hop 2", "the container is in user namespace", &format!("PID {} is in none", victim.pid)]);
    }
    Ok(())
}
