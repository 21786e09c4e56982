//! What the operands of options name: namespaces, directories, users, variables.

pub(crate) mod no_process;
pub(crate) mod variable;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use nicon_core::Error;

/// Stands for the target if FILE or DIR is left out. The kernel refuses an empty path, so it means nothing else.
pub(crate) const OF_TARGET: &str = "";

/// Where a namespace or directory comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The target process.
    Target,
    /// A path.
    Path(PathBuf),
}

impl From<OsString> for Source {
    fn from(path: OsString) -> Self {
        if path == OF_TARGET { Self::Target } else { Self::Path(path.into()) }
    }
}

/// A user or group.
#[derive(Clone, Debug)]
pub(crate) enum Id {
    /// The target's, as seen in the user namespace that is entered.
    Follow,
    /// This one.
    Number(u32),
    /// The one of this name.
    Name(String),
}

impl std::str::FromStr for Id {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.parse() {
            _ if text == "follow" => Ok(Self::Follow),
            // The kernel takes -1 for "leave it as it is".
            Ok(number) if number != u32::MAX => Ok(Self::Number(number)),
            // Too large, or less than nothing.
            _ if text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit()) => {
                Err(Error::failed("not an ID, a name, nor \"follow\""))
            }
            _ if text.contains([':', '\n', ',']) => Err(Error::failed("not an ID, a name, nor \"follow\"")),
            _ => Ok(Self::Name(text.to_owned())),
        }
    }
}

/// The path as text for messages.
pub(crate) fn shown(path: &(impl AsRef<OsStr> + ?Sized)) -> std::path::Display<'_> {
    Path::new(path.as_ref()).display()
}
