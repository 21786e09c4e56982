//! Destroying a plan: what it made goes, what it moved comes home, and nothing else is touched.

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use super::lab::Lab;
use crate::support::expect::{deed, record, records, refusal, undone};
use crate::support::kernel::Feature;
use crate::support::links::{Place, ip};
use crate::support::suite::Suite;
use nicon_lab::{LIMIT, becomes, output_of_input, tool};

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "wire::destroy::only_what_is_of_the_plan", only_what_is_of_the_plan),
        suite.trial_of_kernel(&[], "wire::destroy::whatever_it_is_called_meanwhile", renamed),
        suite.trial_of_kernel(&[], "wire::destroy::where_a_container_has_ended", ended),
        suite.trial_of_kernel(&[], "wire::destroy::a_card_that_the_kernel_put_back", put_back),
        suite.trial_of_kernel(&[Feature::NetworkCard], "wire::destroy::a_card_on_its_way_home", on_its_way),
        suite.trial_of_kernel(&[], "wire::destroy::a_pair_that_was_moved_on", moved_on),
        suite.trial_of_kernel(&[], "wire::destroy::what_a_second_run_tells", second_run),
        suite.trial_of_kernel(&[], "wire::destroy::what_others_have_stacked_on_it", stacked),
        suite.trial_of_kernel(&[], "wire::destroy::lines_that_name_no_plan", no_plan),
        suite.trial_of_kernel(&[], "wire::destroy::an_interrupted_one", interrupted),
        suite.trial_of_kernel(&[], "wire::destroy::marks_that_a_container_has_made", forged),
        suite.trial_of_kernel(&[], "wire::destroy::where_it_may_not_look", unseen),
    ]
}

/// Destroys the lab's plan, of whose records only its name is read.
fn destroy(suite: &Suite, lab: &Lab) -> Vec<Value> {
    records(&suite.feed(&["nicon-wire", "--destroy"], format!("{}\n", json!({"plan": lab.plan}))))
}

fn only_what_is_of_the_plan(suite: &Suite) -> Result<(), Failed> {
    let (lab, other) = (Lab::new(), Lab::new());
    lab.places[0].ip("link add mine type bridge");
    // Another plan has a link of the same name in the same place, but for its own.
    let bystander = json!({"pid": lab.places[0].pid(), "link": other.pair.link, "name": "eth3"});
    records(&suite.feed(&["nicon-wire"], other.records(&[bystander])));
    lab.wire(suite);
    let gone = destroy(suite, &lab);
    let told: Vec<_> = gone.iter().map(|record| (&record["plan"], &undone(record)["name"])).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.iter().all(|(plan, _)| **plan == lab.plan), "{told:?}");
    let is_there = |record: &&Value| undone(record).get("removed").is_none();
    let there: Vec<_> = gone.iter().filter(is_there).map(|record| &undone(record)["name"]).collect();
    assert_eq!(there, [&lab.pair.link], "the ends of the pair are no more");
    assert_eq!(lab.places[0].links(), ["lo", "mine", "eth3"]);
    destroy(suite, &other);
    lab.places[0].ip("link del mine");
    lab.is_gone();
    other.is_gone();
    assert_eq!(destroy(suite, &lab), [Value::Null; 0], "nothing is left to do");
    Ok(())
}

fn renamed(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    lab.wire(suite);
    lab.places[0]
        .sh("ip link set eth1 down; ip link set eth1 name other; ip link set eth2 down; ip link set eth2 name eth1");
    let checked = suite.feed(&["nicon-wire", "--check"], lab.input());
    assert_ne!(checked.code(), Some(0), "{checked:?}");
    destroy(suite, &lab);
    lab.is_gone();
    Ok(())
}

