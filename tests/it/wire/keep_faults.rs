//! Keeping a plan wired against odds: signals, kills, other runs, full disks, and streams that are none.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use nix::sys::signal::Signal;
use serde_json::json;

use super::keep_lab::{KeptLab, changed, pair};
use crate::support::expect::{records, refusal};
use crate::support::links::{Pair, ip, links, links_of, one};
use crate::support::stream::Stream;
use crate::support::suite::Suite;
use nicon_lab::{catch, tool, until};

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "wire::keep_faults::a_failure_that_is_mended", mended),
        suite.trial_of_kernel(&[], "wire::keep_faults::killed_and_started_again", killed),
        suite.trial_of_kernel(&[], "wire::keep_faults::interrupted_in_a_storm", interrupted),
        suite.trial_of_kernel(&[], "wire::keep_faults::other_runs_for_the_same_plan", other_runs),
        suite.trial_of_kernel(&[], "wire::keep_faults::a_reader_that_leaves", reader_leaves),
        suite.trial_of_kernel(&[], "wire::keep_faults::streams_that_cannot_be_kept", no_streams),
        suite.trial_of_kernel(&[], "wire::keep_faults::a_full_disk", full_disk),
    ]
}

fn two(suite: &Suite) -> Result<KeptLab, Failed> {
    KeptLab::new(suite, 2, [pair("one", [0, 1], 1), pair("two", [0, 1], 2)].concat())
}

/// What fails holds nobody else up, is told once, is tried again, and that it works then is told.
fn mended(suite: &Suite) -> Result<(), Failed> {
    let mut lab = two(suite)?;
    let card = Pair::new();
    ip(&format!("link delete {}", card.link));
    lab.wishes.insert(0, (Some(0), json!({"link": card.link, "name": "moved"})));
    let all = lab.records();
    lab.stream.feed(all);
    assert_eq!(changed(&lab.stream.take(4)), [true; 4]);
    let failure = lab.stream.error();
    assert_eq!(failure, format!("nicon-wire: moved in c0: no link {} in host", card.link));
    // Events, and the time, have it tried again.
    for _ in 0..3 {
        let same = lab.records_of(1, "changed");
        lab.stream.feed(same);
        assert_eq!(changed(&lab.stream.take(4)), [false; 4]);
    }
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(lab.stream.told(), [""; 0]);
    // So does the link that it waits for.
    ip(&format!("link add {} type veth peer name {}", card.link, card.peer));
    assert_eq!(changed(&lab.stream.take(1)), [true]);
    assert_eq!(lab.stream.error(), "nicon-wire: moved in c0: mended");
    // A pair whose name somebody else has.
    lab.place(1).ip("link add three type bridge");
    lab.wishes.extend(pair("three", [0, 1], 3));
    lab.revision += 1;
    let all = lab.records();
    lab.stream.feed(all);
    lab.stream.take(5);
    let failure = lab.stream.error();
    assert!(failure.contains("three in c0 and three in c1: three already exists in c1 (bridge)"), "{failure}");
    lab.place(1).ip("link delete three");
    assert_eq!(changed(&lab.stream.take(2)), [true; 2], "after a while");
    lab.is_wired();
    // A record that cannot be understood is a fault of its own, also where it is no record of a plan.
    lab.stream.error();
    lab.stream.feed("{\"event\":\"present\",\"pid\":1}\nnonsense\n");
    let told = [lab.stream.error(), lab.stream.error()];
    assert!(told[0].contains("has no \"plan\"") && told[1].contains("not a record"), "{told:?}");
    lab.restart(&[1]);
    lab.is_wired();
    // Before Linux 6.2, only one that is down gets another name.
    lab.place(0).ip("link set moved down");
    lab.place(0).ip(&format!("link set moved name {}", card.link));
    lab.place(0).ip(&format!("link set {} netns {}", card.link, std::process::id()));
    lab.destroy(suite);
    Ok(())
}

