"""What became of a plan on all machines together."""

from __future__ import annotations


def state_of(result):
    """What one machine's result comes to."""
    if not result:
        return "unknown"
    if result.get("unreachable"):
        return "unreachable"
    if result.get("failed") or result.get("failures"):
        return "failed"
    return "differs" if result.get("differing") else "wired"


def lines_of(host, result, state, lost):
    """What there is to tell of one machine."""
    if state == "unknown":
        yield f"{host}: nothing is known of it: it was not reached, or a task before nicon's has failed (see above)"
        return
    if state == "unreachable":
        yield f"{host}: it was not reached"
        return
    failures = result.get("failures") or []
    if state == "failed" and not failures:
        yield f"{host}: {result.get('msg', 'it failed')}"
    for failure in failures:
        about = f"{failure['link']}: " if failure.get("link") else ""
        yield f"{host}: {about}{failure['message']}"
    for link in result.get("differing") or []:
        yield f"{host}: {link}: it is not as the plan says"
    # Nothing else shows that they are gone, or another than before.
    for link in result.get("links") or [] if state == "failed" else []:
        if link["changed"] and link["link"] not in (result.get("differing") or []):
            yield f"{host}: {link['link']}: it was changed all the same"
    for link in result.get("links") or []:
        far = link.get("remote_end") or {}
        if far.get("on") in lost:
            end = f"{far['target']}:{far['name']}"
            yield f"{host}: {link['link']} leads to {end} on {far['on']}, which is not wired"


def nicon_report(hostvars, hosts):
    """What there is to tell of some hosts together."""
    results = {host: hostvars[host].get("nicon_lab") for host in hosts}
    states = {host: state_of(result) for host, result in results.items()}
    # Plans may call machines otherwise than the inventory.
    lost = {hostvars[host].get("nicon_on") or host for host in hosts if states[host] not in ("differs", "wired")}
    return [line for host in hosts for line in lines_of(host, results[host], states[host], lost)]


def nicon_trouble(result, host):
    """What keeps one host from being as the plan says, for itself; empty if nothing does."""
    state = state_of(result)
    return "" if state == "wired" else "; ".join(lines_of(host, result, state, ()))


class FilterModule:
    """The filters of the role."""

    def filters(self):
        """Their names."""
        return {"nicon_report": nicon_report, "nicon_trouble": nicon_trouble}
