//! Pins a process and prints its namespaces: `cargo run --example pin -- PID`, where the PID may have an inode number, `42:1234`.

use nicon_core::process::PidInode;
use nicon_core::{Error, NsType, Process, Result};

fn main() -> Result<()> {
    let operand = std::env::args().nth(1).ok_or_else(|| Error::invalid("which PID?"))?;
    let PidInode { pid, pidfs } = operand.parse()?;

    // From here on it is this process, or an error: another one that gets its PID is never taken for it.
    let process = Process::pin(pid)?;
    let inode = process.pidfs()?;
    if pidfs.is_some() && pidfs != inode {
        return Err(Error::no(format!("PID {pid} is another process now")));
    }

    let inode = inode.map_or_else(|| "none before Linux 6.9".to_owned(), |inode| inode.to_string());
    println!("{} (start time {}, inode {inode})", process.command()?, process.starttime()?);
    println!("PIDs, from ours inwards: {:?}", process.nspid()?);
    for ns_type in NsType::ALL {
        match process.namespace_id(ns_type)? {
            Some(id) => println!("{ns_type}:[{}]", id.ino),
            None => println!("{ns_type}: not in this kernel"),
        }
    }
    Ok(())
}
