//! Imports point downwards: no module imports, by whatever way around, one that imports it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, output_within};
use serde_json::Value;

use super::modules::{ModulePath, Modules};
use super::tidy::{root, rust_files};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("source::imports::go_in_no_circle", go_in_no_circle),
        Trial::test("source::imports::circles_are_seen", circles_are_seen),
        Trial::test("source::imports::each_file_is_compiled", each_file_is_compiled),
    ]
}

type Imports = BTreeMap<ModulePath, BTreeSet<ModulePath>>;

/// The root files of all crates.
fn crates() -> Result<Vec<PathBuf>, Failed> {
    let mut cargo = std::process::Command::new(env!("CARGO"));
    let arguments = ["metadata", "--offline", "--no-deps", "--format-version=1"];
    let metadata = output_within(cargo.args(arguments).current_dir(root()), LIMIT)?.ok()?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().ok_or("no packages")?;
    let targets = packages.iter().filter_map(|package| package["targets"].as_array()).flatten();
    let files: Vec<_> = targets.filter_map(|target| target["src_path"].as_str()).map(PathBuf::from).collect();
    assert!(files.len() >= 15, "{files:?}");
    Ok(files)
}

fn go_in_no_circle() -> Result<(), Failed> {
    let mut report = String::new();
    for file in crates()? {
        let imports = Modules::read(&file).map_err(|error| error.to_string())?.imports();
        for (kind, imports) in [("files", &imports), ("folders", &by_folder(&imports))] {
            for circle in circles(imports) {
                writeln!(report, "{}: a circle of {} {kind}:", file.display(), circle.len())?;
                for from in &circle {
                    let to: Vec<_> = imports[from].intersection(&circle).map(|path| name(path)).collect();
                    writeln!(report, "    {} imports {}", name(from), to.join(", "))?;
                }
            }
        }
    }
    assert!(report.is_empty(), "\n{report}");
    Ok(())
}

fn name(path: &[String]) -> String {
    if path.is_empty() { "the root".to_owned() } else { path.join("::") }
}

/// The imports between the modules of each folder, outermost to innermost, each taken with all that is in it. The file of a folder
/// itself is none of those.
fn by_folder(imports: &Imports) -> Imports {
    let mut folders: Imports =
        imports.keys().flat_map(|path| (1..=path.len()).map(|end| (path[..end].to_vec(), BTreeSet::new()))).collect();
    for (from, to) in imports.iter().flat_map(|(from, all)| all.iter().map(move |to| (from, to))) {
        let shared = from.iter().zip(to).take_while(|(from, to)| from == to).count();
        if from.len() > shared && to.len() > shared {
            folders.entry(from[..=shared].to_vec()).or_default().insert(to[..=shared].to_vec());
        }
    }
    folders
}

/// The largest sets of modules of which each imports all others, if by way of still others.
fn circles(imports: &Imports) -> BTreeSet<BTreeSet<ModulePath>> {
    let reached: BTreeMap<_, _> = imports.keys().map(|from| (from, reachable(from, imports))).collect();
    let circle = |from: &ModulePath| -> BTreeSet<ModulePath> {
        reached[from].iter().filter(|to| reached[to].contains(from)).cloned().collect()
    };
    imports.keys().map(circle).filter(|circle| circle.len() > 1).collect()
}

fn reachable(from: &ModulePath, imports: &Imports) -> BTreeSet<ModulePath> {
    let (mut reached, mut left) = (BTreeSet::new(), vec![from]);
    while let Some(next) = left.pop() {
        left.extend(imports[next].iter().filter(|to| reached.insert((*to).clone())));
    }
    reached
}

/// Otherwise the test above could not fail.
fn circles_are_seen() -> Result<(), Failed> {
    let directory = std::env::temp_dir().join(format!("nicon-imports-{}", std::process::id()));
    for folder in ["low/first", "low/second"] {
        std::fs::create_dir_all(directory.join(folder))?;
    }
    let write = |file: &str, text: &str| std::fs::write(directory.join(file), text);
    write("lib.rs", "mod high; mod low; mod middle; mod other; pub use low::deep::Deep; use high::High;")?;
    write("high.rs", "use crate::{middle::Middle, Deep}; pub struct High;")?;
    write("low.rs", "pub mod deep; mod first; mod second;")?;
    write(
        "middle.rs",
        "fn f() { assert!(super::other::is()); } pub struct Middle; #[cfg(test)] mod tests { use crate::high; }",
    )?;
    write("other.rs", "use crate::low::deep; pub fn is() -> bool { true }")?;
    write("low/deep.rs", "pub struct Deep;")?;
    write("low/first.rs", "mod inner; pub struct First;")?;
    write("low/first/inner.rs", "fn f() { crate::low::second::inner::g() }")?;
    write("low/second.rs", "pub mod inner;")?;
    write("low/second/inner.rs", "pub fn g() {}")?;
    let read = || -> Result<_, Failed> {
        let modules = Modules::read(&directory.join("lib.rs")).map_err(|error| error.to_string())?;
        Ok((circles(&modules.imports()), circles(&by_folder(&modules.imports()))))
    };
    let clean = read()?;
    // The root gives Deep on: whoever imports it from there imports it from where it stands.
    write("low/deep.rs", "pub struct Deep; type Back = crate::middle::Middle;")?;
    let dirty = read()?;
    // Two folders in one, of which no file imports one that imports it.
    write("low/deep.rs", "pub struct Deep;")?;
    write("low/second.rs", "pub mod inner; use crate::low::first::First;")?;
    let nested = read()?;
    std::fs::remove_dir_all(&directory)?;
    assert_eq!(clean, (BTreeSet::new(), BTreeSet::new()));
    let set = |paths: &[&str]| -> BTreeSet<BTreeSet<ModulePath>> {
        [paths.iter().map(|path| path.split("::").map(str::to_owned).collect()).collect()].into()
    };
    assert_eq!(dirty, (set(&["low::deep", "middle", "other"]), set(&["low", "middle", "other"])));
    assert_eq!(nested, (BTreeSet::new(), set(&["low::first", "low::second"])));
    Ok(())
}

/// A file that no module declares is not compiled: what is tested in it is not.
fn each_file_is_compiled() -> Result<(), Failed> {
    let mut compiled = BTreeSet::new();
    for file in crates()? {
        let modules = Modules::read(&file).map_err(|error| error.to_string())?;
        for file in modules.files() {
            compiled.insert(file.canonicalize()?);
        }
    }
    for (path, _) in rust_files()? {
        // Programs that are built apart from the workspace.
        let is_apart = ["fuzz/", "bin-nsexec/last-step/"].iter().any(|folder| path.starts_with(Path::new(folder)));
        let file = root().join(&path).canonicalize()?;
        assert!(is_apart || compiled.contains(&file), "no module has {}", path.display());
    }
    Ok(())
}
