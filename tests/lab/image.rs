//! The image of the lab's containers, made of nothing: no image can be pulled where there is no network.
//!
//! It holds a few links, empty directories and the settings of a nested daemon. The machine's /usr is bound into each
//! container, so its programs are there at every level without a copy.

use crate::{LIMIT, LabName, output_within, tool};
use serde_json::json;
use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// Name of the image in each daemon.
pub(crate) const IMAGE: &str = "nicon-lab";

/// What belongs to one lab, on the runner's private /run.
pub(crate) fn directory(name: LabName) -> PathBuf {
    Path::new("/run").join(name.to_string())
}

/// The image as a file, for `docker import`.
pub(crate) fn archive(name: LabName) -> PathBuf {
    directory(name).join("image.tar")
}

fn root(name: LabName) -> PathBuf {
    directory(name).join("image")
}

/// The settings of all the daemons, read by the inner ones from the image.
pub(crate) fn daemon_settings(name: LabName) -> PathBuf {
    root(name).join("etc/docker/daemon.json")
}

/// Writes the image.
pub(crate) fn write(name: LabName) -> Result<(), String> {
    write_root(name).map_err(|error| format!("write the image: {error}"))?;
    let mut tar = tool("tar");
    tar.arg("-C").arg(root(name)).arg("-cf").arg(archive(name)).arg(".");
    output_within(&mut tar, LIMIT)?.ok().map(drop)
}

fn write_root(name: LabName) -> io::Result<()> {
    let root = root(name);
    for directory in ["dev", "etc/docker", "proc", "root", "run", "sys", "tmp", "usr", "var/lib"] {
        fs::create_dir_all(root.join(directory))?;
    }
    symlink("/run", root.join("var/run"))?;
    for link in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
        if let Ok(target) = fs::read_link(Path::new("/").join(link)) {
            symlink(target, root.join(link))?;
        }
    }
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
    fs::write(root.join("etc/group"), "root:x:0:\ndocker:x:1:\n")?;
    fs::write(daemon_settings(name), settings(name).to_string())
}

/// Every container of every level gets its cgroup right below the lab's: on cgroup v2 a cgroup with both processes and
/// children is refused, and one directory is easy to sweep. The cgroupfs driver leaves the machine's systemd alone.
fn settings(name: LabName) -> serde_json::Value {
    json!({
        "bridge": "none",
        "cgroup-parent": format!("/{name}"),
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "ip-forward": false,
        "iptables": false,
        "storage-driver": "overlay2",
    })
}
