//! Finds a container by the beginning of its ID.

use nicon_core::container::is_id;
use nicon_core::{Error, Result};

use crate::claim::Found;
use crate::container::{brief_list, short};
use crate::kind::Qualifier;
use crate::listing::State;
use crate::name::show;
use crate::roster::{Member, Roster};
use crate::scope::Scope;

/// How many containers are named if several have such an ID.
const MAX_SHOWN: usize = 5;

impl Scope<'_> {
    /// Finds the only container whose ID begins with `digits`, running or not, among those of all engines that are `of` those asked
    /// for.
    ///
    /// The engines' own look-up is of no use here: it prefers a container of that name, and knows only its own.
    ///
    /// # Errors
    /// [`Status::No`](nicon_core::Status::No) if there is none, or it does not run;
    /// [`Status::Failed`](nicon_core::Status::Failed) if there are several, or an engine failed.
    pub(crate) async fn find_by_id(&self, of: &Qualifier, digits: &str) -> Result<Found> {
        let near = Roster::of(self.list_near(of, State::Any).await?);
        let mut some_there = near.some_there;
        let mut found = choose_among(of, digits, near)?;
        if found.is_none() {
            let others = self.list_others(of, State::Any).await?;
            let may_be_asked = |list: &Result<_>| !list.as_ref().is_err_and(|error| self.is_denied(error));
            let others = Roster::of(others.into_iter().filter(may_be_asked).collect());
            some_there |= others.some_there;
            found = choose_among(of, digits, others)?;
        }
        match found {
            Some(member) => self.find_listed(&member).await,
            None if !some_there => Err(self.no_engine(of)),
            None => Err(Error::no(format!("no container has an ID that begins with \"{digits}\""))),
        }
    }
}

/// The container that is meant by `digits`; `None` if there is none.
fn choose_among(of: &Qualifier, digits: &str, mut list: Roster) -> Result<Option<Member>> {
    list.members.retain(|member| member.is_of(of));
    // A permission for one engine is enough, as it is for a name.
    let is_grave = |error: &&Error| !matches!(error.errno(), Some(nix::libc::EACCES | nix::libc::EPERM));
    let refusal = list.failures.iter().find(is_grave).cloned();
    // The directories tell the IDs of containers whose own files cannot be read. A whole ID is nobody else's.
    let unread = list.unread.iter().find(is_grave).filter(|_| !is_id(digits)).cloned();
    match (choose(digits, &list.members)?, refusal, unread) {
        (Some(member), None, None) => Ok(Some(member.clone())),
        (Some(member), Some(refusal), _) => {
            let address = member.address();
            let way = show(&[format!("{}id:{digits}", address.qualifier())]);
            Err(refusal.suffix(&format!(" (it may have such an ID, too; to ask only {address}, say {way})")))
        }
        (Some(member), None, Some(unread)) => {
            let Member { id, segment, .. } = member;
            Err(unread.suffix(&format!(" (such an ID may be there, too; if {id} is meant, say {segment}, or that)")))
        }
        (None, Some(error), _) | (None, None, Some(error)) => {
            let way_out = format!("; an engine that is named is asked alone, as in docker:id:{digits}");
            let way_out = if *of == Qualifier::default() { &way_out[..] } else { "" };
            Err(error.suffix(&format!(" (so whether a container has an ID \"{digits}..\" is unknown{way_out})")))
        }
        (None, None, None) => Ok(None),
    }
}

