//! The way to a file: the names on which it depends what is read.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// How many symbolic links the kernel follows (`MAXSYMLINKS` in include/linux/namei.h).
const MOST_LINKS: usize = 40;

/// A name in a directory. If something else gets it, the path may lead to another file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) directory: PathBuf,
    pub(crate) name: OsString,
}

/// The symbolic links on the way to a file, and the file itself; or, if something on the way is missing, the first name that is.
pub(crate) fn to(path: &Path) -> Vec<Step> {
    let (mut directory, mut ahead) = (PathBuf::from("."), names_of(path));
    let (mut steps, mut links) = (Vec::new(), 0);
    while let Some(name) = ahead.pop_front() {
        let there = directory.join(&name);
        if name == "/" || name == ".." {
            directory = there;
            continue;
        }
        let step = || Step { directory: directory.clone(), name: name.clone() };
        if let Ok(target) = there.read_link() {
            steps.push(step());
            links += 1;
            if links > MOST_LINKS {
                break;
            }
            names_of(&target).into_iter().rev().for_each(|name| ahead.push_front(name));
        } else if ahead.is_empty() || !there.exists() {
            steps.push(step());
            break;
        } else {
            directory = there;
        }
    }
    steps
}

/// The components of a path; the root is one.
fn names_of(path: &Path) -> VecDeque<OsString> {
    let named = path.components().filter(|component| !matches!(component, Component::CurDir | Component::Prefix(_)));
    named.map(|component| component.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_and_the_file_are_steps() {
        let top = std::env::temp_dir().join(format!("nicon-way-{}", std::process::id()));
        std::fs::create_dir_all(top.join("..1")).unwrap();
        let top = top.canonicalize().unwrap();
        std::fs::write(top.join("..1/lab.yaml"), "").unwrap();
        symlink("..1", top.join("..data")).unwrap();
        symlink("..data/lab.yaml", top.join("lab.yaml")).unwrap();
        let told = |path: &str| -> Vec<(PathBuf, String)> {
            let steps = to(&top.join(path)).into_iter();
            let short = |step: Step| {
                let directory = step.directory.strip_prefix(&top).unwrap().to_owned();
                (directory, step.name.into_string().unwrap())
            };
            steps.map(short).collect()
        };
        let step = |directory: &str, name: &str| (PathBuf::from(directory), name.to_owned());
        assert_eq!(told("lab.yaml"), [step("", "lab.yaml"), step("", "..data"), step("..1", "lab.yaml")]);
        assert_eq!(told("..1/../..1/lab.yaml"), [step("..1/../..1", "lab.yaml")]);
        assert_eq!(told("nowhere/lab.yaml"), [step("", "nowhere")]);
        symlink("round", top.join("round")).unwrap();
        assert!(told("round").len() > MOST_LINKS);
        std::fs::remove_dir_all(top).unwrap();
    }
}
