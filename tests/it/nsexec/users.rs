//! Users and groups by name: as the container knows them.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_within, tool};

use crate::support::expect::refusal;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::users::as_docker_exec_has_it", as_docker_exec_has_it),
        suite.trial("nsexec::users::of_the_root_directory_that_is_entered", of_the_root_directory_that_is_entered),
        suite.trial("nsexec::users::files_that_are_none", files_that_are_none),
        suite.trial("nsexec::users::a_named_user_has_the_terminal", a_named_user_has_the_terminal),
    ]
}

const PASSWD: &str = "root:x:0:0::/root:/bin/sh\\nann:x:1234:2345:Ann\\nbob:x:1235:50:\\n12:x:1236:1:\\n";
const GROUP: &str = "root:x:0:\\nann:x:2345:\\nstaff:x:50:ann,bob\\naudio:x:63:bob\\nlate:x:51:bob,ann\\n";

/// A container with users of its own, which ends with the test.
struct Container<'a> {
    lab: &'a Lab,
    name: &'static str,
}

impl<'a> Container<'a> {
    fn start(lab: &'a Lab, name: &'static str) -> Result<Self, Failed> {
        lab.run_container("", name, &[])?;
        let container = Self { lab, name };
        container.run(&format!("printf '{PASSWD}' >/etc/passwd; printf '{GROUP}' >/etc/group"))?;
        Ok(container)
    }

    fn run(&self, line: &str) -> Result<String, Failed> {
        Ok(self.lab.docker("", &["exec", self.name, "sh", "-c", line])?.ok()?)
    }

    /// Enters it with these options, and runs `id`.
    fn id(&self, suite: &Suite, options: &[&str]) -> Result<Ran, Failed> {
        let target = format!("-t{}", self.lab.host_pid(self.name)?);
        Ok(suite.run(&[&["nicon-nsexec", &target], options, &["id"]].concat()))
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let _ = self.lab.remove("", self.name);
    }
}

fn as_docker_exec_has_it(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let container = Container::start(lab, "nsexec-users")?;
    let docker = |user: &str| lab.docker("", &["exec", "-u", user, container.name, "id"])?.ok();
    for user in ["ann", "bob", "root"] {
        let theirs = docker(user)?;
        for options in [&["--all"][..], &["-a", "-F"], &["-m"], &["-r"], &["-a", "--privileged"]] {
            let options = [options, &["-S", user]].concat();
            assert_eq!(container.id(suite, &options)?.ok()?, theirs, "{options:?}");
        }
    }
    for (user, group) in [("ann", "staff"), ("bob", "ann"), ("1234", "audio")] {
        let ran = container.id(suite, &["-a", "-S", user, &format!("--setgid={group}")])?;
        assert_eq!(ran.ok()?, docker(&format!("{user}:{group}"))?, "{user}:{group}");
    }
    // A number is an ID, and brings nothing along; so does a name with the caller's groups.
    assert_eq!(container.id(suite, &["-a", "-S1234"])?.ok()?, "uid=1234(ann) gid=0(root) groups=0(root)");
    assert!(container.id(suite, &["-a", "-S", "12"])?.ok()?.starts_with("uid=12 gid=0(root)"));
    let preserved = container.id(suite, &["-m", "--privileged", "-S", "ann", "--preserve-credentials"])?.ok()?;
    assert!(preserved.starts_with("uid=1234(ann) gid=0(root)"), "{preserved}");
    for (options, cause) in [
        (&["-S", "eve"][..], "no user is called eve in /etc/passwd"),
        (&["-G", "eve"], "no group is called eve in /etc/group"),
        (&["-S", "ann", "-G", "eve"], "no group is called eve in /etc/group"),
    ] {
        refusal(&container.id(suite, &[&["-a"], options].concat())?, 125, &[cause]);
    }
    for strange in ["-1", "4294967295", "99999999999", "ann:staff", "", "a\nb"] {
        assert_eq!(container.id(suite, &["-a", &format!("--setuid={strange}")])?.code(), Some(125), "{strange}");
    }
    Ok(())
}

fn of_the_root_directory_that_is_entered(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let container = Container::start(lab, "nsexec-users-2")?;
    // With the network alone the command runs here.
    let here = output_within(tool("id").arg("daemon"), LIMIT)?.ok()?;
    assert_eq!(container.id(suite, &["-n", "-S", "daemon"])?.ok()?, here);
    refusal(&container.id(suite, &["-n", "-S", "ann"])?, 125, &["no user is called ann"]);
    refusal(&container.id(suite, &["-a", "-S", "daemon"])?, 125, &["no user is called daemon"]);
    // Links stay inside.
    container.run("mkdir -p /x && mv /etc/passwd /x/p && ln -s ../../../../x/p /etc/passwd")?;
    assert!(container.id(suite, &["-a", "-S", "ann"])?.ok()?.starts_with("uid=1234(ann) gid=2345(ann)"));
    container.run("ln -sf /proc/1/root/x/p /etc/passwd")?;
    refusal(&container.id(suite, &["-a", "-S", "ann"])?, 125, &["read /etc/passwd", "ymbolic link"]);
    Ok(())
}

/// What a container can put in place of a file neither keeps us waiting nor fills our memory.
fn files_that_are_none(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let container = Container::start(lab, "nsexec-users-3")?;
    let target = format!("-t{}", lab.host_pid(container.name)?);
    for (make, cause) in [
        ("mkfifo /etc/passwd", "it is not a regular file"),
        ("ln -s /dev/zero /etc/passwd", "it is not a regular file"),
        ("mkdir /etc/passwd", "it is not a regular file"),
        ("truncate -s 1048577 /etc/passwd", "it is longer than 1 MiB"),
        ("true", "No such file"),
    ] {
        // Not by `docker exec`, which itself waits for such a FIFO without end.
        let line = format!("rm -rf /etc/passwd; {make}");
        output_within(tool("nsenter").args([&target, "-m", "sh", "-c", &line]), LIMIT)?.ok()?;
        let words = ["read /etc/passwd in the root directory in which the command runs", cause];
        refusal(&suite.run(&["nicon-nsexec", &target, "-a", "-S", "ann", "id"]), 125, &words);
    }
    // More groups than there can be, in less than 1 MiB.
    let line =
        "echo ann:x:7:8: >/etc/passwd; i=0; while [ $i -lt 80000 ]; do i=$((i+1)); echo ::$i:ann; done >/etc/group";
    output_within(tool("nsenter").args([&target, "-m", "sh", "-c", line]), LIMIT)?.ok()?;
    let ran = suite.run(&["nicon-nsexec", &target, "-a", "-S", "ann", "id"]);
    refusal(&ran, 125, &["set the supplementary groups: 80000 are more than a process can have", "--setgid"]);
    assert_eq!(suite.run(&["nicon-nsexec", &target, "-a", "-S", "ann", "-G", "8", "id", "-u"]).ok()?, "7");
    Ok(())
}

fn a_named_user_has_the_terminal(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let container = Container::start(lab, "nsexec-users-4")?;
    let program = suite.bins()?.join("nicon-nsexec").display().to_string();
    let target = lab.host_pid(container.name)?;
    let line = format!("{program} -t {target} -a -S ann sh -c ': </proc/self/fd/0 && echo opened anew'");
    let ran = output_within(tool("script").args(["-qec", &line, "/dev/null"]), LIMIT)?;
    assert!(ran.ok()?.contains("opened anew"));
    Ok(())
}
