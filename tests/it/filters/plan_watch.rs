//! nicon-plan --watch: the plan's file is read again when it says something else.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::expect::refusal;
use crate::support::stream::Stream;
use crate::support::suite::Suite;
use nicon_lab::{LIMIT, output_within, tool};

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "filters::plan_watch::each_revision_is_printed", each_revision),
        suite.trial_of_kernel(&[], "filters::plan_watch::the_ways_of_editors", ways_of_editors),
        suite.trial_of_kernel(&[], "filters::plan_watch::files_behind_symbolic_links", behind_links),
        suite.trial_of_kernel(&[], "filters::plan_watch::never_a_half_written_file", half_written),
        suite.trial_of_kernel(&[], "filters::plan_watch::it_ends_with_its_reader", ends_with_its_reader),
        suite.trial_of_kernel(&[], "filters::plan_watch::what_cannot_be_watched", cannot_be_watched),
    ]
}

/// A directory that goes with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("nicon-plan-watch-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A plan of a link of this name.
fn plan(link: &str) -> String {
    format!("name: p\nlinks:\n- {{link: {link}, endpoint: \"a:eth0\"}}\n")
}

fn watch(suite: &Suite, file: &Path) -> Result<Stream, Failed> {
    Stream::start(suite.command("nicon-plan")?.arg("--watch").arg(file))
}

/// The next record is that of a revision with a link of this name.
#[track_caller]
fn says(stream: &mut Stream, revision: u64, link: &str) {
    let record = stream.record();
    let expected =
        json!({"target":"a","link":link,"name":"eth0","plan":"p","plan_size":1,"plan_item":1,"plan_revision":revision});
    assert_eq!(record, expected);
}

/// Puts another file in the place of one, which is never there in part: it may be read at any time.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let new = file.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(&new, file)
}

fn each_revision(suite: &Suite) -> Result<(), Failed> {
    let directory = Directory::new("revisions");
    let file = directory.file("lab.yaml");
    fs::write(&file, plan("one"))?;
    let mut watched = watch(suite, &file)?;
    says(&mut watched, 1, "one");
    fs::write(&file, plan("two"))?;
    says(&mut watched, 2, "two");
    // What says the same is no revision, and what has faults is none either.
    replace(&file, &(plan("two") + "# a comment\n"))?;
    replace(&file, &plan("two").replace("eth0", "a/b"))?;
    let fault = watched.error();
    assert!(fault.contains("lab.yaml:3:") && fault.contains("a/b"), "{fault}");
    watched.says_nothing();
    fs::write(&file, plan("three"))?;
    says(&mut watched, 3, "three");
    // All of a plan comes each time, also if a link has left it.
    let two = format!("{}- {{link: other, endpoint: \"b:eth0\"}}\n", plan("three"));
    fs::write(&file, &two)?;
    let items: Vec<Value> = watched
        .take(2)
        .iter()
        .map(|record| json!([record["plan_item"], record["plan_size"], record["plan_revision"]]))
        .collect();
    assert_eq!(items, [json!([1, 2, 4]), json!([2, 2, 4])]);
    // A plan that asks for nothing, and one of another name, say that what was there goes.
    fs::write(&file, "name: p\nlinks: []\n")?;
    assert_eq!(watched.record(), json!({"target":"host","plan":"p","plan_size":0,"plan_item":0,"plan_revision":5}));
    fs::write(&file, plan("three").replace("name: p", "name: q"))?;
    let told: Vec<Value> = watched.take(2).iter().map(|record| json!([record["plan"], record["plan_size"]])).collect();
    assert_eq!(told, [json!(["p", 0]), json!(["q", 1])]);
    // While nothing happens, nothing is done.
    let ticks = watched.ticks();
    watched.says_nothing();
    assert_eq!((watched.ticks(), watched.told()), (ticks, vec![]));
    Ok(())
}

fn ways_of_editors(suite: &Suite) -> Result<(), Failed> {
    let directory = Directory::new("editors");
    let (file, other) = (directory.file("lab.yaml"), directory.file("lab.yaml.new"));
    fs::write(&file, plan("one"))?;
    let mut watched = watch(suite, &file)?;
    says(&mut watched, 1, "one");
    // A file is moved onto it.
    fs::write(&other, plan("two"))?;
    fs::rename(&other, &file)?;
    says(&mut watched, 2, "two");
    // It is moved away, and another is written in its place.
    fs::rename(&file, &other)?;
    fs::write(&file, plan("three"))?;
    says(&mut watched, 3, "three");
    // It is deleted, and another gets its name as well.
    fs::write(&other, plan("linked"))?;
    fs::remove_file(&file)?;
    watched.says_nothing();
    fs::hard_link(&other, &file)?;
    says(&mut watched, 4, "linked");
    fs::remove_file(&other)?;
    // It is deleted, and comes back later; so does its directory.
    fs::remove_file(&file)?;
    watched.says_nothing();
    fs::write(&file, plan("four"))?;
    says(&mut watched, 5, "four");
    fs::remove_dir_all(&directory.0)?;
    fs::create_dir(&directory.0)?;
    fs::write(&file, plan("five"))?;
    says(&mut watched, 6, "five");
    // Other files of the directory are nobody's business.
    fs::write(&other, plan("six"))?;
    watched.says_nothing();
    Ok(())
}

