//! The links that a walk must read, and the namespaces that it looks for.

use std::collections::HashMap;

use nicon_core::NsType;

use crate::question::query::Query;

/// The namespaces that a walk looks for.
#[derive(Clone)]
pub(crate) struct Scope {
    /// By inode number, which is unique among namespaces of all types: the possible types of each. `None` if the walk looks
    /// for every namespace.
    wanted: Option<HashMap<u64, Vec<NsType>>>,
    reading: Vec<NsType>,
}

impl Scope {
    /// Every namespace of these types.
    pub(crate) fn every(types: &[NsType]) -> Self {
        Self { wanted: None, reading: NsType::ALL.into_iter().filter(|ns_type| types.contains(ns_type)).collect() }
    }

    /// Only these namespaces.
    pub(crate) fn only<'a>(wanted: impl IntoIterator<Item = &'a Query>) -> Self {
        let wanted = wanted.into_iter().map(|wanted| (wanted.ino, wanted.types.clone())).collect();
        let mut scope = Self { wanted: Some(wanted), reading: Vec::new() };
        scope.choose_links();
        scope
    }

    /// The types of the links to read of each process.
    pub(crate) fn reading(&self) -> &[NsType] {
        &self.reading
    }

    /// Whether the walk looks for this namespace.
    pub(crate) fn covers(&self, ns_type: NsType, ino: u64) -> bool {
        let Some(wanted) = &self.wanted else { return true };
        wanted.get(&ino).is_some_and(|types| types.contains(&ns_type))
    }

    /// Records the type of a namespace that was found: links of other types need not be read for it any more.
    pub(crate) fn narrow(&mut self, ns_type: NsType, ino: u64) {
        if let Some(types) = self.wanted.as_mut().and_then(|wanted| wanted.get_mut(&ino))
            && types.len() > 1
        {
            *types = vec![ns_type];
            self.choose_links();
        }
    }

    /// Removes a namespace from the search.
    pub(crate) fn remove(&mut self, ino: u64) {
        if let Some(wanted) = &mut self.wanted {
            wanted.remove(&ino);
            self.choose_links();
        }
    }

    /// Whether nothing is left to look for.
    pub(crate) fn is_done(&self) -> bool {
        self.reading.is_empty()
    }

    fn choose_links(&mut self) {
        let Some(wanted) = &self.wanted else { return };
        let asked_for = |ns_type: &NsType| wanted.values().any(|types| types.contains(ns_type));
        self.reading = NsType::ALL.into_iter().filter(asked_for).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_type_narrows_the_links_to_read() {
        let number = Query::parse("4026532565", &NsType::ALL).unwrap();
        let link = Query::parse("net:[4026532001]", &NsType::ALL).unwrap();
        let mut scope = Scope::only([&number, &link]);
        assert_eq!(scope.reading(), NsType::ALL);
        assert!(!scope.covers(NsType::Pid, 4_026_532_001));
        scope.narrow(NsType::Pid, 4_026_532_565);
        assert_eq!(scope.reading(), [NsType::Net, NsType::Pid]);
        scope.remove(4_026_532_565);
        assert_eq!(scope.reading(), [NsType::Net]);
        scope.remove(4_026_532_001);
        assert!(scope.is_done());
    }
}
