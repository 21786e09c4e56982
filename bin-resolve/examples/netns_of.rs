//! Prints the network namespace of each container that is named: `cargo run --example netns_of -- outer.inner`.

use nicon_core::{Error, NsType, Result};
use nicon_resolve::{Options, Resolver};

fn main() -> Result<()> {
    let resolver = Resolver::new(Options::default())?;
    for path in std::env::args().skip(1) {
        let hit = resolver.find(&path)?;
        // The process is pinned: this is its namespace, whatever becomes of its PID.
        let net = hit.process().namespace_id(NsType::Net)?;
        let net = net.ok_or_else(|| Error::failed("this kernel has no network namespaces"))?;
        println!("{path} net:[{}]", net.ino);
    }
    Ok(())
}
