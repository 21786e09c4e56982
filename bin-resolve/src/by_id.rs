//! Finds a container by the beginning of its ID.

use nicon_core::container::is_id;
use nicon_core::{Error, Result};
use nix::errno::Errno;

use crate::claim::Found;
use crate::container::{brief, short};
use crate::kind::Qualifier;
use crate::listing::State;
use crate::name::show;
use crate::roster::{Member, Roster};
use crate::scope::Scope;

/// How many containers are named if several have such an ID.
const MAX_SHOWN: usize = 5;

impl Scope<'_> {
    /// Finds the only container whose ID begins with `digits`, running or not, among those of all engines that are asked.
    ///
    /// The engines' own look-up is of no use here: it prefers a container of that name, and knows only its own.
    ///
    /// # Errors
    /// [`Status::No`](nicon_core::Status::No) if there is none, or it does not run;
    /// [`Status::Failed`](nicon_core::Status::Failed) if there are several, or an engine failed.
    pub(crate) async fn find_by_id(&self, digits: &str) -> Result<Found> {
        let any = Qualifier::default();
        let near = choose_among(digits, &Roster::of(self.list_near(&any, State::Any).await?))?;
        let found = match near {
            Some(member) => Some(member),
            None => choose_among(digits, &Roster::of(self.list_others(&any, State::Any).await?))?,
        };
        match found {
            Some(member) => self.find_listed(&member).await,
            None => Err(Error::no(format!("no container has an ID that begins with \"{digits}\""))),
        }
    }
}

/// The container that is meant by `digits`; `None` if there is none.
fn choose_among(digits: &str, list: &Roster) -> Result<Option<Member>> {
    // A permission for one engine is enough, as it is for a name.
    let is_grave = |error: &&Error| !matches!(error.errno(), Some(Errno::EACCES | Errno::EPERM));
    let refusal = list.failures.iter().find(is_grave).cloned();
    // The directories tell the IDs of containers whose own files cannot be read. A whole ID is nobody else's.
    let unread = list.unread.iter().find(is_grave).filter(|_| !is_id(digits)).cloned();
    match (choose(digits, &list.members)?, refusal, unread) {
        (Some(member), None, None) => Ok(Some(member.clone())),
        (Some(member), Some(refusal), _) => {
            let kind = member.kind.name();
            Err(refusal.and_say(&format!(" (it may have such an ID, too; to ask only {kind}, say --engine {kind})")))
        }
        (Some(member), None, Some(unread)) => {
            let Member { id, segment, .. } = member;
            Err(unread.and_say(&format!(" (such an ID may be there, too; if {id} is meant, say {segment}, or that)")))
        }
        (None, Some(error), _) | (None, None, Some(error)) => Err(error),
        (None, None, None) => Ok(None),
    }
}

/// The container with this ID or, if there is none, the only one whose ID begins so.
fn choose<'a>(digits: &str, members: &'a [Member]) -> Result<Option<&'a Member>> {
    let exact: Vec<_> = members.iter().filter(|member| member.id == digits).collect();
    match exact[..] {
        [] => {}
        [only] => return Ok(Some(only)),
        _ => {
            let way = |member: &&Member| {
                let of = Qualifier { namespace: member.namespace.clone(), ..member.address().qualifier() };
                show(&[format!("{of}{digits}")])
            };
            let ways: Vec<_> = exact.iter().map(way).collect();
            return Err(Error::failed(format!("ID \"{digits}\" is ambiguous: say {}", ways.join(" or "))));
        }
    }
    let fitting: Vec<_> = members.iter().filter(|member| member.id.starts_with(digits)).collect();
    match fitting[..] {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        _ => {
            Err(Error::failed(format!("ID \"{digits}\" is ambiguous: {} begin so: {}", fitting.len(), shown(&fitting))))
        }
    }
}

/// The IDs of containers, as far as there is room for them.
pub(crate) fn shown(members: &[&Member]) -> String {
    let mut ids: Vec<_> = members.iter().take(MAX_SHOWN).map(|member| short(&member.id)).collect();
    if members.len() > MAX_SHOWN {
        ids.push("...");
    }
    brief(&ids.join(", "))
}