/// The links of a container go with it, and the other ends of its pairs; of the rest, its plan is still known.
fn ended(suite: &Suite) -> Result<(), Failed> {
    let Lab { plan, places: [first, second], pair, .. } = Lab::new();
    let wishes = [
        json!({"pid": first.pid(), "pair": "p", "name": "eth1"}),
        json!({"pid": second.pid(), "pair": "p", "name": "eth1"}),
        json!({"pid": second.pid(), "link": pair.link, "name": "eth2"}),
        json!({"target": "host", "pair": "q", "name": "in-first", "master": null}),
        json!({"pid": first.pid(), "pair": "q", "name": "eth3"}),
    ];
    let record = |wish: &Value| {
        let mut record = wish.clone();
        record["plan"] = plan.clone().into();
        format!("{record}\n")
    };
    let input: String = wishes.iter().map(record).collect();
    records(&suite.feed(&["nicon-wire"], input));
    drop(second);
    becomes(|| first.links(), &["lo", "eth3"].map(str::to_owned).to_vec());
    let gone = records(&suite.feed(&["nicon-wire", "--destroy"], format!("{}\n", json!({"plan": plan}))));
    assert!(gone.iter().all(|record| record["target"] != json!("nobody")), "{gone:?}");
    assert_eq!(first.links(), ["lo"]);
    assert!(!crate::support::links::links().contains(&"in-first".to_owned()));
    let left: Vec<_> = std::fs::read_dir("/run/nicon")?.flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains(&plan)), "{left:?}");
    Ok(())
}

/// When a container ends, the kernel puts its network cards back, but as the container left them. The plan knows how they were,
/// also if they were moved again since.
fn put_back(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let home = format!("link set eth2 netns {}", std::process::id());
    for again in [false, true] {
        lab.wire(suite);
        lab.places[0].ip(&home);
        if again {
            let told = lab.wire(suite);
            let changed: Vec<_> = told.iter().map(|record| &deed(record)["changed"]).collect();
            assert_eq!(changed, [false, false, true]);
            assert_eq!(lab.places[0].links(), ["lo", "eth1", "eth2"]);
        }
        destroy(suite, &lab);
        lab.is_gone();
    }
    Ok(())
}

/// A container has just ended. Until the kernel has put its card back, that is nowhere.
fn on_its_way(suite: &Suite) -> Result<(), Failed> {
    ip("addr add 192.0.2.200/24 dev vec0");
    for round in 0..20 {
        let lab = Lab::new();
        let place = Place::new();
        let wish = json!({"pid": place.pid(), "link": "vec0", "name": "eth0"});
        records(&suite.feed(&["nicon-wire"], lab.records(&[wish])));
        drop(place);
        let home = destroy(suite, &lab);
        assert_eq!(undone(&home[0])["name"], "vec0", "round {round}: {home:?}");
        assert!(ip("-j addr show dev vec0").contains("192.0.2.200"), "round {round}");
    }
    ip("addr del 192.0.2.200/24 dev vec0");
    Ok(())
}

/// One end of a pair of the plan was moved elsewhere by nicon-linkmv since: it is still the plan's.
fn moved_on(suite: &Suite) -> Result<(), Failed> {
    let (lab, elsewhere) = (Lab::new(), Place::new());
    lab.wire(suite);
    let [from, to] = [&lab.places[1], &elsewhere].map(|place| place.pid().to_string());
    record(&suite.run(&["nicon-linkmv", "-f", &from, "-t", &to, "eth1"]));
    destroy(suite, &lab);
    lab.is_gone();
    assert_eq!(elsewhere.links(), ["lo"]);
    Ok(())
}

/// What a run of a plan tells of a link that an earlier one has moved is enough to put it back.
fn second_run(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    lab.wire(suite);
    let again = lab.wire(suite);
    let told: Vec<_> = again.iter().map(|record| format!("{record}\n")).collect();
    assert_eq!(deed(&again[2])["changed"], false);
    record(&suite.feed(&["nicon-linkmv", "--undo"], &told[2]));
    crate::links::undo::settles_as(&lab.before, &lab.pair.link);
    destroy(suite, &lab);
    lab.is_gone();
    Ok(())
}

