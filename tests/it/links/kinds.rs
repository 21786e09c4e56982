//! Links of kinds that not every kernel has: `make test-links` runs these in user-mode Linux.

use libtest_mimic::{Failed, Trial};

use crate::support::kernel::Feature;
use crate::support::links::{Place, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial_of_kernel(
        &[Feature::LinkKind("dummy"), Feature::LinkKind("vlan")],
        "links::kinds::a_vlan_without_its_parent",
        a_vlan_without_its_parent,
    )]
}

fn a_vlan_without_its_parent(suite: &Suite) -> Result<(), Failed> {
    let (from, to) = (Place::new(), Place::new());
    from.ip("link add d0 type dummy");
    from.ip("link set d0 up");
    from.ip("link add link d0 name d0.7 type vlan id 7");
    from.ip("addr add 192.0.2.1/24 dev d0.7");
    let before = from.state("d0.7");
    let [source, target] = [&from, &to].map(|place| place.pid().to_string());
    let moved = suite.run(&["nicon-linkmv", "-f", &source, "-t", &target, "d0.7", "eth7", "--keep", "addr"]);
    let moved = moved.ok()?;
    let link = one(&to.ip("-j -d addr show dev eth7"));
    assert_eq!(
        (&link["linkinfo"]["info_data"]["id"], &link["addr_info"][0]["local"]),
        (&7.into(), &"192.0.2.1".into())
    );
    assert_eq!(from.links(), ["lo", "d0"]);
    suite.feed(&["nicon-linkmv", "--undo"], moved).ok()?;
    assert_eq!(from.state("d0.7"), before);
    Ok(())
}
