//! Giving a link, in its new place, what it is to have there.

use nicon_core::Result;
use nicon_core::link::{AltName, Cidr, Keep, NewName, Wish};
use nicon_linkmv::{Carry, Link, Place, address, route};
use nix::errno::Errno;

use crate::check::name_taken;
use crate::mark::note;
use crate::mover::Job;
use crate::sysctl::Sysctls;
use crate::wish;

/// What comes along from the old place.
#[derive(Default)]
pub(crate) struct Luggage {
    /// Addresses and routes.
    pub(crate) carry: Carry,
    pub(crate) settings: Sysctls,
}

impl Luggage {
    /// Of what a link has, as much as the wish keeps, made out to the ifindex that the link has.
    pub(crate) fn pack(wish: &Wish, carry: &Carry, settings: Sysctls, ifindex: u32) -> Self {
        let carry = carry.along(wish.keeps(Keep::Addr), wish.keeps(Keep::Route), ifindex);
        Self { carry, settings: if wish.keeps(Keep::Sysctl) { settings } else { Sysctls::default() } }
    }

    /// The same for the ifindex that the link has got.
    pub(crate) fn readdressed(self, ifindex: u32) -> Self {
        Self { carry: self.carry.along(true, true, ifindex), ..self }
    }
}

/// Gives the link what it lacks, and tells whether there was anything. `origin` is the name that it had in its old place.
///
/// # Errors
/// The first thing that the kernel refuses; what was given before stays.
pub(crate) async fn dress(
    job: &Job<'_>,
    link: &Link,
    (origin, master): (&str, Option<u32>),
    luggage: &Luggage,
    home: &Place,
) -> Result<bool> {
    let Job { wish, to, .. } = job;
    let failed = |what: &str| format!("{what} {} in {}", link.name, to.label);
    // IPv6 makes addresses as soon as the link is up, and by its settings.
    luggage.settings.write(to, home, &link.name)?;
    let request = wish::request(wish, link, master, note(&job.from.place, origin));
    let mut changed = !request.attributes.is_empty() || !request.header.flags.is_empty();
    if changed {
        to.netlink.set_link(request).await.map_err(|refusal| match (&wish.name, refusal.errno) {
            (Some(NewName::Name(name)), Errno::EEXIST) => name_taken(name.as_str(), to),
            _ => refusal.doing(&failed("set up")),
        })?;
    }
    for altname in wish.altnames.iter().map(AltName::as_str).filter(|name| !link.altnames.iter().any(|has| has == name))
    {
        let added = to.netlink.add_altname(link.ifindex, altname).await;
        added.map_err(|refusal| refusal.doing(&failed(&format!("add alternative name {altname} to"))))?;
        changed = true;
    }
    luggage.carry.put_back(&to.netlink).await?;
    if !wish.addresses.is_empty() {
        let present = to.netlink.addresses(link.ifindex).await?;
        let present: Vec<Cidr> = present.iter().map(address::told).collect();
        for cidr in wish.addresses.iter().filter(|cidr| !present.contains(cidr)) {
            let put = to.netlink.put(address::request(cidr, link.ifindex)).await;
            put.map_err(|refusal| refusal.doing(&failed(&format!("add address {cidr} to"))))?;
            changed = true;
        }
    }
    if !wish.routes.is_empty() {
        let present = Carry::read(&to.netlink, link.ifindex).await?.routes();
        for asked in wish.routes.iter().filter(|asked| !present.iter().any(|there| there.is(asked))) {
            let put = to.netlink.put(route::request(asked, link.ifindex)).await;
            put.map_err(|refusal| refusal.doing(&failed(&format!("add route {asked} through"))))?;
            changed = true;
        }
    }
    Ok(changed)
}
