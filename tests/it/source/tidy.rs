//! Invariants of the source tree: what the design promises to stay away from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, output_within};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("source::tidy::light_programs_stay_light", light_programs_stay_light),
        Trial::test("source::tidy::programs_do_not_depend_on_each_other", programs_do_not_depend_on_each_other),
        Trial::test("source::tidy::unsafe_code_has_one_place", unsafe_code_has_one_place),
        Trial::test("source::tidy::each_package_has_the_lints", each_package_has_the_lints),
        Trial::test("source::tidy::files_stay_small", files_stay_small),
        Trial::test("source::tidy::no_place_of_this_machine_is_named", no_place_of_this_machine_is_named),
        Trial::test("source::tidy::paths_are_told_apart", paths_are_told_apart),
    ]
}

/// A file past this has more than one reason to change; its unit tests do not count.
const MAX_LINES: usize = 350;

/// The packages without a runtime, and those that only one package may name.
const LIGHT: [&str; 6] = ["nicon-core", "nicon", "nicon-nsexec", "nicon-nsid", "nicon-plan", "nicon-tree"];
const HEAVY: [&str; 4] = ["tokio", "hyper", "bollard", "netlink"];
/// The exception: what nicon-nsfind asks for the number of a namespace.
const NETLINK_OF_NSFIND: (&str, [&str; 2]) = ("nicon-nsid", ["netlink-packet-core", "netlink-packet-route"]);
const OWNERS: [(&str, &str); 3] =
    [("bollard", "nicon-resolve"), ("rtnetlink", "nicon-rtnl"), ("saphyr-parser", "nicon-plan")];

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names of all packages that `package` is built of.
fn dependencies(package: &str, depth: &str) -> Result<Vec<String>, Failed> {
    let mut cargo = std::process::Command::new(env!("CARGO"));
    let arguments = ["tree", "--offline", "--edges=normal", "--prefix=none", "--format={p}", "--depth", depth, "-p"];
    let tree = output_within(cargo.args(arguments).arg(package).current_dir(root()), LIMIT)?.ok()?;
    Ok(tree.lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect())
}

fn programs() -> Result<Vec<String>, Failed> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root())? {
        let manifest = entry?.path().join("Cargo.toml");
        if manifest.parent().is_some_and(|path| path.file_name().unwrap().to_string_lossy().starts_with("bin-")) {
            let text = std::fs::read_to_string(manifest)?;
            let name =
                text.lines().find_map(|line| line.strip_prefix("name = \"")).ok_or("a package without a name")?;
            names.push(name.trim_end_matches('"').to_owned());
        }
    }
    assert!(names.len() >= 2, "{names:?}");
    Ok(names)
}

fn light_programs_stay_light() -> Result<(), Failed> {
    for package in LIGHT {
        let tree = dependencies(package, "99")?;
        assert!(tree.len() > 5, "{tree:?}");
        let is_heavy = |name: &&str| HEAVY.iter().any(|heavy| name.contains(heavy));
        let heavy: BTreeSet<&str> = tree.iter().map(String::as_str).filter(is_heavy).collect();
        let (exception, netlink) = NETLINK_OF_NSFIND;
        let permitted = if package == exception { netlink.into() } else { BTreeSet::new() };
        assert_eq!(heavy, permitted, "{package}");
    }
    for (dependency, owner) in OWNERS {
        for program in programs()? {
            let names = dependencies(&program, "1")?.contains(&dependency.to_owned());
            assert_eq!(names, program == owner, "{program} and {dependency}");
        }
    }
    Ok(())
}

fn programs_do_not_depend_on_each_other() -> Result<(), Failed> {
    let programs = programs()?;
    for program in &programs {
        let tree = dependencies(program, "99")?;
        let others: Vec<_> = tree[1..].iter().filter(|name| programs.contains(name)).collect();
        assert!(others.is_empty(), "{program} is built of {others:?}");
    }
    Ok(())
}

/// Every file of the project, as git knows them.
fn files() -> Result<Vec<PathBuf>, Failed> {
    let mut git = std::process::Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root());
    let list = output_within(&mut git, LIMIT)?.ok()?;
    Ok(list.lines().map(PathBuf::from).filter(|path| root().join(path).is_file()).collect())
}

pub(super) fn rust_files() -> Result<Vec<(PathBuf, String)>, Failed> {
    let rust = files()?.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|path| Ok((path.clone(), std::fs::read_to_string(root().join(path))?))).collect()
}

fn unsafe_code_has_one_place() -> Result<(), Failed> {
    let places: Vec<_> = rust_files()?
        .into_iter()
        .filter(|(_, text)| text.lines().any(|line| line.trim_start().starts_with('#') && line.contains("unsafe_code")))
        .map(|(path, _)| path.display().to_string())
        .filter(|path| !path.starts_with("tests/"))
        .collect();
    // nsexec has calls that nobody else needs, a `main` in C, and a program without a C library.
    let sys =
        ["bin-nsexec/last-step/main.rs", "bin-nsexec/src/main.rs", "bin-nsexec/src/sys.rs", "nicon-core/src/sys.rs"];
    assert_eq!(places, sys);
    Ok(())
}

/// Of which one forbids unsafe code where no file permits it.
fn each_package_has_the_lints() -> Result<(), Failed> {
    let manifests = files()?.into_iter().filter(|path| path.ends_with("Cargo.toml"));
    // That of the fuzz targets is in no workspace.
    let manifests: Vec<_> = manifests.filter(|path| *path != Path::new("fuzz/Cargo.toml")).collect();
    assert!(manifests.len() > 10, "{manifests:?}");
    for path in manifests {
        let text = std::fs::read_to_string(root().join(&path))?;
        let has_lints = text.contains("\n[lints]\nworkspace = true\n") || !text.contains("[package]\n");
        assert!(has_lints, "{} lacks the lints of the workspace", path.display());
    }
    Ok(())
}

fn files_stay_small() -> Result<(), Failed> {
    for (path, text) in rust_files()? {
        let source = text.split("#[cfg(test)]").next().unwrap_or_default();
        assert!(source.lines().count() <= MAX_LINES, "{} has more than {MAX_LINES} lines", path.display());
    }
    Ok(())
}

fn no_place_of_this_machine_is_named() -> Result<(), Failed> {
    let checkout = root().canonicalize()?;
    let checkout = checkout.to_str().ok_or("the checkout's path is not UTF-8")?;
    for path in files()? {
        let text = String::from_utf8_lossy(&std::fs::read(root().join(&path))?).into_owned();
        assert!(!names(&text, checkout), "{} names {checkout}", path.display());
    }
    Ok(())
}

/// A checkout may lie at a path that is a part of others.
fn paths_are_told_apart() -> Result<(), Failed> {
    let short = ["/", "src"].concat();
    for text in ["cd {}", "={}/target", "\"{}\""] {
        assert!(names(&text.replace("{}", &short), &short), "{text}");
    }
    for text in ["bin-plan{}/main.rs", "..{}", "$root{}", "{}s", "{}-2"] {
        assert!(!names(&text.replace("{}", &short), &short), "{text}");
    }
    Ok(())
}

/// Whether a text has a path in it, rather than a longer one of which it is a part.
fn names(text: &str, path: &str) -> bool {
    let is_of_a_name = |letter: char| letter.is_alphanumeric() || "-_.*?}/".contains(letter);
    text.match_indices(path).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + path.len()..].chars().next());
        !before.is_some_and(is_of_a_name) && !after.is_some_and(|letter| letter != '/' && is_of_a_name(letter))
    })
}
