//! nicon-nsexec and the records that name its targets.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, Ran, output_of_input, tool, witness};

use crate::nsexec::as_nsenter::CONTAINER;
use crate::support::expect::refusal;
use crate::support::kernel::Feature;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("nsexec::records::the_record_and_the_rest_of_the_input", the_record_and_the_rest_of_the_input),
        suite.trial("nsexec::records::a_record_in_a_file", a_record_in_a_file),
        suite.trial("nsexec::records::once_for_each_record", once_for_each_record),
        suite.trial("nsexec::records::a_reused_pid_is_refused", a_reused_pid_is_refused),
        suite.trial_with(
            &[Feature::Pidfs],
            "nsexec::records::a_reused_pid_is_refused_by_its_inode",
            a_reused_pid_is_refused_by_its_inode,
        ),
    ]
}

fn the_record_and_the_rest_of_the_input(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let record = suite.run(&["nicon-resolve", CONTAINER]).stdout;
    assert!(record.ends_with('\n'));
    let pid = lab.host_pid(CONTAINER)?;
    let net = witness::ns_link(pid, "net").ok_or("gone")?;
    let look = ["sh", "-c", "cat; readlink /proc/self/ns/net"];
    for options in [&["--net"][..], &["--all"], &["--all", "--no-pty"], &["--all", "-F"]] {
        let run = |more: &[&str], input: &str| without_terminal(suite, &[options, more, &look].concat(), input);
        let ran = run(&[], &format!("{record}\n"));
        assert_eq!(ran.stdout, format!("{net}\n"), "{ran:?}");
        let ran = run(&[], &format!("{record}the rest\n"));
        refusal(&ran, 125, &["more than one record on standard input", "--each", "--stdin"]);
        let ran = run(&["--stdin"], &format!("{record}the rest\nis the command's\n"));
        assert_eq!(ran.stdout, format!("the rest\nis the command's\n{net}\n"), "{ran:?}");
        // A bare PID names its process, too.
        for (more, input, shown) in
            [(&[][..], format!(" {pid}\n"), ""), (&["--stdin"], format!("{pid}\nthe rest"), "the rest")]
        {
            assert_eq!(run(more, &input).ok()?, format!("{shown}{net}"), "{options:?}");
        }
    }
    refusal(&suite.feed(&["nicon-nsexec", "--net", "true"], "0\n"), 125, &["line 1: \"0\" is not a record"]);
    let ran = suite.run(&["nicon-nsexec", "-t1", "--stdin", "--net", "true"]);
    assert!(ran.code() == Some(125) && ran.stderr.contains("cannot be used with '--stdin'"), "{ran:?}");
    refusal(
        &suite.feed(&["nicon-nsexec", "--net", "true"], ""),
        125,
        &["no target: give --target PID or pipe in a record"],
    );
    refusal(
        &suite.feed(&["nicon-nsexec", "--net", "true"], "nonsense\n"),
        125,
        &["nicon-nsexec: line 1: \"nonsense\" is not a record"],
    );
    Ok(())
}

/// Standard input is the command's then, all of it.
fn a_record_in_a_file(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let net = witness::ns_link(lab.host_pid(CONTAINER)?, "net").ok_or("gone")?;
    let record = format!("<(nicon-resolve {CONTAINER})");
    let run = |options: &str, file: &str| {
        let script = format!("nicon-nsexec --record {file} {options} sh -c 'cat; readlink /proc/self/ns/net'");
        suite.shell(&script, "{}\nof the command\n")
    };
    for options in ["--net", "--all", "--all --no-pty", "--all -F"] {
        let ran = run(options, &record);
        assert_eq!(
            (&ran.stdout[..], &ran.stderr[..]),
            (&format!("{{}}\nof the command\n{net}\n")[..], ""),
            "{options}"
        );
    }
    for (file, words) in [
        ("/run/not-there", "open /run/not-there: No such file"),
        ("/dev/null", "/dev/null: no record"),
        ("<(echo 1; echo 1)", ": more than one record"),
        ("<(echo nonsense)", ": line 1: \"nonsense\" is not a record"),
        ("/run", "/run: read"),
    ] {
        refusal(&run("--net", file), 125, &["nicon-nsexec: ", words]);
    }
    Ok(())
}

/// Runs it in a session that has no terminal, however the tests were started.
fn without_terminal(suite: &Suite, words: &[&str], input: &str) -> Ran {
    let program = suite.bins().unwrap().join("nicon-nsexec");
    output_of_input(tool("setsid").arg("--wait").arg(program).args(words), input, LIMIT).unwrap()
}

fn once_for_each_record(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let records = suite.run(&["nicon-resolve", "setup", "setup.olt_1", CONTAINER]).stdout;
    assert_eq!(records.lines().count(), 3);
    for options in [&["--uts"][..], &["--all"][..]] {
        let words = [&["nicon-nsexec", "--each"], options, &["sh", "-c", "hostname; wc -c; [ $(hostname) != olt_1 ]"]];
        let ran = suite.feed(&words.concat(), &records);
        assert_eq!(ran.stdout, "setup\n0\nolt_1\n0\nlt_1\n0\n", "{ran:?}");
        assert_eq!((ran.code(), &ran.stderr[..]), (Some(1), "nicon-nsexec: setup.olt_1: exit status 1\n"), "{ran:?}");
    }
    let broken = format!("nonsense\n{records}");
    let ran = suite.feed(&["nicon-nsexec", "--each", "--uts", "hostname"], &broken);
    assert_eq!((ran.stdout.as_str(), ran.code()), ("setup\nolt_1\nlt_1\n", Some(125)), "{ran:?}");
    assert!(ran.stderr.contains("line 1:"), "{ran:?}");
    Ok(())
}

fn a_reused_pid_is_refused(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    refuses_another(suite, "starttime").map(drop)
}

fn a_reused_pid_is_refused_by_its_inode(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let inode = refuses_another(suite, "pidfs")?;
    let pid = lab.host_pid(CONTAINER)?;
    suite.run(&["nicon-nsexec", "-t", &format!("{pid}:{inode}"), "-n", "true"]).ok()?;
    let other = format!("{pid}:{}", inode + 1);
    refusal(&suite.run(&["nicon-nsexec", "-t", &other, "-n", "true"]), 125, &["now belongs to another process"]);
    Ok(())
}

/// Changes a number by which a record names its process; returns what it was.
fn refuses_another(suite: &Suite, field: &str) -> Result<u64, Failed> {
    let mut record: serde_json::Value = serde_json::from_str(&suite.run(&["nicon-resolve", CONTAINER]).stdout)?;
    let number = record[field].as_u64().ok_or_else(|| format!("no {field}"))?;
    record[field] = (number + 1).into();
    refusal(
        &suite.feed(&["nicon-nsexec", "-n", "true"], format!("{record}\n")),
        125,
        &["now belongs to another process"],
    );
    Ok(number)
}