/// As Kubernetes keeps what a pod is configured by, and as people do.
fn behind_links(suite: &Suite) -> Result<(), Failed> {
    let directory = Directory::new("links");
    let file = directory.file("lab.yaml");
    let version = |number: u32| {
        let name = format!("..{number}");
        fs::create_dir(directory.file(&name))?;
        fs::write(directory.file(&name).join("lab.yaml"), plan(&format!("v{number}")))?;
        symlink(&name, directory.file("..data_tmp"))?;
        fs::rename(directory.file("..data_tmp"), directory.file("..data"))
    };
    version(1)?;
    symlink("..data/lab.yaml", &file)?;
    let mut watched = watch(suite, &file)?;
    says(&mut watched, 1, "v1");
    for number in 2..6 {
        version(number)?;
        fs::remove_dir_all(directory.file(&format!("..{}", number - 1)))?;
        says(&mut watched, u64::from(number), &format!("v{number}"));
    }
    // The file behind it is written.
    fs::write(directory.file("..5/lab.yaml"), plan("written"))?;
    says(&mut watched, 6, "written");
    // Another link in its place, which is removed first.
    fs::write(directory.file("elsewhere.yaml"), plan("elsewhere"))?;
    fs::remove_file(&file)?;
    symlink(directory.file("elsewhere.yaml"), &file)?;
    says(&mut watched, 7, "elsewhere");
    Ok(())
}

/// What is written in pieces is read when it is closed; a plan of which half is there is a plan, too.
fn half_written(suite: &Suite) -> Result<(), Failed> {
    let directory = Directory::new("half");
    let file = directory.file("lab.yaml");
    fs::write(&file, plan("one"))?;
    let mut watched = watch(suite, &file)?;
    says(&mut watched, 1, "one");
    let whole = (0..50)
        .fold("name: p\nlinks:\n".to_owned(), |text, n| format!("{text}- {{link: v{n}, endpoint: \"a:eth{n}\"}}\n"));
    for revision in 2..12 {
        let mut writer = File::create(&file)?;
        let text = whole.replace("link: v", &format!("link: w{revision}"));
        for line in text.split_inclusive('\n') {
            writer.write_all(line.as_bytes())?;
        }
        writer.flush()?;
        // Somebody else does something beside it.
        fs::write(directory.file("other"), "")?;
        if revision == 2 {
            watched.says_nothing();
        }
        drop(writer);
        for record in watched.take(50) {
            assert_eq!((&record["plan_size"], &record["plan_revision"]), (&json!(50), &json!(revision)));
        }
    }
    Ok(())
}

fn ends_with_its_reader(suite: &Suite) -> Result<(), Failed> {
    let directory = Directory::new("reader");
    let file = directory.file("lab.yaml");
    fs::write(&file, plan("one"))?;
    let script = "\"$1\" --watch \"$2\" | head -n 1";
    let program = suite.bins()?.join("nicon-plan");
    let mut shell = tool("bash");
    shell.args(["-c", &format!("set -o pipefail; {script}"), "bash"]).arg(&program).arg(&file);
    // A signal ends it, too.
    let mut watched = watch(suite, &file)?;
    says(&mut watched, 1, "one");
    watched.signal(Signal::SIGTERM);
    assert_eq!(watched.end().signal(), Some(Signal::SIGTERM as i32));
    // It has nothing to write when its reader leaves, and ends all the same.
    let ran = output_within(&mut shell, LIMIT)?;
    assert_eq!((ran.code(), ran.stdout.lines().count(), &ran.stderr[..]), (Some(0), 1, ""), "{ran:?}");
    Ok(())
}

fn cannot_be_watched(suite: &Suite) -> Result<(), Failed> {
    refusal(&suite.feed(&["nicon-plan", "--watch", "-"], plan("x")), 2, &["--watch wants a file"]);
    refusal(&suite.feed(&["nicon-plan", "--watch"], plan("x")), 2, &["--watch wants a file"]);
    refusal(&suite.run(&["nicon-plan", "--watch", "/nowhere/lab.yaml"]), 2, &["open /nowhere/lab.yaml: No such file"]);
    Ok(())
}
