#!/usr/bin/python
"""Wires, checks or takes away one machine's half of a plan."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nicon_lab
short_description: Wires, checks or takes away one machine's half of a plan
description:
  - Runs nicon-plan, nicon-resolve and nicon-wire, one after the other, so that no failure of one is hidden by the next.
  - C(changed) is what the records say, not that something ran.
options:
  plan: {description: "The text of the plan", type: str, required: true}
  plan_file: {description: "The plan's file name, by which a plan without a name is called", type: str, required: true}
  machine: {description: "The plan's name for this machine; empty for a plan of one machine alone", type: str, default: ""}
  state: {description: "What is to be", type: str, choices: [wired, checked, absent], default: wired}
  each: {description: "Whether each link is for itself", type: bool, default: false}
  prune: {description: "Whether what the plan does not ask for any more is removed, or brought home; never with each", type: bool, default: true}
  programs: {description: "The directory of nicon's programs; empty for that in PATH", type: str, default: ""}
author: [the nicon authors]
"""

EXAMPLES = r"""
- name: Wire the lab
  nicon_lab:
    plan: "{{ lookup('ansible.builtin.file', 'lab.yaml') }}"
    plan_file: lab.yaml
    machine: lab1
"""

RETURN = r"""
links: {description: "The links of this half, and what became of each, also if others failed", type: list, returned: always}
failures: {description: "What went wrong, with its link where it is known; if there is any, the module fails", type: list, returned: always}
differing: {description: "Of a look: the links that are not as the plan says", type: list, returned: always}
"""

import json
import os
import re
import tempfile

from ansible.module_utils.basic import AnsibleModule

# What nicon-wire says of links that are left as they are is no failure, whatever else fails.
LEFT = re.compile(r"nicon-wire: (plan \S+ has \d+ links? that it does not|look for links that are not asked for any more)")


class Pipe:
    """The programs of the pipe, and what they told."""

    def __init__(self, module):
        self.module = module
        self.failures = []

    def run(self, name, words, records=None, differs=None):
        """The records that a program answers; what it complains of is kept, with the link that it is about. What it says and does not
        fail, such as that it waits for another run, or that there is nothing to destroy, is a warning. The status that says that something
        differs is no failure of its own."""
        program = os.path.join(self.module.params["programs"], name)
        if not self.module.params["programs"]:
            program = self.module.get_bin_path(name, required=True)
        text = None if records is None else "".join(json.dumps(record) + "\n" for record in records)
        status, out, err = self.module.run_command([program, *words], data=text, binary_data=text is not None)
        is_complaint = {line: bool(status) and not LEFT.match(line) for line in err.splitlines()}
        for line, is_one in is_complaint.items():
            if is_one:
                self.failures.append(self.failure(line, records))
            else:
                self.module.warn(line)
        if status not in (0, differs) and not any(is_complaint.values()):
            self.failures.append({"message": f"{name} has ended with status {status}"})
        return [json.loads(line) for line in out.splitlines()]

    def is_over(self):
        """Whether nothing more is to be done: what has failed is told, and only links that are each for itself go on."""
        return bool(self.failures) and not self.module.params["each"]

    def complaints(self):
        """All that was complained of. A program that fails says why, or its status is told."""
        return "; ".join(failure["message"] for failure in self.failures)

    @staticmethod
    def failure(line, records):
        """A complaint, and the link of the record that it is about."""
        failure = {"message": line}
        about = re.search(r": line (\d+): ", line)
        if about and records and int(about.group(1)) <= len(records):
            failure["link"] = link_of(records[int(about.group(1)) - 1])
        # nicon-wire names the links of a plan itself. The last one is meant, as with lines.
        for record in records or []:
            _, named, words = line.partition(f": {record.get('plan')}: ")
            if named and link_of(record) in words.split(": ")[0].split(", "):
                failure["link"] = link_of(record)
        return failure


