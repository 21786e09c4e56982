//! What a move would do, in the words of `ip`.

use nicon_linkmv::Link;

use crate::dress::Luggage;
use crate::mover::Job;

/// The steps, in order. Equivalents: nicon sends messages, and the first line is one of them.
pub(crate) fn plan(job: &Job<'_>, link: &Link, luggage: &Luggage) -> Vec<String> {
    let (wish, to) = (job.wish, &job.to.label);
    let name = wish.name.as_ref().map_or(link.name.as_str(), |name| name.as_str());
    let mut first = format!("link set {} netns [{to}] name {name}", link.name);
    for (word, value) in [
        ("mtu", wish.mtu.map(|mtu| mtu.to_string())),
        ("address", wish.mac.map(|mac| mac.to_string())),
        ("master", wish.master.as_ref().map(ToString::to_string)),
        ("alias", wish.alias.as_ref().map(|alias| alias.as_str().to_owned())),
    ] {
        first.extend(value.map(|value| format!(" {word} {value}")));
    }
    first.push_str(if wish.up { " up" } else { " down" });
    let mut steps = vec![first];
    let settings = luggage.settings.names().into_iter();
    steps.extend(settings.map(|setting| format!("sysctl {setting} of {name}, as it is")));
    steps.extend(
        wish.altnames.iter().map(|altname| format!("link property add dev {name} altname {}", altname.as_str())),
    );
    let along = &luggage.carry;
    let addresses = along.addresses().into_iter().chain(wish.addresses.iter().map(ToString::to_string));
    steps.extend(addresses.map(|address| format!("address replace {address} dev {name}")));
    let routes = along.routes().iter().map(ToString::to_string).collect::<Vec<_>>();
    let routes = routes.into_iter().chain(wish.routes.iter().map(ToString::to_string));
    steps.extend(routes.map(|route| format!("route replace {route} dev {name}")));
    steps
}
