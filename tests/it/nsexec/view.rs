//! `nicon-nsexec --view`: the machine's own tools, in a container whose image is one static program.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_of_input, output_within, tool, until, witness};

use crate::nsexec::as_nsenter::{CONTAINER, Cell, Scratch};
use crate::support::expect::refusal;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::view::links_names_and_files", links_names_and_files),
        suite.trial("nsexec::view::tools", tools),
        suite.trial("nsexec::view::processes_of_its_pid_namespace", processes_of_its_pid_namespace),
        suite.trial("nsexec::view::nothing_is_left_behind", nothing_is_left_behind),
        suite.trial("nsexec::view::a_named_network_namespace", a_named_network_namespace),
        suite.trial("nsexec::view::a_named_file_that_the_machine_lacks", a_named_file_that_the_machine_lacks),
        suite.trial("nsexec::view::a_container_of_ones_own", a_container_of_ones_own),
        suite.trial("nsexec::view::what_contradicts_it", what_contradicts_it),
        suite.trial("nsexec::view::no_name_service_of_the_machines", no_name_service_of_the_machines),
    ]
}

/// A container without a shell, a library or anything else but one program.
pub(crate) struct Static<'a> {
    lab: &'a Lab,
    name: &'static str,
    pub(crate) pid: u32,
    _directory: Scratch,
}

impl<'a> Static<'a> {
    /// Its name is for one test alone.
    pub(crate) fn run(lab: &'a Lab, name: &'static str) -> Result<Self, Failed> {
        let directory = Scratch::new(&format!("static-{name}"))?;
        let program = format!("{}/server", directory.0);
        output_of_input(
            tool("cc").args(["-static", "-g", "-x", "c", "-o", &program, "-"]),
            include_str!("view.c"),
            LIMIT,
        )?
        .ok()?;
        let archive = Command::new("tar").args(["-C", &directory.0, "-cf", "-", "server"]).output()?.stdout;
        output_of_input(&mut lab.command("", &["docker", "import", "-", name]), archive, LIMIT)?.ok()?;
        let options = ["--network=none", "--stop-signal=KILL", "--security-opt=apparmor=unconfined", "--detach"];
        let hosts = ["--hostname", name, "--add-host=inside.test:127.0.0.1", "--dns=10.9.8.7", "--name", name, name];
        lab.docker("", &[&["run"], &options[..], &hosts, &["/server"]].concat())?.ok()?;
        let pid = lab.docker("", &["inspect", "--format={{.State.Pid}}", name])?.ok()?;
        let pid = lab.pid_from("", &pid)?;
        let add = ["-t", &pid.to_string(), "-n", "ip", "link", "add", "view0", "type", "veth", "peer", "name", "view1"];
        output_within(tool("nsenter").args(add), LIMIT)?.ok()?;
        Ok(Self { lab, name, pid, _directory: directory })
    }

    pub(crate) fn target(&self) -> String {
        format!("-t{}", self.pid)
    }

    /// A file of it, by way of /proc.
    fn file(&self, path: &str) -> std::io::Result<String> {
        fs::read_to_string(format!("/proc/{}/root{path}", self.pid))
    }
}

impl Drop for Static<'_> {
    fn drop(&mut self) {
        let _ = self.lab.remove("", self.name);
        let _ = self.lab.docker("", &["rmi", self.name]);
    }
}

/// Runs a line of shell with this view.
pub(crate) fn viewing(suite: &Suite, target: &str, line: &str) -> Ran {
    suite.run(&["nicon-nsexec", target, "--net", "--view", "sh", "-c", line])
}

