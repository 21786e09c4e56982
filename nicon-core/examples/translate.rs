//! Which process of ours has PID 7 in there? `cargo run --example translate -- 7 PID_OF_ANY_PROCESS_IN_THERE`

use nicon_core::pidns::{self, Method};
use nicon_core::{Error, NsType, Process, Result};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<i32>());
    let (Some(Ok(inner)), Some(Ok(member))) = (arguments.next(), arguments.next()) else {
        return Err(Error::invalid("two numbers, please: a PID in there, and one of ours for who is in there"));
    };

    // The namespace stays open, so it cannot be replaced by another one meanwhile.
    let pidns = Process::pin(member)?.namespace(NsType::Pid)?;
    let process = pidns::pin(&pidns, inner, Method::Auto)?;
    println!("PID {inner} in PID namespace {} is our {}: {}", pidns.id().ino, process.pid(), process.command()?);
    Ok(())
}