fn killed(suite: &Suite) -> Result<(), Failed> {
    let mut lab = two(suite)?;
    let card = Pair::new();
    lab.wishes.push((Some(0), json!({"link": card.link, "name": "moved", "addr": ["192.0.2.1/24"]})));
    let made = |lab: &KeptLab| (0..2).map(|number| links_of(lab.place(number).pid()) - 1).sum::<usize>();
    let mut in_the_middle = 0;
    for round in 0..12_u64 {
        // Most of the time all is to be done, else nothing.
        if round % 3 != 0 {
            lab.destroy(suite);
            lab.start_again(&mut suite.command("nicon-wire")?)?;
        }
        let all = lab.records();
        lab.stream.feed(all);
        if round % 2 == 0 {
            // On a busy machine it takes longer to begin.
            catch("the first link", || made(&lab) > 0);
        } else {
            // Not a wait for something: the kill is to come at any time.
            std::thread::sleep(Duration::from_millis(round * 5 % 40));
        }
        lab.stream.signal(Signal::SIGKILL);
        lab.stream.end();
        in_the_middle += usize::from((1..5).contains(&made(&lab)));
        if round % 4 == 3 {
            lab.place(0).sh("ip link del one 2>/dev/null || :");
        }
        lab.start_again(&mut suite.command("nicon-wire")?)?;
        lab.begin();
        lab.is_wired();
        assert_eq!(lab.stream.told(), [""; 0], "round {round}");
        lab.stream.signal(Signal::SIGKILL);
        lab.stream.end();
        // What is in place stays as it is.
        lab.start_again(&mut suite.command("nicon-wire")?)?;
        assert_eq!(changed(&lab.begin()), [false; 5], "round {round}");
    }
    assert!(in_the_middle > 0, "no kill left some links there and others not");
    lab.destroy(suite);
    assert!(links().contains(&card.link));
    Ok(())
}

/// A signal ends the run between two units: no link of a pair is without its mark, and no card is between two places.
fn interrupted(suite: &Suite) -> Result<(), Failed> {
    let mut lab = KeptLab::new(
        suite,
        3,
        (0..20).flat_map(|n| pair(&format!("p{n}"), [usize::from(n) % 3, (usize::from(n) + 1) % 3], n)).collect(),
    )?;
    // On a busy machine it takes longer to begin: the moment in the middle lies between one before the first link and one behind the last.
    let (mut parts, mut pause, mut before, mut behind) = (0, Duration::from_millis(2), Duration::ZERO, None);
    for round in 0..40 {
        if parts > 0 && round >= 8 {
            break;
        }
        let all = lab.records();
        lab.stream.feed(all);
        // As above.
        std::thread::sleep(pause);
        lab.stream.signal(Signal::SIGTERM);
        assert_eq!(lab.stream.end().signal(), Some(Signal::SIGTERM as i32));
        let mut made = 0;
        for number in 0..3 {
            for name in lab.place(number).links().iter().filter(|name| *name != "lo") {
                let link = one(&lab.place(number).ip(&format!("-j addr show dev {name}")));
                assert_eq!(
                    (link["altnames"].as_array().map(Vec::len), &link["group"]),
                    (Some(1), &json!("default")),
                    "{link}"
                );
                made += 1;
            }
        }
        parts += usize::from(made > 0 && made < 40);
        pause = match made {
            0 => {
                (before, behind) = (pause, behind.filter(|behind| *behind > pause));
                behind.map_or(pause * 2, |behind| (before + behind) / 2)
            }
            // All of them may be older, unless the containers are new.
            40 if round % 2 == 1 => {
                (before, behind) = (before.min(pause / 2), Some(pause));
                (before + pause) / 2
            }
            _ => pause + Duration::from_millis(9),
        };
        lab.start_again(&mut suite.command("nicon-wire")?)?;
        if round % 2 == 0 {
            lab.replace(&[0, 1, 2]);
        }
    }
    assert!(parts > 0, "no signal came in the middle");
    lab.begin();
    lab.is_wired();
    assert_eq!(lab.stream.told(), [""; 0]);
    lab.destroy(suite);
    Ok(())
}

fn other_runs(suite: &Suite) -> Result<(), Failed> {
    let mut lab = two(suite)?;
    lab.begin();
    let once = lab.records().replace(",\"event\":\"present\"", "").replace(",\"plan_revision\":1", "");
    let who = format!("PID {} (nicon-wire) keeps plan {} wired (end it first)", lab.stream.pid(), lab.plan);
    for option in [&[][..], &["--prune"], &["--destroy"]] {
        refusal(&suite.feed(&[&["nicon-wire"], option].concat(), &once), 2, &[&who]);
    }
    let same = suite.feed(&["nicon-wire", "--check"], &once);
    assert_eq!((same.code(), &same.stdout[..]), (Some(0), ""), "{same:?}");
    // One run keeps a plan.
    let second = suite.feed(&["nicon-wire"], lab.records());
    refusal(&second, 2, &["keep plan", "nicon-wire) still holds", "(end it, or wait)"]);
    lab.is_wired();
    lab.stream.signal(Signal::SIGKILL);
    lab.stream.end();
    assert_eq!(records(&suite.feed(&["nicon-wire"], &once)).len(), 4);
    records(&suite.feed(&["nicon-wire", "--destroy"], &once));
    assert_eq!(lab.place(0).links(), ["lo"]);
    Ok(())
}

