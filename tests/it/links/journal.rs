//! What lies where nicon-linkmv keeps its journals and is none: it is refused, not followed, and not waited for.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Ran, output_within, tool, wait_for};
use nix::sys::signal::Signal;

use crate::support::cell::Cell;
use crate::support::expect::{record, refusal};
use crate::support::links::Place;
use crate::support::stream::Stream;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::journal::what_is_none_is_refused", what_is_none),
        suite.trial_of_kernel(&[], "links::journal::a_lock_of_another_program_is_not_waited_for", a_foreign_lock),
        suite.trial_of_kernel(&[], "links::journal::a_run_that_is_stopped_is_waited_for", a_stopped_run),
        suite.trial_of_kernel(&[], "links::journal::a_directory_that_is_not_ours", a_foreign_directory),
    ]
}

/// Puts something at a path.
type Put<'a> = &'a dyn Fn(&Path) -> std::io::Result<()>;

/// A link that is to be moved, and the path of its journal.
fn ground() -> (Place, Place, PathBuf) {
    let (from, to) = (Place::new(), Place::new());
    from.ip("link add v9 type veth peer name p9");
    let ifindex = &crate::support::links::one(&from.ip("-j link show dev v9"))["ifindex"];
    let journal = format!("/run/nicon/nicon.{}.{ifindex}.v9", from.netns());
    let _ = std::fs::DirBuilder::new().mode(0o700).create("/run/nicon");
    (from, to, journal.into())
}

fn words(from: &Place, to: &Place) -> [String; 7] {
    ["nicon-linkmv", "-f", &from.pid().to_string(), "-t", &to.pid().to_string(), "v9", "eth1"].map(str::to_owned)
}

fn mv(suite: &Suite, from: &Place, to: &Place) -> Ran {
    suite.run(&words(from, to).each_ref().map(String::as_str))
}

fn what_is_none(suite: &Suite) -> Result<(), Failed> {
    let (from, to, journal) = ground();
    let elsewhere = Path::new("/run/not-a-journal");
    let put: [(&str, Put<'_>); 9] = [
        ("it is not a file", &|path| symlink(elsewhere, path)),
        ("it is not a file", &|path| std::fs::create_dir(path)),
        ("it is not a file", &|path| Ok(nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU)?)),
        ("it is not a file", &|path| std::os::unix::net::UnixListener::bind(path).map(drop)),
        ("invalid", &|path| std::fs::write(path, b"{\"netns\":4,\"name\":\"\xff\"}")),
        ("no \"netns\"", &|path| std::fs::write(path, "{}")),
        ("it belongs to another user", &|path| {
            std::fs::write(path, "")?;
            std::os::unix::fs::chown(path, Some(65534), None)
        }),
        ("it has another name as well", &|path| {
            std::fs::write(elsewhere, "kept")?;
            std::fs::hard_link(elsewhere, path)
        }),
        ("it is too long", &|path| std::fs::File::create(path)?.set_len(1 << 40)),
    ];
    for (why, put) in put {
        put(&journal)?;
        if why != "it belongs to another user" && journal.is_file() && !journal.is_symlink() {
            std::fs::set_permissions(&journal, std::fs::Permissions::from_mode(0o600))?;
        }
        let before = std::fs::symlink_metadata(&journal)?.file_type();
        refusal(
            &mv(suite, &from, &to),
            2,
            &[journal.to_str().ok_or("no path")?, "is no journal of nicon's", why, "remove it"],
        );
        assert_eq!(std::fs::symlink_metadata(&journal)?.file_type(), before, "it stays as it is");
        assert_eq!((from.links().len(), to.links().len()), (3, 1));
        if journal.is_dir() { std::fs::remove_dir(&journal)? } else { std::fs::remove_file(&journal)? }
    }
    assert_eq!(std::fs::read_to_string(elsewhere)?, "kept");
    std::fs::remove_file(elsewhere)?;
    // Half a journal: nothing was done yet.
    for half in ["", "{\"netns\":40", "{\"netns\":4,\"name\":\"v\u{e9}"] {
        std::fs::write(&journal, half)?;
        std::fs::set_permissions(&journal, std::fs::Permissions::from_mode(0o600))?;
        let moved = mv(suite, &from, &to);
        record(&moved);
        assert!(!journal.exists());
        record(&suite.feed(&["nicon-linkmv", "--undo"], &moved.stdout));
    }
    Ok(())
}

