//! Whose a monitor is, as seen from the site that is searched: anybody can run a program called like one. It stands for root there
//! only if it has what root has: in the same user namespace, on our side as root, and in the same mount namespace or with
//! `CAP_SYS_ADMIN`. In a user namespace that belongs to a user, it stands for that user, and is bound like their engines.

use nicon_core::{Error, Namespace, NsId, NsType, Process, Result};

use crate::proof::cgroup::{are_in_different_containers, is_in_a_container};
use crate::query::Kind;

/// What `CAP_SYS_ADMIN` is in `CapEff` of /proc/PID/status: `capabilities(7)`.
const SYS_ADMIN: u64 = 1 << 21;

/// Whose a monitor is.
#[derive(Debug, PartialEq)]
pub(crate) enum Standing {
    /// Root's of the site.
    Roots,
    Users(UsernsOwner),
    /// It is of the site, but not believed, and why.
    Doubtful(&'static str),
    /// Another site's, or of somebody who cannot run containers.
    Foreign,
}

/// A user who has user namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UsernsOwner {
    /// The user ID as we see it, and as the site does.
    pub(crate) uid: u32,
    pub(crate) uid_there: u32,
}

/// The site that is searched, by a process in it, and ourselves.
pub(crate) struct Vantage<'a> {
    pub(crate) around: &'a Process,
    pub(crate) myself: &'a Process,
    /// Whether the site is a container that does so.
    pub(crate) shares_our_pidns: bool,
}

impl Vantage<'_> {
    /// Whose this process is.
    ///
    /// # Errors
    /// If it is gone, or may not be inspected.
    pub(crate) fn standing_of(&self, process: &Process, kind: Kind) -> Result<Standing> {
        let is_same = |of: NsType| Ok::<_, Error>(process.namespace_id(of)? == self.around.namespace_id(of)?);
        let is_elsewhere = || {
            let around = self.around.read("cgroup")?;
            // A container that shares our PID namespace sees all that is ours.
            let is_unknown = self.shares_our_pidns && !is_in_a_container(&around);
            Ok::<_, Error>(is_unknown || are_in_different_containers(&process.read("cgroup")?, &around))
        };
        if is_same(NsType::User)? {
            let uids = process.uids()?;
            if self.is_in_our_userns(process)? && uids != [0; 4] {
                // LXC's monitors of an ordinary user are beside the user namespaces of their containers.
                let is_users = kind == Kind::Lxc && uids == [uids[0]; 4] && !is_elsewhere()?;
                let uid_there = seen_inside(&self.around.read("uid_map")?, uids[0]).filter(|_| is_users);
                let user = uid_there.map(|uid_there| UsernsOwner { uid: uids[0], uid_there });
                return Ok(user.map_or(Standing::Foreign, Standing::Users));
            }
            if is_same(NsType::Mnt)? {
                return Ok(Standing::Roots);
            }
            return Ok(match (is_elsewhere()?, may_administer(&process.read("status")?)) {
                (true, _) => Standing::Foreign,
                (false, true) => Standing::Roots,
                (false, false) => Standing::Doubtful(
                    "it is in another mount namespace, and has not the rights of root (CAP_SYS_ADMIN)",
                ),
            });
        }
        if is_elsewhere()? {
            return Ok(Standing::Foreign);
        }
        let around = self.around.namespace_id(NsType::User)?;
        let Some(outermost) = outermost_below(process.namespace(NsType::User)?, around)? else {
            return Ok(Standing::Foreign);
        };
        let uid = outermost.owner_uid()?;
        Ok(match seen_inside(&self.around.read("uid_map")?, uid) {
            Some(0) => Standing::Doubtful("it is in a user namespace of root's, in which anybody may be"),
            Some(uid_there) => Standing::Users(UsernsOwner { uid, uid_there }),
            None => Standing::Foreign,
        })
    }

    /// Whether root in there is root here.
    pub(crate) fn is_in_our_userns(&self, process: &Process) -> Result<bool> {
        Ok(process.namespace_id(NsType::User)? == self.myself.namespace_id(NsType::User)?)
    }
}

/// Of this user namespace and those above it, the outermost that is below `bound`; `None` if it is not below that.
fn outermost_below(namespace: Namespace, bound: Option<NsId>) -> Result<Option<Namespace>> {
    let (mut inner, mut next) = (None, Some(namespace));
    while let Some(namespace) = next {
        if Some(namespace.id()) == bound {
            return Ok(inner);
        }
        next = namespace.parent()?;
        inner = Some(namespace);
    }
    Ok(None)
}

fn may_administer(status: &str) -> bool {
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).is_some_and(|bits| bits & SYS_ADMIN != 0)
}

/// What a user ID of ours is in the user namespace with this map: see `user_namespaces(7)`.
fn seen_inside(map: &str, uid: u32) -> Option<u32> {
    map.lines().find_map(|line| {
        let mut fields = line.split_whitespace().map(|field| field.parse::<u32>().ok());
        let (inside, outside, count) = (fields.next()??, fields.next()??, fields.next()??);
        let offset = uid.checked_sub(outside).filter(|offset| *offset < count)?;
        inside.checked_add(offset)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ids_inside() {
        let map = "         0       1020          1\n         1     100000      65536\n";
        for (uid, expected) in
            [(1020, Some(0)), (100_000, Some(1)), (165_535, Some(65536)), (165_536, None), (0, None), (1021, None)]
        {
            assert_eq!(seen_inside(map, uid), expected, "{uid}");
        }
        assert_eq!(seen_inside("         0          0 4294967295\n", 7), Some(7));
        assert_eq!(seen_inside("x\n", 7), None);
    }

    #[test]
    fn rights_of_root() {
        assert!(may_administer("Name:\tx\nCapEff:\t000001ffffffffff\n"));
        assert!(!may_administer("Name:\tx\nCapEff:\t00000000a80425fb\n"));
        assert!(!may_administer(""));
    }

    #[test]
    fn we_stand_for_ourselves() {
        let myself = Process::myself().unwrap();
        let vantage = Vantage { around: &myself, myself: &myself, shares_our_pidns: false };
        let is_root = myself.uids().unwrap() == [0; 4];
        let expected = if is_root { Standing::Roots } else { Standing::Foreign };
        assert_eq!(vantage.standing_of(&myself, Kind::Podman).unwrap(), expected);
    }
}
