//! Records of another machine, or of another boot of this one: every program that acts, or looks, refuses them in words.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_within, tool};
use serde_json::{Value, json};

use crate::support::expect::{deed, not_undone, record, refusal};
use crate::support::links::{Place, links};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("filters::elsewhere::records_say_where_they_were_made", say_where),
        suite.trial("filters::elsewhere::every_program_refuses_them", refuse),
        suite.trial_of_kernel(&[], "filters::elsewhere::what_is_no_process_is_refused_as_well", no_process),
        suite.trial_of_kernel(&[], "filters::elsewhere::a_plan_is_not_wired_nor_destroyed", of_plans),
    ]
}

/// Our own boot and name, as the kernel and uname tell them.
fn here() -> Result<[String; 2], Failed> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok([boot.trim().to_owned(), output_within(tool("uname").arg("-n"), LIMIT)?.ok()?])
}

/// A record as another machine, or this one in another boot, would have made it: with what is said of it, and the status.
fn made_elsewhere(record: &Value) -> Result<[(Value, i32, String); 2], Failed> {
    let [_, name] = here()?;
    let with = |field: &str, value: &str| {
        let mut record = record.clone();
        record["machine"] = json!(name);
        record[field] = json!(value);
        record
    };
    Ok([
        (with("machine", "lab2"), 2, format!("the record was made on lab2, and this is {name}")),
        (
            with("boot", "another"),
            1,
            format!("made before this machine was started, or on another machine called {name} (its \"boot\" differs)"),
        ),
    ])
}

fn say_where(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let [boot, name] = here()?;
    let pid = lab.host_pid("setup")?.to_string();
    let names: [&[&str]; 6] = [
        &["nicon-resolve", "setup"],
        &["nicon-resolve", "host"],
        &["nicon-nsid", &pid],
        &["nicon-nsfind", "--first", "-T", "net", "/proc/self/ns/net"],
        &["nicon-links", "-t", "host", "--having", "lo"],
        &["nicon-links", "-t", &pid, "--having", "lo"],
    ];
    for words in names {
        let told = record(&suite.run(words));
        assert_eq!((&told["boot"], &told["machine"]), (&json!(boot), &json!(name)), "{words:?}");
    }
    // Whatever was done says where, too: by a record that did not.
    let place = Place::new();
    let asks = json!({"pid": place.pid(), "kind": "bridge", "name": "br0"}).to_string();
    let made = record(&suite.feed(&["nicon-linkadd"], asks));
    assert_eq!((&made["boot"], &made["machine"]), (&json!(boot), &json!(name)));
    deed(&made);
    Ok(())
}

/// A PID means another process there, even if a number beside it should happen to be the same.
fn refuse(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    let found = record(&suite.run(&["nicon-resolve", "setup"]));
    let links = || lab.exec("setup", &["ip", "-j", "addr"]).and_then(|ran| ran.ok());
    let before = links()?;
    for (elsewhere, status, why) in made_elsewhere(&found)? {
        let alone = json!({"pid": found["pid"], "boot": elsewhere["boot"], "machine": elsewhere["machine"]});
        let asking = |more: Value| {
            let mut record = elsewhere.clone();
            record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            record
        };
        let moving = json!({"pid": std::process::id(), "link": "lo", "from": elsewhere});
        for (program, record, status) in [
            (&["nicon-resolve"][..], &elsewhere, status),
            (&["nicon-resolve", "--of", "-"], &elsewhere, status),
            (&["nicon-nsid"], &elsewhere, status),
            (&["nicon-nsid"], &alone, status),
            (&["nicon-nsfind"], &elsewhere, status),
            (&["nicon-nsfind", "--names", "-", "-T", "net"], &elsewhere, status),
            (&["nicon-nsfind", "--within", "-"], &elsewhere, status),
            (&["nicon-links"], &elsewhere, status),
            (&["nicon-links", "--having", "udp:4789"], &elsewhere, status),
            (&["nicon-linkmv", "lo", "eth9"], &elsewhere, status),
            (&["nicon-linkmv", "--dry-run", "lo", "eth9"], &elsewhere, status),
            (&["nicon-linkmv"], &asking(json!({"link": "lo", "name": "eth9"})), status),
            (&["nicon-linkmv"], &moving, status),
            (&["nicon-veth", "-t", "host", "a9", "b9"], &elsewhere, status),
            (&["nicon-linkadd"], &asking(json!({"kind": "bridge", "name": "d9"})), status),
            (&["nicon-wire"], &asking(json!({"kind": "bridge", "name": "d9"})), status),
            (&["nicon-nsexec", "--net", "true"], &elsewhere, 125),
            (&["nicon-nsexec", "--each", "--net", "true"], &elsewhere, 125),
        ] {
            let ran = suite.feed(program, record.to_string());
            assert!(ran.stderr.contains(&why) && ran.stdout.is_empty(), "{program:?}: {why}: {ran:?}");
            assert_eq!(ran.code(), Some(status), "{program:?}: {ran:?}");
        }
        let pair =
            [json!("a9"), json!("b9")].map(|name| asking(json!({"pair": "w", "name": name})).to_string()).join("\n");
        let ran = suite.feed(&["nicon-veth"], pair);
        assert!(ran.code() == Some(status) && ran.stderr.contains(&why) && ran.stdout.is_empty(), "{ran:?}");
    }
    assert_eq!(links()?, before);
    Ok(())
}