fn a_foreign_lock(suite: &Suite) -> Result<(), Failed> {
    let (from, to, journal) = ground();
    std::fs::write(&journal, "")?;
    std::fs::set_permissions(&journal, std::fs::Permissions::from_mode(0o600))?;
    let script = format!("exec flock -F {} sh -c 'echo held; exec sleep 60'", journal.display());
    let mut holder = Cell::new(&[], &script);
    refusal(
        &mv(suite, &from, &to),
        2,
        &[&format!("PID {} (sleep) holds {}", holder.pid(), journal.display()), "end it"],
    );
    assert!(holder.0.try_wait()?.is_none(), "it was waited for");
    assert!(journal.exists());
    drop(holder);
    record(&mv(suite, &from, &to));
    Ok(())
}

/// A run that waits for a carrier holds its journal. The next one says whom it waits for, and ends by a signal.
fn a_stopped_run(suite: &Suite) -> Result<(), Failed> {
    let (from, to, journal) = ground();
    let first = words(&from, &to);
    let mut holder = suite.command("nicon-linkmv")?;
    holder.args(&first[1..]).args(["--wait", "600"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut holder = holder.spawn()?;
    wait_for("link in the target", || to.links().len() == 2);
    let mut second = Stream::start(suite.command("nicon-linkmv")?.args(&first[1..]))?;
    let told =
        format!("nicon-linkmv: waiting for PID {} (nicon-linkmv), which holds {}", holder.id(), journal.display());
    assert_eq!(second.error(), told);
    second.signal(Signal::SIGTERM);
    assert_eq!(second.end().signal(), Some(Signal::SIGTERM as i32));
    assert!(second.seen().is_empty());
    assert!(second.told_in_the_end(false).contains("interrupted by SIGTERM"));
    // The one that waits for a carrier puts the link back when it is told to end.
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(holder.id().cast_signed()), Signal::SIGINT)?;
    holder.wait()?;
    assert_eq!((from.links().len(), to.links().len(), from.journals()), (3, 1, Vec::new()));
    Ok(())
}

/// In a mount namespace of its own, where /run is another.
fn a_foreign_directory(suite: &Suite) -> Result<(), Failed> {
    let (from, to, _) = ground();
    let program = suite.bins()?.join("nicon-linkmv");
    let copy = "/tmp/nicon-linkmv";
    let mv = words(&from, &to)[1..].join(" ");
    let run = |setting: &str| -> Result<Ran, Failed> {
        let script = format!(
            "mount -t tmpfs none /tmp && cp {} {copy} && mount -t tmpfs -o mode=755 none /run && {setting} exec {copy} {mv}",
            program.display()
        );
        Ok(output_within(tool("unshare").args(["-m", "sh", "-c", &script]), LIMIT)?)
    };
    for (setting, why) in [
        ("mkdir -m 700 /tmp/theirs; ln -s /tmp/theirs /run/nicon;", "it is not a directory (remove it)"),
        ("mkfifo /run/nicon;", "it is not a directory (remove it)"),
        ("mkdir -m 700 /run/nicon; chown 65534 /run/nicon;", "it belongs to another user (remove it)"),
        ("mkdir -m 775 /run/nicon;", "others may write to it (chmod 700 /run/nicon)"),
        ("mkdir -m 757 /run/nicon;", "others may write to it (chmod 700 /run/nicon)"),
    ] {
        refusal(&run(setting)?, 2, &["/run/nicon is no directory for journals", why]);
        assert_eq!(from.links().len(), 3);
    }
    // Where nothing can be written below /run, it is the user's directory; where there is none, that is told.
    for (setting, told) in [
        ("mount -o remount,ro /run; mkdir -m 700 /tmp/mine; export XDG_RUNTIME_DIR=/tmp/mine;", ""),
        ("mount -o remount,ro /run; unset XDG_RUNTIME_DIR;", "no journal can be kept below /run or in XDG_RUNTIME_DIR"),
    ] {
        let moved = run(setting)?;
        record(&moved);
        assert!(moved.stderr.contains(told) && moved.stderr.is_empty() == told.is_empty(), "{moved:?}");
        record(&suite.feed(&["nicon-linkmv", "--undo"], &moved.stdout));
    }
    // Whoever made it for us, as Kubernetes does for a pod, lets others look: no longer.
    let looked_into = run(&format!("mkdir -m 755 /run/nicon; {copy} {mv} >/dev/null; exec stat -c %a /run/nicon;"))?;
    assert_eq!((looked_into.ok()?, from.links().len()), ("700".to_owned(), 2));
    Ok(())
}