fn links_names_and_files(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let container = Static::run(lab, "view-files")?;
    let target = container.target();
    let view = |line: &str| viewing(suite, &target, line).ok();
    let links: serde_json::Value =
        serde_json::from_str(&output_within(tool("nsenter").args([&target, "-n", "ip", "-j", "link"]), LIMIT)?.ok()?)?;
    let links: BTreeSet<_> =
        links.as_array().ok_or("no list")?.iter().filter_map(|link| link["ifname"].as_str()).collect();
    assert!(links.contains("view0"), "{links:?}");
    assert_eq!(view("ls /sys/class/net")?.lines().collect::<BTreeSet<_>>(), links);
    assert_eq!(view("cat /sys/class/net/view0/operstate /sys/class/net/lo/ifindex")?, "down\n1");
    for path in ["/etc/resolv.conf", "/etc/hosts"] {
        let theirs = container.file(path)?;
        assert_eq!(view(&format!("cat {path}"))?, theirs.trim_end(), "{path}");
        assert_ne!(fs::read_to_string(path).unwrap_or_default(), theirs, "{path}: it proves nothing");
    }
    assert!(view("getent hosts inside.test")?.starts_with("127.0.0.1"));
    // Its files, which are only to be read.
    assert_eq!(view("cat $NICON_ROOT/etc/hostname; ls $NICON_ROOT")?.lines().next(), Some("view-files"));
    assert_eq!(view("cmp $NICON_ROOT/server /run/static-view-files/server && echo $NICON_ROOT")?, "/mnt");
    for line in ["echo >/mnt/x", "echo >/etc/hosts", "/mnt/server", "mv /etc/resolv.conf /etc/x"] {
        assert_ne!(viewing(suite, &target, line).code(), Some(0), "{line}");
    }
    // The rest is the caller's: user, capabilities, processes, the other namespaces, what is mounted in /sys.
    let status = "grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)' /proc/self/status; ls /sys/fs/cgroup; readlink /proc/self/ns/pid; \
        cat /proc/self/cgroup /proc/self/attr/current; ulimit -a";
    let plain = suite.run(&["nicon-nsexec", &target, "--net", "sh", "-c", status]).ok()?;
    assert_eq!(view(status)?, plain);
    assert_eq!(view("readlink /proc/self/ns/net")?, witness::ns_link(container.pid, "net").ok_or("gone")?);
    // Without its network namespace only its files are shown.
    let ran = suite
        .run(&["nicon-nsexec", &target, "--view", "sh", "-c", "ls /mnt/server; cat /etc/hosts; ls /sys/class/net"])
        .ok()?;
    let own =
        output_within(tool("sh").args(["-c", "echo /mnt/server; cat /etc/hosts; ls /sys/class/net"]), LIMIT)?.ok()?;
    assert_eq!(ran, own);
    Ok(())
}

fn tools(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let container = Static::run(lab, "view-tools")?;
    let target = container.target();
    let pid = container.pid;
    output_within(tool("nsenter").args([&target, "-n", "ip", "link", "set", "lo", "up"]), LIMIT)?.ok()?;
    let view = |line: &str| viewing(suite, &target, line);
    assert_eq!(view("curl -sS http://inside.test:8080/").ok()?, "hello");
    assert!(view("ss -Htln sport = :8080").ok()?.contains(":8080"));
    // The first packet of a connection that begins once tcpdump says that it listens.
    let capture = "exec 3>&1; { tcpdump -Z root -nn -i lo -c 1 'tcp dst port 8080' 2>&3; } 3>&1 | \
        while read -r line; do echo \"$line\"; case $line in *'listening on'*) curl -sS http://inside.test:8080/ & ;; esac; done";
    let captured = view(capture).ok()?;
    assert!(captured.contains("127.0.0.1.8080: Flags [S]") && captured.contains("hello"), "{captured}");
    let traced = format!(
        "strace -qq -e trace=accept -o /run/view-strace -p {pid} & until grep -q TracerPid:.[1-9] /proc/{pid}/status; do :; done; \
         curl -sS http://inside.test:8080/; curl -sS http://inside.test:8080/; kill $!; wait; cat /run/view-strace; rm /run/view-strace"
    );
    let traced = view(&traced).ok()?;
    assert!(traced.contains("accept("), "{traced}");
    let stack = view(&format!("gdb -nx -batch -p {pid} -ex bt 2>/dev/null")).ok()?;
    assert!(stack.contains(" main ()") || stack.contains("main () at"), "{stack}");
    Ok(())
}

fn processes_of_its_pid_namespace(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let container = Static::run(lab, "view-pids")?;
    let target = container.target();
    let options = ["nicon-nsexec", &target, "--net", "--pid", "--view"];
    let ran = suite.run(&[&options[..], &["true"]].concat());
    refusal(&ran, 125, &["could take over a command", "--privileged permits it"]);
    let view = |line: &str| suite.run(&[&options[..], &["--privileged", "sh", "-c", line]].concat());
    assert_eq!(view("ps -o args= -p 1; readlink /proc/self/ns/pid").ok()?, {
        let pid = witness::ns_link(container.pid, "pid").ok_or("gone")?;
        format!("/server\n{pid}")
    });
    // The machine's own are out of sight.
    assert_eq!(view("ps -e -o comm=").ok()?, "server\nsh\nps");
    let stack = view("gdb -nx -batch -p 1 -ex bt 2>/dev/null").ok()?;
    assert!(stack.contains("main ()"), "{stack}");
    assert_eq!(view("timeout --preserve-status --signal=INT 5 strace -qq -p 1 2>&1 | head -c 7").ok()?, "accept(");
    let ran = suite.run(&[&options[..], &["--privileged", "-S1", "true"]].concat());
    refusal(&ran, 125, &["mount the /proc of its PID namespace", "--setuid gives up", "Operation not permitted"]);
    Ok(())
}