fn stacked(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    lab.wire(suite);
    lab.places[0].ip("link add over type vxlan id 7 dstport 0 dev eth1 remote 192.0.2.2");
    let refused = suite.feed(&["nicon-wire", "--destroy"], lab.input());
    assert_eq!(refused.code(), Some(2), "{refused:?}");
    assert!(refused.stderr.contains("has over stacked on it") && refused.stderr.contains("--force"), "{refused:?}");
    assert!(lab.places[0].links().contains(&"over".to_owned()));
    records(&suite.feed(&["nicon-wire", "--destroy", "--force"], lab.input()));
    lab.is_gone();
    Ok(())
}

/// The root of a container can put a mark on its links, or take it away.
fn forged(suite: &Suite) -> Result<(), Failed> {
    let (lab, other) = (Lab::new(), Lab::new());
    other.wire(suite);
    // A link that the other plan has moved says that it is of this one; and our own link has lost its mark.
    lab.wire(suite);
    other.places[0].ip(&format!("link property add dev eth2 altname {}", lab.mark("eth2")));
    lab.places[0].ip(&format!("link property del dev eth2 altname {}", lab.mark("eth2")));
    let ran = suite.feed(&["nicon-wire", "--destroy"], lab.input());
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    assert!(ran.stderr.contains("eth2 in pid:") && ran.stderr.contains("how it was before is not known"), "{ran:?}");
    assert_eq!(other.places[0].links(), ["lo", "eth1", "eth2"], "it is not ours");
    lab.is_gone();
    destroy(suite, &other);
    other.is_gone();
    Ok(())
}

/// A link that cannot be seen is not taken for gone: how it was is kept for a run that sees it.
fn unseen(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    lab.wire(suite);
    let mut limited = tool("setpriv");
    limited.args(["--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]).arg(suite.bins()?.join("nicon-wire"));
    let ran = output_of_input(limited.arg("--destroy"), lab.input(), LIMIT)?;
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    assert!(ran.stderr.contains(&format!("look for {}: ", lab.pair.link)), "{ran:?}");
    assert_eq!(lab.places[0].links(), ["lo", "eth1", "eth2"]);
    destroy(suite, &lab);
    lab.is_gone();
    Ok(())
}

/// A signal that comes with each of some messages to the kernel ends the run behind the link that is being removed. It is told once,
/// not for each link that is left.
fn interrupted(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let program = suite.bins()?.join("nicon-wire");
    let mut left = 0;
    for message in (1..=49).step_by(6) {
        lab.wire(suite);
        let mut strace = tool("strace");
        strace.args(["-qq", "-o", "/dev/null", "-e", "trace=sendto", "-e"]);
        strace.arg(format!("inject=sendto:signal=TERM:when={message}")).arg(&program).arg("--destroy");
        let ran = output_of_input(&mut strace, lab.input(), LIMIT)?;
        let told = ran.stderr.matches("interrupted by SIGTERM").count();
        left += usize::from(told == 1 && lab.places[0].links().len() > 1);
        assert!(told <= 1 && ran.stderr.lines().count() == told, "message {message}: {ran:?}");
        destroy(suite, &lab);
        lab.is_gone();
    }
    assert!(left > 0, "no run was interrupted before its end");
    Ok(())
}

/// A line that cannot be read may be all that names a plan: it is told, and the others are done.
fn no_plan(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    lab.wire(suite);
    let destroy = |input: String| suite.feed(&["nicon-wire", "--destroy"], input);
    refusal(&destroy(format!("{}\n", lab.plan)), 2, &["line 1: ", "is not a record"]);
    refusal(&destroy("{\"plan\":\"a b\"}\n".to_owned()), 2, &["line 1: ", "is not the name of a plan"]);
    refusal(&destroy(String::new()), 1, &["no record on standard input: nothing to do"]);
    let ran = destroy(format!("{}\n{{\"plan\":\"anoth", json!({"plan": lab.plan})));
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    assert!(ran.stderr.contains("line 2: not a record"), "{ran:?}");
    lab.is_gone();
    Ok(())
}
