//! The tables of what was done: each row tells what became of its link.

use libtest_mimic::{Failed, Trial};
use nicon_lab::Ran;
use serde_json::{Value, json};

use super::lab::Lab;
use crate::support::expect::parse;
use crate::support::links::Place;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "wire::table::what_became_of_each_link", each_link),
        suite.trial_of_kernel(&[], "wire::table::of_a_plan_that_is_kept", kept),
        suite.trial_of_kernel(&[], "wire::table::of_what_is_not_there_yet", not_there),
        suite.trial_of_kernel(&[], "wire::table::of_steps", steps),
        suite.trial_of_kernel(&[], "wire::table::of_what_is_undone", undone),
    ]
}

/// Makes sure that a run tells this of links, one a row: where each is, its name, and what was done.
#[track_caller]
fn tells(ran: &Ran, expected: &[[&str; 3]]) {
    assert_eq!(ran.code(), Some(0), "{ran:?}");
    assert!(ran.stdout.lines().all(|line| line.len() <= 80), "{ran:?}");
    let cells = |line: &str| -> Vec<String> {
        line.split("  ").map(|cell| cell.trim().to_owned()).filter(|cell| !cell.is_empty()).collect()
    };
    let mut rows = ran.stdout.lines().map(cells);
    let titles = rows.next().unwrap_or_default();
    let column = |title: &str| titles.iter().position(|other| other == title);
    let columns = ["TARGET", "NAME", "DONE"].map(|title| column(title).unwrap_or_else(|| panic!("{title}: {ran:?}")));
    let mut told: Vec<_> = rows.map(|row| columns.map(|column| row[column].clone())).collect();
    let mut expected = expected.to_vec();
    // In which namespace it is looked first does not matter.
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected, "{ran:?}");
}

/// What tables call a place.
fn label(place: &Place) -> String {
    format!("process {}", place.pid())
}

/// What they call it where no record names it any more.
fn unnamed(place: &Place) -> String {
    format!("pid:{}", place.pid())
}

fn each_link(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let [first, second] = &lab.places.each_ref().map(label);
    let unnamed = &lab.places.each_ref().map(unnamed);
    let run = |option: &[&str], wishes: &[Value]| {
        suite.feed(&[&["nicon-wire", "-o", "table"], option].concat(), lab.records(wishes))
    };
    let all = |[one, other, moved]: [&'static str; 3]| {
        [[first, "eth1", one], [second, "eth1", other], [first, "eth2", moved]]
    };
    let mut wishes = lab.wishes();
    tells(&run(&[], &wishes), &all(["made", "made", "moved"]));
    tells(&run(&[], &wishes), &all(["nothing"; 3]));
    for wish in &mut wishes {
        wish["mtu"] = 1300.into();
    }
    tells(&run(&[], &wishes), &all(["changed"; 3]));
    let [_, _, moved] = &wishes;
    let pruned = [[first, "eth1", "removed"], [&unnamed[1], "eth1", "removed"], [first, "eth2", "nothing"]];
    tells(&run(&["--prune"], std::slice::from_ref(moved)), &pruned);
    tells(&run(&[], &wishes), &all(["made", "made", "nothing"]));
    let back = ["host", &lab.pair.link, "put back"];
    let unchanged = all(["nothing"; 3]);
    tells(&run(&["--prune"], &wishes[..2]), &[&[back], &unchanged[..2]].concat());
    tells(&run(&[], &wishes), &all(["nothing", "nothing", "moved"]));
    let destroyed = [back, [&unnamed[0], "eth1", "removed"], [&unnamed[1], "eth1", "removed"]];
    tells(&run(&["--destroy"], &wishes), &destroyed);
    lab.is_gone();
    // One that is changed where it is.
    let own = [json!({"pid": lab.places[0].pid(), "from": "target", "link": "lo", "mtu": 1400})];
    for (option, told) in [(&[][..], "changed"), (&[], "nothing"), (&["--destroy"], "put back")] {
        let ran = run(option, &own);
        // What is brought home is told by where it is.
        assert!(ran.stdout.trim_end().ends_with(told), "{ran:?}");
    }
    lab.is_gone();
    Ok(())
}