/// `host` and a name of `ip netns` are something else there.
fn no_process(suite: &Suite) -> Result<(), Failed> {
    for (elsewhere, status, why) in made_elsewhere(&json!({"target": "host"}))? {
        let mut asking = elsewhere.clone();
        asking.as_object_mut().unwrap().extend([("kind".into(), json!("bridge")), ("name".into(), json!("nicon-d9"))]);
        for (program, record) in [
            (&["nicon-links"][..], &elsewhere),
            (&["nicon-resolve"], &elsewhere),
            (&["nicon-linkmv", "--dry-run", "lo", "eth9"], &elsewhere),
            (&["nicon-linkadd"], &asking),
            (&["nicon-wire"], &asking),
        ] {
            refusal(&suite.feed(program, record.to_string()), status, &[&why]);
        }
    }
    // What was made here is not taken away by a record of elsewhere.
    let place = Place::new();
    let asks = json!({"pid": place.pid(), "kind": "bridge", "name": "br0"}).to_string();
    let made = record(&suite.feed(&["nicon-linkadd"], asks));
    for (elsewhere, status, why) in made_elsewhere(&made)? {
        not_undone(&suite.feed(&["nicon-linkadd", "--undo"], elsewhere.to_string()), status, &[&why]);
    }
    assert_eq!(place.links(), ["lo", "br0"]);
    assert!(!links().iter().any(|link| link == "nicon-d9"));
    Ok(())
}

/// A plan of the same name may be here, too.
fn of_plans(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let plan = format!("elsewhere{}", place.pid());
    let asks =
        json!({"pid": place.pid(), "kind": "bridge", "name": "br0", "plan": plan, "plan_size": 1, "plan_item": 1});
    record(&suite.feed(&["nicon-wire"], asks.to_string()));
    let before = place.ip("-j addr");
    for (elsewhere, _, why) in made_elsewhere(&asks)? {
        for options in [&[][..], &["--check"], &["--prune"], &["--destroy"]] {
            let ran = suite.feed(&[&["nicon-wire"], options].concat(), elsewhere.to_string());
            assert!(ran.stderr.contains(&why) && ran.stdout.is_empty() && ran.code() != Some(0), "{ran:?}");
        }
        let mut streamed = elsewhere.clone();
        streamed["event"] = json!("present");
        let ran = suite.feed(&["nicon-wire"], streamed.to_string());
        assert!(ran.stderr.contains(&why) && ran.stdout.is_empty() && ran.code() != Some(0), "{ran:?}");
    }
    assert_eq!(place.ip("-j addr"), before);
    suite.feed(&["nicon-wire", "--destroy"], asks.to_string()).ok()?;
    Ok(())
}
