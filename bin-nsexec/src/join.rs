//! What is joined and gone to: namespaces, cgroups, directories.

pub(crate) mod cgroup;
pub(crate) mod directories;
pub(crate) mod file_owners;
pub(crate) mod namespaces;