/// The container with this ID or, if there is none, the only one whose ID begins so.
fn choose<'a>(digits: &str, members: &'a [Member]) -> Result<Option<&'a Member>> {
    let exact: Vec<_> = members.iter().filter(|member| member.id == digits).collect();
    if exact.len() > 1 {
        let way_out = match ways(&exact) {
            Some(ways) => format!("say {}", ways.join(" or ")),
            None => "begin the path with its process, as in pid:4242".to_owned(),
        };
        return Err(Error::failed(format!("ID \"{digits}\" is ambiguous: {way_out}")));
    }
    if let [only] = exact[..] {
        return Ok(Some(only));
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

/// How each of these, which have the same ID, is named alone; `None` if one of them has no such name.
fn ways(members: &[&Member]) -> Option<Vec<String>> {
    members.iter().map(|member| way(member, members)).collect()
}

fn way(member: &Member, same: &[&Member]) -> Option<String> {
    let addresses: Vec<_> = same.iter().map(|same| same.address()).collect();
    let of = member.address().shortest(&addresses, &Qualifier::default())?;
    Some(show(&[format!("{of}id:{}", member.id)]))
}

/// The IDs of containers, as far as there is room for them: each as it tells this one from the others.
pub(crate) fn shown(members: &[&Member]) -> String {
    let shown = |member: &&Member| {
        let begins_so = |other: &&&Member| short(&other.id) == short(&member.id);
        let rivals: Vec<_> = members.iter().filter(begins_so).copied().collect();
        let same: Vec<_> = rivals.iter().filter(|rival| rival.id == member.id).copied().collect();
        match (rivals.len(), same.len()) {
            (1, _) => short(&member.id).to_owned(),
            (_, 1) => member.id.clone(),
            _ => way(member, &same).unwrap_or_else(|| member.id.clone()),
        }
    };
    brief_list(members.iter().map(shown), ", ", MAX_SHOWN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{Address, Owner};
    use crate::kind::{Kind, Wanted};
    use crate::listing::Listed;
    use crate::root::FileId;

    fn member(id: &str, user: Option<&str>, kind: Kind) -> Member {
        let owner = user.map(|user| Owner { uid: 1, name: user.into() });
        let listed = Listed { id: id.to_owned(), name: "web".to_owned(), namespace: None };
        Member::new(listed, Address { kind, owner, namespace: None }, FileId::default())
    }

    fn asked(path: &str, list: Roster) -> std::result::Result<Option<String>, String> {
        let Ok(Wanted::Id { of, digits }) = Wanted::parse(path) else { panic!("{path}") };
        let chosen = choose_among(&of, digits, list).map_err(|error| error.to_string());
        chosen.map(|member| member.map(|member| member.address().to_string()))
    }

    #[test]
    fn an_id_that_several_claim_has_a_way_out() {
        let id = &"c6".repeat(32)[..];
        let list = || Roster {
            members: vec![
                member(id, Some("mal"), Kind::Docker),
                member(id, Some("dave"), Kind::Podman),
                member(id, Some("dave"), Kind::Docker),
            ],
            ..Roster::default()
        };
        let refusal = asked(&format!("id:{id}"), list()).unwrap_err();
        let ways = ["mal@id:", "dave@podman:id:", "dave@docker:id:"].map(|way| format!("{way}{id}"));
        assert_eq!(refusal, format!("ID \"{id}\" is ambiguous: say {}", ways.join(" or ")));
        for (way, engine) in ways.iter().zip(["mal@docker", "dave@podman", "dave@docker"]) {
            assert_eq!(asked(way, list()), Ok(Some(engine.to_owned())), "{way}");
        }
        let refusal = asked("id:c6", list()).unwrap_err();
        assert!(ways.iter().all(|way| refusal.contains(way)), "{refusal}");
        assert_eq!(asked("mal@id:c6", list()), Ok(Some("mal@docker".to_owned())));
        assert_eq!(asked("podman:id:c6", list()), Ok(Some("dave@podman".to_owned())));
        assert_eq!(asked("docker:id:c7", list()), Ok(None));
    }

    #[test]
    fn who_was_silent_is_told_with_the_way_out() {
        let list = |members: &[Member]| Roster {
            members: members.to_vec(),
            failures: vec![Error::failed("mal@docker: the engine does not answer")],
            ..Roster::default()
        };
        let refusal = asked("id:c6", list(&[member("c6", Some("dave"), Kind::Podman)])).unwrap_err();
        let expected = "mal@docker: the engine does not answer (it may have such an ID, too; to ask only dave@podman, say \
             dave@podman:id:c6)";
        assert_eq!(refusal, expected);
        let refusal = asked("id:c6", list(&[])).unwrap_err();
        assert!(refusal.starts_with("mal@docker: the engine does not answer (so whether"), "{refusal}");
        assert!(refusal.contains("as in docker:id:c6"), "{refusal}");
    }
}