fn reader_leaves(suite: &Suite) -> Result<(), Failed> {
    let mut lab = two(suite)?;
    let mut shell = tool("bash");
    shell.args(["-c", "set -o pipefail; \"$0\" | head -n 4"]).arg(suite.bins()?.join("nicon-wire"));
    lab.start_again(&mut shell)?;
    lab.begin();
    // It has nothing to write when its reader leaves, and ends all the same.
    assert_eq!(lab.stream.end().code(), Some(0));
    assert_eq!(lab.stream.told(), [""; 0]);
    lab.start_again(&mut suite.command("nicon-wire")?)?;
    assert_eq!(changed(&lab.begin()), [false; 4]);
    // Idle, it does nothing.
    until("rest, whatever links of other tests still ring", || {
        let ticks = lab.stream.ticks();
        lab.stream.says_nothing();
        (lab.stream.ticks() == ticks).then_some(())
    });
    lab.destroy(suite);
    Ok(())
}

fn no_streams(suite: &Suite) -> Result<(), Failed> {
    let mut lab = two(suite)?;
    let all = lab.records();
    for option in ["--check", "--destroy"] {
        // It does not wait for an end that never comes.
        let mut stream = Stream::start(suite.command("nicon-wire")?.arg(option))?;
        stream.feed(&all);
        assert!(stream.error().contains(&format!("{option} wants the records of a plan, and not a stream")));
        assert_eq!(stream.end().code(), Some(2));
    }
    // Without --watch there is no revision, and the end of the input is the end of the plan.
    let unwatched = all.replace(",\"plan_revision\":1", "");
    let ran = suite.feed(&["nicon-wire", "--prune", "--force"], &unwatched);
    assert_eq!(records(&ran).len(), 4);
    let ran = suite.feed(&["nicon-wire"], &all);
    assert_eq!((ran.code(), ran.stdout.lines().count()), (Some(2), 4), "{ran:?}");
    assert!(ran.stderr.contains("the plan's stream has ended"), "{ran:?}");
    let part: String = unwatched.split_inclusive('\n').take(3).collect();
    refusal(&suite.feed(&["nicon-wire"], part), 2, &["has 4 records, of which 3 came"]);
    lab.destroy(suite);
    Ok(())
}

/// Where nothing can be written, the lab is wired once something can.
fn full_disk(suite: &Suite) -> Result<(), Failed> {
    let mut lab = two(suite)?;
    let card = Pair::new();
    lab.wishes.push((Some(0), json!({"link": card.link, "name": "moved", "addr": ["192.0.2.1/24"]})));
    let program = suite.bins()?.join("nicon-wire");
    // /run and the output are small and full; a line tells that they are not any more.
    let script = format!(
        "mount -t tmpfs none /tmp && cp {} /tmp && mount -t tmpfs -o size=64k none /run && mount -t tmpfs -o size=64k none /mnt \
         && mkdir -m 700 /run/nicon && {{ cat /dev/zero >/run/full; cat /dev/zero >/mnt/full; }} 2>/dev/null; exec /tmp/nicon-wire >/mnt/out",
        program.display()
    );
    lab.start_again(Command::new("unshare").args(["-m", "sh", "-c", &script]))?;
    let all = lab.records();
    lab.stream.feed(all);
    let told: Vec<String> = (0..3).map(|_| lab.stream.error()).collect();
    assert!(told.iter().all(|line| line.contains("No space left")), "{told:?}");
    assert!(told.iter().any(|line| line.contains("/run/nicon/")), "{told:?}");
    let outside = |path: &str| format!("/proc/{}/root/{path}", lab.stream.pid());
    until("the pairs", || (lab.place(0).links().len() >= 3).then_some(()));
    assert!(links().contains(&card.link), "what cannot be remembered is not moved");
    std::fs::remove_file(outside("run/full"))?;
    until("the move", || lab.place(0).links().contains(&"moved".to_owned()).then_some(()));
    std::fs::remove_file(outside("mnt/full"))?;
    let output = outside("mnt/out");
    let told = until("all records", || {
        let text = std::fs::read_to_string(&output).unwrap();
        let whole: Vec<serde_json::Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        (whole.len() >= 5).then_some(whole)
    });
    // How the link was is told, though the first record of its move was lost.
    let moved =
        told.iter().find(|record| !record["nic"]["name"].is_null() && record["nic"]["name"] == "moved").unwrap();
    assert_eq!(moved["done"][0]["undo"]["name"], json!(card.link), "{moved}");
    lab.is_wired();
    lab.place(0).ip("link set moved down");
    lab.stream.signal(Signal::SIGTERM);
    lab.stream.end();
    lab.places.clear();
    Ok(())
}
