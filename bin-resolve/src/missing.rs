//! What to say of a name that no engine knows.

use nicon_core::Error;
use nicon_core::container::is_id;
use nicon_core::near::nearest;

use crate::container::short;
use crate::roster::Member;

/// Why `asked` was not found among `known`.
pub(crate) fn explain(asked: &str, known: &[Member]) -> Error {
    let matching: Vec<_> = known.iter().filter(|known| is_id(&known.id) && known.id.starts_with(asked)).collect();
    if matching.len() > 1 {
        let shown: Vec<_> = matching.iter().map(|known| short(&known.id)).collect();
        return Error::failed(format!("ID prefix \"{asked}\" is ambiguous: it fits {}", shown.join(", ")));
    }
    let near = nearest(asked, known.iter().map(|container| &container.name[..]));
    match near[..] {
        [] => Error::no(format!("no container \"{asked}\"")),
        _ => Error::no(format!("no container \"{asked}\" (near: {})", near.join(", "))),
    }
}
