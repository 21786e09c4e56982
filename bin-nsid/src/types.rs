//! The option that both programs have: which types of namespace matter.

use nicon_core::NsType;

/// The chosen types of namespace.
#[derive(Debug, clap::Args)]
pub(crate) struct Types {
    /// Only these types of namespace: user, cgroup, ipc, uts, net, pid, mnt, time
    #[arg(short = 'T', long = "type", value_name = "TYPE", value_delimiter = ',')]
    types: Vec<NsType>,
}

impl Types {
    /// The chosen ones; all where none is named.
    pub(crate) fn chosen(&self) -> &[NsType] {
        if self.types.is_empty() { &NsType::ALL } else { &self.types }
    }
}
