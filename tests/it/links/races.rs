//! Several runs of nicon-linkmv for the same links at once, and runs that are killed among them.

use std::process::{Child, Stdio};
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Ran, becomes, catch, output_of_input};
use serde_json::{Value, json};

use crate::support::expect::{parse, records};
use crate::support::links::{Place, links_of};
use crate::support::suite::Suite;

/// How many rounds of killed movers are tried, if not in an ordinary run.
const ROUNDS: &str = "NICON_ROUNDS";

const LINKS: usize = 10;
const MOVERS: usize = 5;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::races::of_identical_commands_each_succeeds", identical_commands),
        suite.trial_of_kernel(&[], "links::races::a_mover_and_an_undo", a_mover_and_an_undo),
        suite.trial_of_kernel(&[], "links::races::movers_that_are_killed_at_random", killed_at_random),
    ]
}

/// Ten links with what a move loses, and where they are to go.
struct Field {
    from: Place,
    to: Place,
}

impl Field {
    fn new() -> Self {
        let (from, to) = (Place::new(), Place::new());
        for place in [&from, &to] {
            place.sh("echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad");
        }
        let lines = (0..LINKS).map(|n| {
            format!(
                "link add v{n} type veth peer name p{n}\nlink set p{n} up\nlink set v{n} up mtu 1400 alias mine-{n}\n\
                 link property add dev v{n} altname also-{n}\naddr add 10.{n}.0.1/24 dev v{n}\n\
                 addr add 2001:db8:1{n}::1/64 dev v{n} nodad\nroute add 10.{n}.2.0/26 via 10.{n}.0.254 dev v{n} metric 77\n"
            )
        });
        from.ip_batch(&lines.collect::<String>());
        Self { from, to }
    }

    fn home(&self) -> Vec<[String; 3]> {
        (0..LINKS).map(|n| self.from.state(&format!("v{n}"))).collect()
    }

    /// What moves all links and carries over what they have.
    fn asked(&self) -> String {
        let ask = |n| json!({"pid": self.to.pid(), "from": self.from.pid(), "link": format!("v{n}"), "name": format!("eth{n}"), "keep": ["addr", "route"]});
        (0..LINKS).map(|n| ask(n).to_string() + "\n").collect()
    }

    /// All links are in the target with all that they had, and no mark.
    fn is_moved(&self) -> Result<(), Failed> {
        for n in 0..LINKS {
            let [addr, routes, _] = self.to.state(&format!("eth{n}"));
            for text in
                [format!("10.{n}.0.1"), format!("2001:db8:1{n}::1"), format!("\"also-{n}\""), format!("mine-{n}")]
            {
                if !addr.contains(&text) {
                    return Err(format!("eth{n} lacks {text}: {addr}").into());
                }
            }
            if addr.contains("\"nicon.") || !routes.contains(&format!("10.{n}.2.0/26")) {
                return Err(format!("eth{n}: {addr} {routes}").into());
            }
        }
        if self.from.journals().is_empty() { Ok(()) } else { Err(format!("{:?} stay", self.from.journals()).into()) }
    }
}

fn start(suite: &Suite, words: &[&str], input: &str) -> Result<Child, Failed> {
    use std::io::Write;
    let mut command = suite.command(words[0])?;
    command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    child.stdin.take().ok_or("no input")?.write_all(input.as_bytes())?;
    Ok(child)
}