def link_of(record):
    """What a record is about: a container's path, and the name of its link."""
    there = record.get("nic") or next(iter(record.get("undone") or []), {})
    name = there.get("name") or record.get("name") or record.get("link") or ""
    return f"{record.get('target', '?')}:{name}"


def is_changed(record):
    """Whether something was done, or would be."""
    deeds = (record.get("done") or []) + (record.get("undone") or [])
    return bool(record.get("steps")) or any(deed.get("changed") for deed in deeds)


def told(record):
    """One link, for a report."""
    link = {"link": link_of(record), "changed": is_changed(record)}
    for field in ("remote_end", "steps"):
        if record.get(field):
            link[field] = record[field]
    return link


def plan_of(pipe, params, words):
    """The records that nicon-plan prints with these words, under the name that the file has."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, os.path.basename(params["plan_file"]))
        with open(path, "w", encoding="utf-8") as file:
            file.write(params["plan"])
        return pipe.run("nicon-plan", [*words, path])


def half_of(pipe, params):
    """The records of this machine's half."""
    words = (["--each"] if params["each"] else []) + (["--on", params["machine"]] if params["machine"] else [])
    return plan_of(pipe, params, words)


def marked(pipe, plan):
    """The links of this machine that carry the plan's mark."""
    marks = tuple(f"nicon-{how}.{plan}:" for how in ("made", "kept"))
    records = pipe.run("nicon-links", ["--all", "--json"])
    names = lambda record: (record.get("nic") or {}).get("altnames") or []
    return [record for record in records if any(name.startswith(marks) for name in names(record))]


def wire(pipe, params, only_look):
    """Wires what is not, or tells what would be done."""
    half = half_of(pipe, params)
    words = ["--prune"] if params["prune"] and not params["each"] else []
    return look(pipe, half, words) if only_look else to_wire(pipe, half, words)


def to_wire(pipe, half, words, differs=None):
    """What nicon-wire answers of the records of which the containers are found."""
    # A program that is given no records reads what Ansible has for it.
    found = [] if pipe.is_over() or not half else pipe.run("nicon-resolve", [], half)
    return [] if pipe.is_over() or not found else pipe.run("nicon-wire", words, found, differs)


def look(pipe, half, words):
    """All links of a half: those that differ, with what would be done, and the others, since they may lead to a machine that is lost."""
    differing = to_wire(pipe, half, ["--check", *words], differs=1)
    told = {link_of(record) for record in differing}
    asks = lambda record: any(record.get(field) for field in ("link", "pair", "kind"))
    return differing + [record for record in half if asks(record) and link_of(record) not in told]


def take_away(pipe, params, only_look):
    """Removes what was made for the plan, and brings home what was moved; or tells what would be."""
    records = plan_of(pipe, params, ["--none"])
    if pipe.is_over() or not records:
        return []
    if only_look:
        return [{**record, "steps": ["take away"]} for record in marked(pipe, records[0]["plan"])]
    return pipe.run("nicon-wire", ["--destroy"], records)


def main():
    """Runs the module."""
    module = AnsibleModule(
        argument_spec={
            "plan": {"type": "str", "required": True},
            "plan_file": {"type": "str", "required": True},
            "machine": {"type": "str", "default": ""},
            "state": {"type": "str", "default": "wired", "choices": ["wired", "checked", "absent"]},
            "each": {"type": "bool", "default": False},
            "prune": {"type": "bool", "default": True},
            "programs": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    pipe = Pipe(module)
    state = module.params["state"]
    only_look = module.check_mode or state == "checked"
    act = take_away if state == "absent" else wire
    links = [told(record) for record in act(pipe, module.params, only_look)]
    changed = state != "checked" and any(link["changed"] for link in links)
    differing = [link["link"] for link in links if link["changed"]] if only_look else []
    answer = {"changed": changed, "links": links, "failures": pipe.failures, "differing": differing}
    # What was done before a failure is told with it: links that are gone are marked nowhere any more.
    if pipe.failures:
        module.fail_json(msg=pipe.complaints(), **answer)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
