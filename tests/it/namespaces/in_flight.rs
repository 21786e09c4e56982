//! A namespace can be kept where nobody can look: by a descriptor that waits in a unix socket. nicon-nsfind says that there are some.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use libtest_mimic::{Failed, Trial};
use nicon_lab::Lab;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

use crate::support::subject::{Subject, link, members};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial("namespaces::in_flight::a_namespace_in_a_unix_socket", a_namespace_in_a_unix_socket)]
}

fn send(through: &UnixStream, descriptor: &OwnedFd) -> nix::Result<usize> {
    let rights = [descriptor.as_raw_fd()];
    let message = [ControlMessage::ScmRights(&rights)];
    sendmsg::<()>(through.as_raw_fd(), &[IoSlice::new(b"x")], &message, MsgFlags::empty(), None)
}

fn receive(from: &UnixStream) -> Result<RawFd, Failed> {
    let (mut byte, mut space) = ([0], nix::cmsg_space!([RawFd; 1]));
    let mut slices = [IoSliceMut::new(&mut byte)];
    let message = recvmsg::<()>(from.as_raw_fd(), &mut slices, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    match message.cmsgs()?.next() {
        Some(ControlMessageOwned::ScmRights(rights)) => Ok(rights[0]),
        other => Err(format!("{other:?}").into()),
    }
}

fn a_namespace_in_a_unix_socket(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let subject = Subject::asleep(&["--uts"]);
    let namespace = OwnedFd::from(std::fs::File::open(format!("/proc/{}/ns/uts", subject.pid()))?);
    let (ino, name) = (subject.ino("uts"), link("uts", subject.ino("uts")));
    let (ours, theirs) = UnixStream::pair()?;
    send(&ours, &namespace)?;
    drop((subject, namespace));
    assert_eq!(members(&name), []);
    let waits = format!(
        "may keep namespaces: nobody can look at what waits in a unix socket (descriptor {} of process {})",
        theirs.as_raw_fd(),
        std::process::id()
    );
    for words in [&["--holders", &name][..], &["--list", "-T", "uts"]] {
        let ran = suite.run(&[&["nicon-nsfind"], words].concat());
        assert!(ran.code() == Some(2) && !ran.stdout.contains(&ino.to_string()), "{ran:?}");
        assert!(ran.stderr.contains(" sent and not received ") && ran.stderr.contains(&waits), "{ran:?}");
    }
    // It was there all the time.
    let received = receive(&theirs)?;
    assert_eq!(std::fs::read_link(format!("/proc/self/fd/{received}"))?.to_str(), Some(&name[..]));
    let ran = suite.run(&["nicon-nsfind", "--holders", &name]);
    assert!(ran.stdout.contains("\"kind\":\"fd\"") && !ran.stderr.contains(&waits), "{ran:?}");
    Ok(nix::unistd::close(received)?)
}
