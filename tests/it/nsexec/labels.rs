//! The labels that security modules give: nicon-nsexec gives its command those of the container, and all say what they forbid.

use std::fs;
use std::path::Path;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_of_input, output_within, tool};

use crate::nsexec::as_nsenter::CONTAINER;
use crate::support::expect::refusal;
use crate::support::kernel::Feature;
use crate::support::subject::Subject;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::labels::selinux_is_asked_for_in_vain", selinux_is_asked_for_in_vain),
        suite.trial("nsexec::labels::selinux_labels_are_followed", selinux_labels_are_followed),
        suite.trial_with(
            &[Feature::AppArmor],
            "nsexec::labels::apparmor_labels_are_followed",
            apparmor_labels_are_followed,
        ),
        suite.trial_with(&[Feature::AppArmor], "nsexec::labels::under_an_apparmor_profile", under_a_profile),
    ]
}

fn has_selinux() -> bool {
    Path::new("/sys/fs/selinux/enforce").exists()
}

fn selinux_is_asked_for_in_vain(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let target = format!("-t{}", lab.host_pid(CONTAINER)?);
    let ran = suite.run(&["nicon-nsexec", &target, "-n", "-Z", "true"]);
    if has_selinux() {
        return Ok(ran.ok().map(drop)?);
    }
    refusal(&ran, 125, &["--follow-context", "SELinux is not enabled"]);
    Ok(())
}

/// Where `SELinux` is not at work, files in a mount namespace of the test's own stand in for it: they show which label is
/// read and where it is written, not what a module makes of it.
fn selinux_labels_are_followed(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let pid = lab.host_pid(CONTAINER)?;
    let program = suite.bins()?.join("nicon-nsexec").display().to_string();
    if has_selinux() {
        let shown = suite.run(&["nicon-nsexec", &format!("-t{pid}"), "--all", "cat", "/proc/self/attr/current"]);
        assert_eq!(shown.ok()?, std::fs::read_to_string(format!("/proc/{pid}/attr/current"))?.trim());
        return Ok(());
    }
    let script = "set -e; mkdir -p /run/labels; mount -t tmpfs none /run/labels; cd /run/labels; mkdir selinux cgroup
        echo 1 >selinux/enforce; mount --rbind /sys/fs/cgroup cgroup; mount --rbind . /sys/fs
        printf 'u:r:container_t:s0:c1\\0' >theirs; printf '%s\\0' \"$1\" >ours; : >next
        mount --bind theirs /proc/$2/attr/current
        # With -F the program keeps the number of the process that runs it.
        sh -c 'mount --bind ours /proc/$$/attr/current; mount --bind next /proc/$$/attr/exec
            exec \"$@\"' sh \"$3\" -F -t $2 $4 sh -c \"$5\"
        echo \"<$(cat next)>\"";
    let targets = "u:r:container_t:s0:c1";
    // The /proc in which labels are set is not for the command.
    let look = "for fd in 3 4 5 6 7 8 9; do (: <&$fd) 2>/dev/null && echo $fd is open; done; true";
    for (ours, options, written) in [
        ("u:r:unconfined_t:s0", "-n -Z", targets),
        ("u:r:unconfined_t:s0", "-m -n", targets),
        ("u:r:unconfined_t:s0", "-m -n --privileged", ""),
        ("u:r:unconfined_t:s0", "-n", ""),
        (targets, "-n -Z", ""),
    ] {
        let mut unshare = tool("unshare");
        unshare.args(["-m", "sh", "-c", script, "sh", ours, &pid.to_string(), &program, options, look]);
        let ran = output_within(&mut unshare, LIMIT)?;
        assert_eq!(ran.ok()?, format!("<{written}>"), "{options} {ours}");
    }
    Ok(())
}

/// An `AppArmor` profile of the test's own; the kernel forgets it at the end.
struct Profile {
    name: String,
    text: String,
}

impl Profile {
    /// Loads it.
    fn load(name: &str, rules: &str) -> Result<Self, Failed> {
        let name = format!("nicon-test-{}-{name}", std::process::id());
        let text = format!("profile {name} flags=(attach_disconnected) {{ capability, file, signal, {rules} }}");
        let profile = Self { name, text };
        profile.parse("--replace")?;
        Ok(profile)
    }

    fn parse(&self, what: &str) -> Result<(), String> {
        let mut parser = tool("apparmor_parser");
        output_of_input(parser.args(["--quiet", "--skip-cache", what]), &self.text, LIMIT)?.ok().map(drop)
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        let _ = self.parse("--remove");
    }
}

fn apparmor_labels_are_followed(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let secret = "/run/nicon-secret";
    fs::write(secret, "told\n")?;
    let profile = Profile::load("container", &format!("mount, ptrace, unix, deny {secret} r,"))?;
    let script = format!("exec aa-exec -p {} -- sh -c 'echo ready; exec sleep 600'", profile.name);
    let subject = Subject::start(&["--mount", "--net"], &script);
    let target = subject.pid().to_string();
    let theirs = format!("{} (enforce)", profile.name);
    assert_eq!(fs::read_to_string(format!("/proc/{target}/attr/current"))?.trim(), theirs);

    let program = suite.bins()?.join("nicon-nsexec").display().to_string();
    let look = format!("cat /proc/self/attr/current; cat {secret}");
    // In a container, the file system of security modules is usually not mounted.
    for before in ["true", "umount /sys/kernel/security"] {
        let script = format!("{before} && exec \"$@\"");
        let run = |options: &[&str]| {
            let mut unshare = tool("unshare");
            unshare.args(["--mount", "sh", "-c", &script, "sh", &program, "-t", &target]);
            output_within(unshare.args(options).args(["sh", "-c", &look]), LIMIT)
        };
        for options in [&["-m"][..], &["-m", "-F"], &["-m", "-n", "-p"], &["-r"]] {
            let ran = run(options)?;
            assert_eq!(ran.stdout.trim(), theirs, "{options:?} {ran:?}");
            assert!(ran.stderr.contains("Permission denied"), "{options:?} {ran:?}");
        }
        for options in [&["-n"][..], &["-p", "--privileged"], &["-m", "--privileged"]] {
            assert_eq!(run(options)?.ok()?, "unconfined\ntold", "{options:?}");
        }
    }
    Ok(fs::remove_file(secret)?)
}

/// As in a container that Docker runs with its own profile: root, with every capability, may not look at others.
fn under_a_profile(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let profile = Profile::load("tool", "network, unix, ptrace (read, trace) peer=@{profile_name},")?;
    let pid = lab.host_pid(CONTAINER)?.to_string();
    for words in [&["nicon-nsid", &pid][..], &["nicon-nsexec", "-t", &pid, "-n", "true"], &["nicon-resolve", CONTAINER]]
    {
        let mut confined = tool("aa-exec");
        confined.args(["-p", &profile.name, "--"]).arg(suite.bins()?.join(words[0])).args(&words[1..]);
        let ran = output_within(&mut confined, LIMIT)?;
        let told = format!("our AppArmor profile {} must allow it", profile.name);
        refusal(&ran, if words[0] == "nicon-nsexec" { 125 } else { 2 }, &["CAP_SYS_PTRACE", &told]);
    }
    Ok(())
}