fn kept(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let [first, second] = &lab.places.each_ref().map(label);
    let unnamed = &unnamed(&lab.places[1]);
    let run = |wishes: &[Value]| {
        let mut wishes = wishes.to_vec();
        for (number, wish) in (1..).zip(&mut wishes) {
            wish["plan_item"] = number.into();
            wish["event"] = "present".into();
        }
        suite.feed(&["nicon-wire", "-o", "table"], lab.records(&wishes))
    };
    let wishes = lab.wishes();
    let made = [[first, "eth2", "moved"], [first, "eth1", "made"], [second, "eth1", "made"]];
    tells(&run(&wishes), &made);
    let pruned = [[first, "eth1", "removed"], [unnamed, "eth1", "removed"], [first, "eth2", "nothing"]];
    tells(&run(&wishes[2..]), &pruned);
    suite.feed(&["nicon-wire", "--destroy"], lab.input());
    lab.is_gone();
    Ok(())
}

/// A container that never was there has not gone; and all that comes with it stands below the heading, however long it is.
fn not_there(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let record = |item: u32, event: &str, pid: Option<u32>, target: &str, name: &str| json!({"target": target, "pid": pid, "kind": "bridge", "name": name, "plan": "not-there", "plan_size": 4, "plan_item": item, "event": event});
    let mut unknown = record(2, "gone", None, "silent", "d2");
    unknown["unknown"] = "its engine is silent".into();
    let input = [
        record(1, "gone", None, "nobody", "d1"),
        unknown,
        record(3, "gone", Some(place.pid()), "ended", "d3"),
        record(4, "present", Some(place.pid()), "setup.olt_1.lt_1.deeper", "long-name-4"),
    ];
    let ran = suite.feed(&["nicon-wire", "-o", "table"], input.map(|record| format!("{record}\n")).concat());
    let [heading, rows @ ..] = &ran.stdout.lines().collect::<Vec<_>>()[..] else { panic!("{ran:?}") };
    let told = [
        ["absent", "nobody", "d1", "-"],
        ["unknown", "silent", "d2", "-"],
        ["gone", "ended", "d3", "-"],
        ["present", "setup.olt_1.lt_1.deeper", "long-name-4", "made"],
    ];
    assert_eq!(rows.len(), told.len(), "{ran:?}");
    for (row, told) in rows.iter().zip(told) {
        for (title, cell) in ["EVENT", "TARGET", "NAME", "DONE"].into_iter().zip(told) {
            let column = heading.find(title).unwrap_or_else(|| panic!("{ran:?}"));
            assert_eq!(row[column..].split_whitespace().next(), Some(cell), "{title}: {ran:?}");
        }
    }
    assert_eq!(place.links(), ["lo", "long-name-4"]);
    Ok(())
}

/// Each has a row of its own, below the others of its link.
fn steps(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let [mut wish, ..] = lab.wishes();
    wish = json!({"pid": wish["pid"], "kind": "dummy", "name": "d1", "addr": wish["addr"], "gateway": ["192.0.2.2"]});
    let ran = suite.feed(&["nicon-wire", "--check", "-o", "table"], lab.records(std::slice::from_ref(&wish)));
    let [heading, rows @ ..] = &ran.stdout.lines().collect::<Vec<_>>()[..] else { panic!("{ran:?}") };
    let begin = heading.find("STEPS").ok_or("no steps")?;
    let told: Vec<_> = rows.iter().map(|row| row.split_at(begin)).collect();
    let all = suite.feed(&["nicon-wire", "--check"], lab.records(std::slice::from_ref(&wish)));
    let all = parse(&all.stdout)[0]["steps"].clone();
    assert_eq!(json!(told.iter().map(|(_, step)| *step).collect::<Vec<_>>()), all, "{ran:?}");
    assert!(told.len() > 2 && told[0].0.contains("d1"), "{ran:?}");
    assert!(told[1..].iter().all(|(before, _)| before.trim().is_empty()), "{ran:?}");
    assert_eq!(told.last().map(|(_, step)| *step), Some("route add default via 192.0.2.2 dev d1"));
    lab.is_gone();
    Ok(())
}

/// The other programs tell it in the same words.
fn undone(suite: &Suite) -> Result<(), Failed> {
    let (place, other) = (Place::new(), Place::new());
    let [here, there] = &[&place, &other].map(label);
    let input = [&place, &other].map(|place| format!("{}\n", json!({"pid": place.pid()})));
    let pair = suite.feed(&["nicon-veth", "w1", "w2"], input.concat());
    let single = suite.feed(&["nicon-linkadd", "bridge", "br1"], &input[0]);
    for told in ["removed", "nothing"] {
        let undo = |made: &Ran| suite.feed(&["nicon-linkmv", "--undo", "-o", "table"], &made.stdout);
        tells(&undo(&pair), &[[here, "w1", told], [there, "w2", told]]);
        tells(&undo(&single), &[[here, "br1", told]]);
    }
    Ok(())
}
