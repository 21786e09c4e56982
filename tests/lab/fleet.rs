//! A fleet: three machines on a bridge, each with its own systemd, Docker and sshd, which are reached by ssh.

pub mod lab;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::machine::Machine;
use crate::{LIMIT, bins, isolate, output_within, tool};

/// Their names; the last digit of their addresses is one more than the place here.
pub const NAMES: [&str; 3] = ["lab1", "lab2", "lab3"];

/// Their addresses of IPv4.
pub const ADDRESSES: [&str; 3] = ["198.51.100.1", "198.51.100.2", "198.51.100.3"];

/// What each machine does when it is raised: it gets its name and addresses, and lets the one with the key in. It has nicon in PATH.
const RAISED: &str = "hostname $1 && printf '%s\\n' '127.0.0.1 localhost' \"127.0.1.1 $1\" \\
        '198.51.100.1 lab1.fleet' '198.51.100.2 lab2.fleet' '198.51.100.3 lab3.fleet' \\
        '2001:db8:f::1 lab1.fleet lab1.six' '2001:db8:f::2 lab2.fleet lab2.six' '2001:db8:f::3 lab3.fleet lab3.six' >/etc/hosts &&
    ip addr add 198.51.100.$2/24 dev eth0 && ip addr add 2001:db8:f::$2/64 dev eth0 nodad && ip link set eth0 up &&
    ln -s /opt/nicon/nicon* /usr/local/bin/ &&
    mkdir -p -m 700 /root/.ssh && echo \"$3\" >/root/.ssh/authorized_keys &&
    systemctl start ssh docker && docker import /var/tmp/image.tar image";

/// The machines, and a directory for what is told to ssh and Ansible.
pub struct Fleet {
    root: PathBuf,
    programs: PathBuf,
    directory: PathBuf,
    machines: Mutex<[Option<Arc<Machine>>; 3]>,
}

impl Fleet {
    /// Raises the machines from their root file system. It puts the caller into namespaces of its own.
    ///
    /// # Errors
    /// When one does not come up.
    pub fn raise(root: PathBuf) -> Result<Self, String> {
        let programs = bins()?;
        isolate()?;
        // It is our own /run.
        let directory = PathBuf::from("/run/fleet");
        let fleet = Self { root, programs, directory, machines: Mutex::default() };
        fleet.prepare_ssh()?;
        run(tool("ip").args(["link", "add", "fleet0", "type", "bridge"]))?;
        run(tool("ip").args(["addr", "add", "198.51.100.254/24", "dev", "fleet0"]))?;
        run(tool("ip").args(["link", "set", "fleet0", "up"]))?;
        for at in 0..NAMES.len() {
            fleet.raise_machine(at)?;
        }
        Ok(fleet)
    }

    /// A key, and how the machines are reached, where every ssh of ours looks, and nobody else's.
    fn prepare_ssh(&self) -> Result<(), String> {
        let text = |error: std::io::Error| error.to_string();
        let ssh = self.directory.join("ssh");
        fs::create_dir_all(&ssh).map_err(text)?;
        let key = self.directory.join("key");
        run(tool("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key))?;
        let host = |(name, address)| format!("Host {name}\n  HostName {address}\n");
        let hosts = NAMES.iter().zip(ADDRESSES).map(host).collect::<String>();
        let options = "  User root\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n  ConnectTimeout 5\n";
        let options = format!("{hosts}Host lab*\n{options}  IdentityFile {}\n", key.display());
        fs::write(ssh.join("fleet.conf"), options).map_err(text)?;
        run(tool("mount").arg("--bind").arg(&ssh).arg("/etc/ssh/ssh_config.d"))?;
        fs::write(self.directory.join("inventory"), NAMES.join("\n") + "\n").map_err(text)
    }

    /// Raises a machine that is not there. It runs no containers yet.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn raise_machine(&self, at: usize) -> Result<(), String> {
        let machine = Machine::start(&self.root, &self.programs)?;
        let (leg, pid) = (format!("leg{at}"), machine.pid().to_string());
        run(tool("ip").args(["link", "add", &leg, "type", "veth", "peer", "name", "eth0", "netns", &pid]))?;
        // A network card keeps its address when its machine is started again.
        machine.script("ip link set eth0 address 02:00:5e:00:53:0$1", &[&(at + 1).to_string()])?;
        run(tool("ip").args(["link", "set", &leg, "master", "fleet0", "up"]))?;
        let key = fs::read_to_string(self.directory.join("key.pub")).map_err(|error| error.to_string())?;
        machine.script(RAISED, &[NAMES[at], &(at + 1).to_string(), key.trim()])?;
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(Arc::new(machine));
        let give_up = Instant::now() + LIMIT;
        loop {
            match output_within(tool("ssh").args([NAMES[at], "true"]), LIMIT)?.ok() {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > give_up => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Ends a machine at once, with all that runs there.
    pub fn kill_machine(&self, at: usize) {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)[at] = None;
    }

    /// A machine that is there.
    ///
    /// # Errors
    /// When it is not.
    pub fn machine(&self, at: usize) -> Result<Arc<Machine>, String> {
        let machine = self.machines.lock().unwrap_or_else(PoisonError::into_inner)[at].clone();
        machine.ok_or_else(|| format!("{} is not there", NAMES[at]))
    }

    /// The directory of the inventory, which is nobody else's.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes a file beside the inventory.
    ///
    /// # Errors
    /// When that fails.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.directory.join(name);
        fs::write(&path, text).map_err(|error| error.to_string())?;
        Ok(path)
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    output_within(command, LIMIT)?.ok().map(drop)
}
