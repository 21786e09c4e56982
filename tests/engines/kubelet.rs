//! Kubernetes' part: tests/machine/kubelet does with the runtime what a manifest says, as the kubelet of a node would.

use std::path::{Path, PathBuf};
use std::sync::Once;
use std::{env, fs};

use libtest_mimic::Failed;
use nicon_lab::machine::Machine;
use nicon_lab::{LIMIT, output_within, tool};
use serde_json::{Value, json};

use crate::pods;

/// Makes the image of the machine's programs, as `make dist` does of those that it has built.
const IMAGE: &str = r#"mkdir -p "$2/tree/usr/bin" && cd "$2" &&
    for program in nicon nicon-plan nicon-resolve nicon-wire; do strip -o "tree/usr/bin/$program" "$1/$program" || exit; done &&
    SOURCE_DATE_EPOCH=0 "$3/dist/make-image" "$2/tree" "$(dpkg --print-architecture)" "$4" "$2/nicon""#;

/// Gives the runtime the image of nicon: that of the archive that `NICON_IMAGE` names, such as of `make dist`; else one of the programs
/// that all tests use.
pub(crate) fn prepare(machine: &Machine) {
    static ONCE: Once = Once::new();
    pods::prepare(machine);
    ONCE.call_once(|| {
        let archive = env::var_os("NICON_IMAGE").map_or_else(|| make_image(machine.programs()), PathBuf::from);
        let import = ["ctr", "--namespace", "k8s.io", "images", "import", "-"];
        machine.feed(&import, fs::read(archive).unwrap()).ok().unwrap();
    });
}

/// On the runner's own /run, which ends with it.
fn make_image(programs: &Path) -> PathBuf {
    let (directory, root) = ("/run/image-of-nicon", concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut make = tool("sh");
    // There is no such file, of which buildah complains.
    make.env_remove("DOCKER_CONFIG");
    make.args(["-c", IMAGE, "sh"]).arg(programs).args([directory, root, env!("CARGO_PKG_VERSION")]);
    output_within(&mut make, LIMIT).and_then(|ran| ran.ok()).unwrap();
    Path::new(directory).join("nicon.oci.tar")
}

/// The object of this kind in a file of deploy/kubernetes.
pub(crate) fn object(machine: &Machine, file: &str, kind: &str) -> Result<Value, Failed> {
    object_of(machine, &manifest(file)?, kind)
}

/// What a file of deploy/kubernetes says.
pub(crate) fn manifest(file: &str) -> Result<String, Failed> {
    Ok(fs::read_to_string(format!("{}/../deploy/kubernetes/{file}", env!("CARGO_MANIFEST_DIR")))?)
}

/// The object of this kind in a manifest.
pub(crate) fn object_of(machine: &Machine, text: &str, kind: &str) -> Result<Value, Failed> {
    let objects: Vec<Value> = serde_json::from_str(&machine.feed(&["kubelet", "read"], text).ok()?)?;
    Ok(objects.into_iter().find(|object| object["kind"] == kind).ok_or("no such object")?)
}

/// A `ConfigMap` of one plan, which gets its name.
pub(crate) fn config_map(name: &str, plan: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"lab.yaml": plan}})
}

/// Changes what the volume of a `ConfigMap` says.
pub(crate) fn publish(machine: &Machine, config_map: &Value) -> Result<(), Failed> {
    machine.feed(&["kubelet", "publish"], config_map.to_string()).ok()?;
    Ok(())
}

/// A pod of a workload, such as of a `DaemonSet`, which is removed when this is dropped.
pub(crate) struct Workload<'a> {
    machine: &'a Machine,
    sandbox: String,
    container: String,
}

impl<'a> Workload<'a> {
    pub(crate) fn run(machine: &'a Machine, workload: &Value) -> Result<Self, Failed> {
        let ids = machine.feed(&["kubelet", "run"], workload.to_string()).ok()?;
        let (sandbox, container) = ids.split_once(' ').ok_or("no IDs")?;
        Ok(Self { machine, sandbox: sandbox.to_owned(), container: container.to_owned() })
    }

    /// The PID of its first process.
    pub(crate) fn pid(&self) -> Result<String, Failed> {
        Ok(self.machine.run(&["cri", "pid", &self.container]).ok()?)
    }

    /// What it has printed, each line behind `stdout` or `stderr`.
    pub(crate) fn logs(&self) -> String {
        self.machine.run(&["kubelet", "logs", &self.container]).stdout
    }

    /// Waits for its end; its exit status.
    pub(crate) fn wait(&self) -> Result<String, Failed> {
        Ok(self
            .machine
            .run(&["kubelet", "wait", &self.container])
            .ok()
            .map_err(|error| format!("{error}: {}", self.logs()))?)
    }

    /// Ends it as Kubernetes does; its exit status.
    pub(crate) fn stop(&self) -> Result<String, Failed> {
        self.machine.run(&["kubelet", "stop", &self.container]).ok()?;
        self.wait()
    }
}

impl Drop for Workload<'_> {
    fn drop(&mut self) {
        let _ = self.machine.run(&["cri", "remove", &self.sandbox]);
    }
}
