//! How the links that a plan has moved were before, on disk, until they are home again. Nothing else remembers that: a link that goes
//! home when its container ends has lost most of what it had.

use std::fs::{read_dir, remove_file, rename};
use std::io::{Read, Write};
use std::path::PathBuf;

use nicon_core::{Context, Result};
use nix::fcntl::OFlag;

use crate::link::journal::Journals;
use crate::link::journal::directory::Directory;
use crate::link::journal::state_file::{MAX_LENGTH, check, refusal};
use crate::link::undo::Undo;

/// How the names of these files begin; that of the plan and the link's inode number follow.
const PREFIX: &str = "kept.";

/// How they begin while they are being written.
const UNFINISHED: &str = "new.";

/// The files of a directory of journals.
pub(crate) struct Keeper<'a> {
    directory: &'a Directory,
}

/// How one link was.
pub(crate) struct Kept {
    pub(crate) undo: Undo,
    path: PathBuf,
}

/// What goes if a move is taken back.
pub(crate) struct NewlyKept(PathBuf);

impl<'a> Keeper<'a> {
    /// `None` if there is no place for such files.
    pub(crate) fn of(journals: &'a Journals<'_>) -> Option<Self> {
        journals.directory().map(|directory| Self { directory })
    }

    /// Keeps how a link was before a plan moved it for the first time. Returns what goes if this move is taken back; `None` if an
    /// earlier move has written it, or nothing identifies the link.
    ///
    /// # Errors
    /// If it cannot be written, such as on a full disk, or what is there is not nicon's.
    pub(crate) fn keep(&self, plan: &str, undo: &Undo) -> Result<Option<NewlyKept>> {
        let Some(inode) = undo.inode() else { return Ok(None) };
        let path = self.directory.path().join(format!("{PREFIX}{plan}:{inode}"));
        if let Some(before) = self.undo_of(plan, inode)? {
            // If it says the same, the move that wrote it was interrupted or taken back, or else the link is home, as it was.
            return Ok(before.says_the_same(undo).then_some(NewlyKept(path)));
        }
        let name = format!("{UNFINISHED}{plan}:{inode}");
        let mut file = self.directory.open_file(&name, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC)?;
        let text = serde_json::to_vec(undo).expect("plain data");
        // It has its name once all of it is there.
        let written = file.write_all(&text).and_then(|()| rename(self.directory.path().join(&name), &path));
        written.context(|| format!("write {}", path.display()))?;
        Ok(Some(NewlyKept(path)))
    }

    /// How all the links that a plan has moved were before.
    ///
    /// # Errors
    /// If one of the files is not nicon's.
    pub(crate) fn of_plan(&self, plan: &str) -> Result<Vec<Kept>> {
        self.named(PREFIX)?.filter(|(of, _, _)| of == plan).map(|(_, _, path)| self.read(path)).collect()
    }

    /// How a link was before a plan moved it, if that is kept.
    ///
    /// # Errors
    /// If the file is not nicon's.
    pub(crate) fn undo_of(&self, plan: &str, inode: u64) -> Result<Option<Undo>> {
        let path = self.directory.path().join(format!("{PREFIX}{plan}:{inode}"));
        path.exists().then(|| Ok(self.read(path)?.undo)).transpose()
    }

    /// Forgets how a link was: it is home again.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub(crate) fn forget(&self, inode: u64) -> Result<()> {
        self.named(PREFIX)?.filter(|(_, of, _)| *of == inode).for_each(|(_, _, path)| drop(remove_file(path)));
        Ok(())
    }

    /// Removes what a run was writing for a plan when it was killed.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub(crate) fn tidy(&self, plan: &str) -> Result<()> {
        let unfinished = self.named(UNFINISHED)?.filter(|(of, _, _)| of == plan);
        unfinished.for_each(|(_, _, path)| drop(remove_file(path)));
        Ok(())
    }

    /// The plan, the inode number and the path of each file whose name begins so.
    fn named(&self, prefix: &str) -> Result<impl Iterator<Item = (String, u64, PathBuf)>> {
        let directory = self.directory.path();
        let listed = read_dir(directory).context(|| format!("read {}", directory.display()))?;
        Ok(listed.flatten().filter_map(move |entry| {
            let name = entry.file_name().into_string().ok()?;
            let (plan, inode) = name.strip_prefix(prefix)?.rsplit_once(':')?;
            Some((plan.to_owned(), inode.parse().ok()?, entry.path()))
        }))
    }

    fn read(&self, path: PathBuf) -> Result<Kept> {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a listed file");
        let file = self.directory.open_file(name, OFlag::O_RDONLY)?;
        check(&file, &path)?;
        let mut text = Vec::new();
        file.take(MAX_LENGTH).read_to_end(&mut text).context(|| format!("read {}", path.display()))?;
        let undo = serde_json::from_slice(&text).map_err(|error| error.to_string());
        let undo = undo.and_then(|value| Undo::from_value(&value).map_err(|error| error.to_string()));
        Ok(Kept { undo: undo.map_err(|why| refusal(&path, &why))?, path })
    }
}

impl Kept {
    /// Forgets it.
    pub(crate) fn forget(self) {
        // Another run may have been faster.
        let _ = remove_file(self.path);
    }
}

impl NewlyKept {
    /// Removes it, since the move was taken back.
    pub(crate) fn discard(self) {
        let _ = remove_file(self.0);
    }
}
