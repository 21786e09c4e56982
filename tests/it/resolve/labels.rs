//! Labels: in records, and to choose containers by; Docker itself is the witness.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{Lab, until};
use serde_json::{Value, json};

use crate::support::expect::{record, records, refusal};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial("resolve::labels::of_one_project_under_two_engines", of_one_project_under_two_engines)]
}

const PROJECT: &str = "com.docker.compose.project=twin";

/// As Compose would start them: project, and service.
fn of_one_project_under_two_engines(suite: &Suite, lab: &Lab) -> Result<(), Failed> {
    for (at, name, service) in
        [("setup", "twin-web-1", "web"), ("setup", "twin-db-1", "db"), ("setup.olt_1", "twin-web-1", "web")]
    {
        let service = format!("--label=com.docker.compose.service={service}");
        lab.run_container(at, name, &[&format!("--label={PROJECT}"), &service])?;
    }
    let found = |words: &[&str]| {
        // Others' containers that come or go meanwhile are told of.
        let ran = until("an answer that nobody disturbs", || {
            Some(suite.run(&[&["nicon-resolve"], words].concat())).filter(|ran| ran.code() == Some(0))
        });
        let mut targets: Vec<_> =
            records(&ran).iter().map(|record| record["target"].as_str().unwrap_or_default().to_owned()).collect();
        targets.sort();
        targets
    };
    let of_project = format!("--label={PROJECT}");
    let all = ["setup.olt_1.twin-web-1", "setup.twin-db-1", "setup.twin-web-1"];
    assert_eq!(found(&["**", &of_project]), all);
    assert_eq!(found(&["**", "--label=com.docker.compose.project", &of_project]), all);
    assert_eq!(found(&["**", &of_project, "--label=com.docker.compose.service=db"]), all[1..2]);
    assert_eq!(found(&["setup.*", &of_project]), all[1..]);
    let here = lab.docker("setup", &["ps", "--quiet", "--filter", &format!("label={PROJECT}")])?.ok()?;
    assert_eq!(here.lines().count(), 2, "{here}");

    // At a path, what has it not is a clear no; and labels are in records on wish alone.
    record(&suite.run(&["nicon-resolve", "setup.twin-db-1", &of_project]));
    for label in ["--label=com.docker.compose.service=web", "--label=nobody", "--label=com.docker.compose.projec"] {
        let words = ["setup.twin-db-1", "has no label", label.trim_start_matches("--label=")];
        refusal(&suite.run(&["nicon-resolve", "setup.twin-db-1", label]), 1, &words);
    }
    let none = until("an answer that nobody disturbs", || {
        Some(suite.run(&["nicon-resolve", "setup.olt_1.*", "--label=nobody"])).filter(|ran| ran.code() != Some(2))
    });
    refusal(&none, 1, &["no running container matches"]);
    let told = record(&suite.run(&["nicon-resolve", "setup.twin-db-1", &of_project]));
    assert_eq!(told["labels"], Value::Null, "{told}");
    let told = record(&suite.run(&["nicon-resolve", "--labels", "setup.olt_1.twin-web-1"]));
    let inspected = ["inspect", "--format={{json .Config.Labels}}", "twin-web-1"];
    let expected: Value = serde_json::from_str(&lab.docker("setup.olt_1", &inspected)?.ok()?)?;
    assert_eq!(told["labels"], expected, "{told}");
    assert_eq!(told["labels"]["com.docker.compose.project"], json!("twin"), "{told}");
    lab.remove("setup.olt_1", "twin-web-1")?;
    ["twin-web-1", "twin-db-1"].iter().try_for_each(|name| Ok(lab.remove("setup", name)?))
}
