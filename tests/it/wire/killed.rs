//! Runs that are killed, at each of their calls and at random with others beside them: the next one finishes what was begun.

use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{catch, wait_for};
use serde_json::json;

use super::lab::Lab;
use crate::support::expect::records;
use crate::support::killed;
use crate::support::links::links_of;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "wire::killed::an_apply_at_each_call", an_apply),
        suite.trial_of_kernel(&[], "wire::killed::a_destroy_at_each_call", a_destroy),
        suite.trial_of_kernel(&[], "wire::killed::five_at_once_at_random", five_at_once),
    ]
}

fn an_apply(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let input = lab.input();
    let (mut whole, mut nothing, mut turn) = (0, 0, 0);
    let kills = killed::at_each_call(suite, (&["nicon-wire"], &input, 0), || {
        let links = lab.places[0].links().len() + lab.places[1].links().len();
        whole += usize::from(links == 5);
        nothing += usize::from(links == 2);
        turn += 1;
        // One after the other of what can come behind a kill. What is not marked yet is known to be the plan's, too.
        if turn % 2 == 1 {
            records(&suite.feed(&["nicon-wire"], &input));
            let same = suite.feed(&["nicon-wire", "--check"], &input);
            assert_eq!((same.code(), &same.stdout[..]), (Some(0), ""), "{same:?}");
        }
        records(&suite.feed(&["nicon-wire", "--destroy"], &input));
        lab.is_gone();
        Ok(())
    })?;
    assert!(
        kills > 30 && whole > 3 && nothing > 3,
        "{kills} kills, {whole} when all was done, {nothing} before anything"
    );
    Ok(())
}

fn a_destroy(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let input = lab.input();
    lab.wire(suite);
    let kills = killed::at_each_call(suite, (&["nicon-wire", "--destroy"], &input, 0), || {
        records(&suite.feed(&["nicon-wire", "--destroy"], &input));
        lab.is_gone();
        lab.wire(suite);
        Ok(())
    })?;
    assert!(kills > 10, "{kills} kills");
    records(&suite.feed(&["nicon-wire", "--destroy"], &input));
    lab.is_gone();
    Ok(())
}

/// Five runs, some of which apply and others destroy, and which are killed after times that differ.
fn five_at_once(suite: &Suite) -> Result<(), Failed> {
    let lab = Lab::new();
    let input = lab.input();
    let program = suite.bins()?.join("nicon-wire");
    // Two without the plan, five with all of it.
    let links = || lab.places.iter().map(|place| links_of(place.pid())).sum::<usize>();
    let mut in_the_middle = 0;
    for round in 0..12_u64 {
        let before = links();
        let mut running: Vec<_> = (0..5_u64)
            .map(|number| {
                let option = if (round + number) % 3 == 0 { &["--destroy"][..] } else { &[] };
                let mut command = Command::new(&program);
                command.args(option).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
                let mut child = command.spawn()?;
                std::io::Write::write_all(&mut child.stdin.take().expect("piped"), input.as_bytes())?;
                Ok::<_, std::io::Error>(child)
            })
            .collect::<Result<_, _>>()?;
        // Each second time not before the first change: on a busy machine no run might have begun.
        let has_begun = round % 2 == 1;
        if has_begun {
            let mut is_over = || running.iter_mut().all(|child| child.try_wait().is_ok_and(|end| end.is_some()));
            catch("a change, or the end of all", || links() != before || is_over());
        }
        for (number, child) in (0..).zip(&mut running) {
            if !has_begun {
                // Not a wait for something: the kill is to come at any time.
                std::thread::sleep(Duration::from_millis((round * 7 + number * 11) % 30));
            }
            child.kill()?;
        }
        for mut child in running {
            child.wait()?;
        }
        in_the_middle += usize::from((3..5).contains(&links()));
        records(&suite.feed(&["nicon-wire"], &input));
        let same = suite.feed(&["nicon-wire", "--check"], &input);
        assert_eq!((same.code(), &same.stdout[..]), (Some(0), ""), "round {round}: {same:?}");
        for (place, links) in [(0, &["lo", "eth1", "eth2"][..]), (1, &["lo", "eth1"])] {
            let mut there = lab.places[place].links();
            there.sort_by_key(|name| name != "lo");
            assert_eq!(there.len(), links.len(), "round {round}: {there:?}");
            assert!(links.iter().all(|link| there.iter().any(|name| name == link)), "round {round}: {there:?}");
        }
    }
    assert!(in_the_middle > 0, "no kill left some links there and others not");
    wait_for("both links and the loopback", || lab.places[0].links().len() == 3);
    records(&suite.feed(&["nicon-wire", "--destroy"], format!("{}\n", json!({"plan": lab.plan}))));
    lab.is_gone();
    Ok(())
}
