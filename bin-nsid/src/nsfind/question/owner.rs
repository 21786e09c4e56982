//! Whose namespaces are asked for.

use std::path::Path;
use std::str::FromStr;

use nicon_core::{Error, NsType, Result, ns};

use crate::holding::ancestry::Ancestry;
use crate::question::query;

/// The owner of namespaces; see `ioctl_nsfs(2)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The user namespace that owns them, by inode number.
    Namespace(u64),
    /// The user who created the user namespace that owns them, or them.
    User(u32),
}

impl Owner {
    /// Whether a namespace has this owner; `None` if it is not known which it has.
    pub(crate) fn owns(&self, ino: u64, ancestry: &Ancestry) -> Option<bool> {
        let relations = ancestry.of(ino)?;
        Some(match self {
            Self::Namespace(owner) => relations.owner == Some(*owner),
            Self::User(user) => {
                let creator = relations.uid.or_else(|| ancestry.of(relations.owner?)?.uid);
                creator == Some(*user)
            }
        })
    }
}

impl FromStr for Owner {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.contains('/') {
            let namespace = query::open(Path::new(text))?;
            if namespace.ns_type()? != NsType::User {
                return Err(Error::invalid(format!("{text} is not a user namespace")));
            }
            return Ok(Self::Namespace(namespace.id().ino));
        }
        match (ns::parse_link(text), text.parse()) {
            (Some((NsType::User, ino)), _) => Ok(Self::Namespace(ino)),
            (None, Ok(user)) if text.starts_with(|c: char| c.is_ascii_digit()) => Ok(Self::User(user)),
            _ => Err(Error::invalid(format!("\"{text}\" is neither user:[INODE], /proc/PID/ns/user, nor a user ID"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_user_namespaces_or_users() {
        let own = std::fs::read_link("/proc/self/ns/user").unwrap();
        let own: Owner = own.to_str().unwrap().parse().unwrap();
        assert_eq!("/proc/self/ns/user".parse::<Owner>().unwrap(), own);
        assert_eq!("1000".parse::<Owner>().unwrap(), Owner::User(1000));
        for bad in ["", "root", "+1", "-1", "net:[7]", "user:[]", "/proc/self/ns/net", "/proc/self", "99999999999"] {
            assert!(bad.parse::<Owner>().is_err(), "{bad}");
        }
    }
}