fn at_once(suite: &Suite, count: usize, words: &[&str], input: &str) -> Vec<Ran> {
    std::thread::scope(|scope| {
        let run = || output_of_input(suite.command(words[0]).unwrap().args(&words[1..]), input, LIMIT).unwrap();
        let runs: Vec<_> = (0..count).map(|_| scope.spawn(run)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    })
}

fn identical_commands(suite: &Suite) -> Result<(), Failed> {
    let field = Field::new();
    let before = field.home();
    for _ in 0..3 {
        let ran = at_once(suite, MOVERS, &["nicon-linkmv"], &field.asked());
        let told: Vec<Value> = ran.iter().flat_map(records).collect();
        let deeds: Vec<&Value> = told.iter().map(|record| &record["done"][0]).collect();
        assert_eq!(deeds.len(), MOVERS * LINKS);
        let moved = deeds.iter().filter(|deed| deed["changed"] == true).count();
        assert_eq!(moved, LINKS, "each link is moved once: {deeds:?}");
        field.is_moved()?;
        // Two undos of the same records at once: each succeeds, and all is as it was.
        let moved: String = told
            .iter()
            .filter(|record| record["done"][0]["changed"] == true)
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n");
        for ran in at_once(suite, 2, &["nicon-linkmv", "--undo"], &moved) {
            assert_eq!(records(&ran).len(), LINKS);
        }
        becomes(|| field.home(), &before);
    }
    Ok(())
}

/// Whoever comes last, nothing is lost: an undo brings back all that it was told of, as it was.
fn a_mover_and_an_undo(suite: &Suite) -> Result<(), Failed> {
    let field = Field::new();
    let before = field.home();
    for _ in 0..3 {
        let moved = suite.feed(&["nicon-linkmv"], field.asked());
        records(&moved);
        let (again, undone) = std::thread::scope(|scope| {
            let again = scope.spawn(|| suite.feed(&["nicon-linkmv"], field.asked()));
            let undone = scope.spawn(|| suite.feed(&["nicon-linkmv", "--undo"], &moved.stdout));
            (again.join().unwrap(), undone.join().unwrap())
        });
        let back = suite.feed(&["nicon-linkmv", "--undo"], format!("{}{}", moved.stdout, again.stdout));
        assert_eq!(back.code(), Some(0), "{again:?} {undone:?} {back:?}");
        becomes(|| field.home(), &before);
        assert_eq!((field.to.links(), field.from.journals()), (vec!["lo".to_owned()], Vec::new()));
    }
    Ok(())
}

/// Five movers of the same ten links, all killed at some time. One more run of the same command moves what is left to move, with
/// all that the links had, and what all of them have printed undoes it.
fn killed_at_random(suite: &Suite) -> Result<(), Failed> {
    let rounds = std::env::var(ROUNDS).ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(8);
    let field = Field::new();
    let before = field.home();
    let (mut seed, mut in_the_middle): (u64, usize) = (0x9e37_79b9_7f4a_7c15, 0);
    for round in 0..rounds {
        let mut movers: Vec<Child> =
            (0..MOVERS).map(|_| start(suite, &["nicon-linkmv"], &field.asked())).collect::<Result<_, _>>()?;
        let mut printed = String::new();
        // Each second time not before the first link has moved: on a busy machine no mover might have begun.
        let has_begun = round % 2 == 1;
        if has_begun {
            catch("a link that has moved", || links_of(field.to.pid()) > 1);
        }
        for mover in &mut movers {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if !has_begun {
                std::thread::sleep(Duration::from_micros((seed >> 33) % 9_000));
            }
            mover.kill()?;
        }
        for mover in movers {
            let output = String::from_utf8(mover.wait_with_output()?.stdout)?;
            // One that was killed while it wrote has written half a line.
            printed.extend(output.split_inclusive('\n').filter(|line| line.ends_with('\n')));
        }
        in_the_middle += usize::from((2..=LINKS).contains(&links_of(field.to.pid())));
        let again = suite.feed(&["nicon-linkmv"], field.asked());
        let told = |error: Failed| Failed::from(format!("round {round}: {error:?} after {again:?} {printed}"));
        if again.code() != Some(0) {
            return Err(told("it did not finish".into()));
        }
        field.is_moved().map_err(told)?;
        // The first deed of a link is the one that has its state.
        let mut deeds = parse(&format!("{printed}{}", again.stdout));
        deeds.retain(|record| record["done"][0]["undo"].get("requests").is_some());
        let input = deeds.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let undone = suite.feed(&["nicon-linkmv", "--undo"], input);
        if undone.code() != Some(0) {
            return Err(told(format!("{undone:?}").into()));
        }
        becomes(|| field.home(), &before);
    }
    assert!(in_the_middle > 0 || rounds < 8, "none of {rounds} kills left some links moved and others not");
    Ok(())
}