/// All that could show a mount, or a file that was made for one; in /run other tests are at work.
fn surroundings(pid: u32) -> String {
    let list = |directory: &str| fs::read_dir(directory).map_or(0, Iterator::count);
    let counts = ["/etc", "/mnt", "/var/lib", "/run/nicon"].map(list);
    let mounts = |pid: &str| {
        let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
        mounts.lines().filter(|line| !line.contains(" /run/")).collect::<Vec<_>>().join("\n")
    };
    format!("{counts:?}\n{}\n{}\n{}", mounts("self"), mounts("1"), mounts(&pid.to_string()))
}

fn nothing_is_left_behind(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let container = Static::run(lab, "view-traces")?;
    let before = surroundings(container.pid);
    let mut command = suite.command("nicon-nsexec")?;
    command.args([
        &container.target(),
        "--net",
        "--view",
        "sh",
        "-c",
        "mount -t tmpfs none /tmp; readlink /proc/self/ns/mnt; exec sleep 600",
    ]);
    let mut child = Cell(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
    let pid = child.0.id();
    until("sleep", || fs::read_to_string(format!("/proc/{pid}/comm")).ok().filter(|name| name == "sleep\n"));
    let link = witness::ns_link(pid, "mnt").ok_or("gone")?;
    // As long as it is held, no namespace that another test makes gets its number.
    let held = fs::File::open(format!("/proc/{pid}/ns/mnt"))?;
    assert_ne!(Some(&link), witness::ns_link(std::process::id(), "mnt").as_ref());
    assert_ne!(Some(&link), witness::ns_link(container.pid, "mnt").as_ref());
    assert_eq!(surroundings(container.pid), before, "while it runs");
    child.0.kill()?;
    child.0.wait()?;
    assert_eq!(surroundings(container.pid), before, "afterwards");
    assert_eq!(witness::first_process_of(&link), None, "somebody is still in it");
    drop(held);
    Ok(())
}

fn a_named_network_namespace(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let nsexec = suite.bins()?.join("nicon-nsexec").display().to_string();
    // An /etc of its own, since the machine's is not for a test to write to.
    let prepare = "mount -t tmpfs none /mnt && cp -a /etc/passwd /etc/group /mnt && mkdir -p /mnt/netns/view-named && touch /mnt/resolv.conf && \
        echo 'nameserver 10.0.0.53' >/mnt/netns/view-named/resolv.conf && mount --move /mnt /etc && ip netns add view-named";
    let look = "sh -c 'cat /etc/resolv.conf; ls /sys/class/net; readlink /proc/self/ns/net; ls /mnt | wc -l; echo ${NICON_ROOT-none}'";
    let script = format!(
        "{prepare}; {nsexec} --net=view-named --view {look}; ip netns exec view-named {look}; {nsexec} -n=view-named readlink /proc/self/ns/net;
         {nsexec} --net=/run/netns/view-named --view cat /etc/resolv.conf; cd /run/netns; {nsexec} --net=./view-named true; ip netns del view-named;
         {nsexec} --net=view-named true"
    );
    let ran = output_within(tool("unshare").args(["-m", "sh", "-c", &script]), LIMIT)?;
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let [ours @ .., link, resolv] = &lines[..] else { panic!("{ran:?}") };
    let (ours, theirs) = ours.split_at(ours.len() / 2);
    assert_eq!(ours, theirs, "{ran:?}");
    assert_eq!((ours[0], *link, *resolv), ("nameserver 10.0.0.53", ours[2], "nameserver 10.0.0.53"), "{ran:?}");
    assert_eq!(ran.stderr, "nicon-nsexec: open /run/netns/view-named: No such file or directory\n");
    assert_eq!(ran.code(), Some(125));
    Ok(())
}

/// As `ip netns exec`, it goes on without the file.
fn a_named_file_that_the_machine_lacks(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let nsexec = suite.bins()?.join("nicon-nsexec").display().to_string();
    let script = format!(
        "mount -t tmpfs none /mnt && mkdir -p /mnt/netns/view-lacking && echo here >/mnt/netns/view-lacking/here && touch /mnt/here && \
         touch /mnt/netns/view-lacking/absent && mount --move /mnt /etc && ip netns add view-lacking
         {nsexec} --net=view-lacking --view cat /etc/here; ip netns exec view-lacking cat /etc/here; ip netns del view-lacking"
    );
    let ran = output_within(tool("unshare").args(["-m", "sh", "-c", &script]), LIMIT)?;
    assert_eq!(ran.stdout, "here\nhere\n", "{ran:?}");
    let told = "nicon-nsexec: /etc/netns/view-lacking/absent is not shown: there is no /etc/absent to mount it on\n";
    assert!(ran.stderr.starts_with(told) && ran.stderr.contains("/etc/absent failed"), "{ran:?}");
    Ok(())
}

/// An ordinary user's, with and without the user namespace that belongs to it.
fn a_container_of_ones_own(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    const USER: u32 = 12345;
    let nsexec = "/run/nsexec-view-user";
    nicon_lab::copy_program(suite.bins()?.join("nicon-nsexec").display().to_string(), nsexec)?;
    let mut unshare = tool("setpriv");
    unshare.args([
        "--pdeathsig=KILL",
        "unshare",
        "-U",
        "-r",
        "-n",
        "-m",
        "sh",
        "-c",
        "ip link set lo up; echo; exec sleep 600",
    ]);
    let mut cell =
        Cell(unshare.uid(USER).gid(USER).current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
    std::io::Read::read_exact(cell.0.stdout.as_mut().ok_or("no output")?, &mut [0])?;
    let run = |user: u32, options: &[&str]| {
        let mut command = Command::new(nsexec);
        command
            .args([&format!("-t{}", cell.0.id()), "--net", "--view"])
            .args(options)
            .uid(user)
            .gid(user)
            .current_dir("/");
        output_of_input(command.args(["sh", "-c", "cat /sys/class/net/lo/operstate; ls -d /mnt/usr; id -u"]), "", LIMIT)
    };
    for (user, options) in [(USER, &["--user"][..]), (0, &["--user"]), (0, &[])] {
        assert_eq!(run(user, options)?.ok()?, "unknown\n/mnt/usr\n0", "{user} {options:?}");
    }
    assert!(run(USER, &[])?.stderr.contains("join the net namespace"));
    let mut alone = Command::new(nsexec);
    alone.args([&format!("-t{}", cell.0.id()), "--view", "true"]).uid(USER).gid(USER).current_dir("/");
    refusal(
        &output_of_input(&mut alone, "", LIMIT)?,
        125,
        &["make a mount namespace for the view", "--user enters that"],
    );
    fs::remove_file(nsexec)?;
    Ok(())
}

fn what_contradicts_it(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let target = format!("-t{}", lab.host_pid(CONTAINER)?);
    let run = |options: &[&str]| suite.run(&[&["nicon-nsexec", &target, "--view"], options, &["true"]].concat());
    for options in [&["--all"][..], &["--mount"], &["--net", "--mnt", "--privileged"]] {
        refusal(&run(options), 125, &["--view is for the caller's own programs", "--net --uts --ipc --view"]);
    }
    refusal(&run(&["--net", "--pid", "--privileged", "-F"]), 125, &["--view with --pid and --no-fork"]);
    for options in [&["--net", "--env"][..], &["--net", "--root"], &["--net", "--prefix"]] {
        let ran = run(options);
        assert!(ran.code() == Some(125) && ran.stdout.is_empty(), "{ran:?}");
    }
    run(&["--net", "--uts", "--ipc", "--cgroup", "-F"]).ok()?;
    run(&["--net", "-S1", "-G1", "-c"]).ok()?;
    Ok(())
}

/// Daemons of the machine answer for its own network: they are not asked.
fn no_name_service_of_the_machines(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let target = format!("-t{}", lab.host_pid(CONTAINER)?);
    let nsexec = suite.bins()?.join("nicon-nsexec").display().to_string();
    let script = format!(
        "mkdir -p /run/nscd && touch /run/nscd/socket; mount -t tmpfs none /mnt && cp -a /etc/passwd /etc/group /etc/hosts /mnt;
         printf 'passwd: files\\nhosts: mymachines resolve [!UNAVAIL=return] files\\n' >/mnt/nsswitch.conf; ln -s /nowhere/stub /mnt/resolv.conf;
         mount --move /mnt /etc; {nsexec} {target} --net --view sh -c 'cat /etc/nsswitch.conf; ls /var/run/nscd; cat /etc/resolv.conf >&2'"
    );
    let ran = output_within(tool("unshare").args(["-m", "sh", "-c", &script]), LIMIT)?;
    let _ = fs::remove_dir_all("/run/nscd");
    assert_eq!(ran.clone().ok()?, "passwd: files\nhosts: files dns");
    let theirs = lab.exec(CONTAINER, &["cat", "/etc/resolv.conf"])?.ok()?;
    assert_eq!(ran.stderr.trim_end(), theirs);
    Ok(())
}
