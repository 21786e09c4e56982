//! From a text to the plan that it says, in either form.

use std::path::Path;

use crate::containerlab;
use crate::fault::START;
use crate::machines::Here;
use crate::name;
use crate::own;
use crate::plan::Plan;
use crate::targets::Targets;
use crate::yaml;

/// What a plan is read with.
pub(crate) struct Options<'a> {
    /// Its file; `None` if that has no name.
    pub(crate) file: Option<&'a Path>,
    pub(crate) targets: &'a Targets,
    /// Whether its records are acted on one by one.
    pub(crate) each: bool,
    /// Whose half of a plan for several machines is wanted.
    pub(crate) here: Here<'a>,
    /// The variables of the environment.
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
}

/// What a text says. The faults are in its order.
pub(crate) fn plan(text: &str, options: &Options) -> Plan {
    let mut plan = match yaml::parse(text) {
        Ok(Some(document)) if containerlab::is_topology(&document) => {
            containerlab::read(&document, text, options.targets, options.env)
        }
        Ok(document) => own::read(document.as_ref(), options.targets, options.here.name),
        Err(fault) => return Plan::with_faults(vec![containerlab::template(text).unwrap_or(fault)]),
    };
    if plan.faults.is_empty() || options.each {
        plan.halve(&options.here);
    }
    finished(plan, options)
}

/// A plan that asks for nothing, under the name that a text gives its plan, whatever else that says.
pub(crate) fn nothing(text: &str, options: &Options) -> Plan {
    let named = match yaml::parse(text) {
        Ok(Some(document)) if containerlab::is_topology(&document) => {
            containerlab::name(&document, options.env).map(Some)
        }
        Ok(document) => own::name(document.as_ref()),
        Err(fault) => Err(containerlab::template(text).unwrap_or(fault)),
    };
    match named {
        Ok(name) => finished(Plan::without_links(name), options),
        Err(fault) => Plan::with_faults(vec![fault]),
    }
}

/// A plan with its name, and the name on its records.
fn finished(mut plan: Plan, options: &Options) -> Plan {
    let (name, position) = plan.name.take().unwrap_or_else(|| (name::of_file(options.file), START));
    match name::check(&name) {
        Ok(()) => {
            plan.finish(&name, options.each);
            plan.name = Some((name, position));
        }
        Err(why) => {
            plan.faults.push(position.fault(format!("name: {why}")));
            plan.records.clear();
            plan.finish("", options.each);
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io;

    use nicon_core::Record;

    use super::*;

    /// A plan for three machines, with these links.
    fn lab(links: &str) -> String {
        let machines = "{one: {address: 192.0.2.1}, two: {address: two.example, mtu: 9000}, six: {address: \"2001:db8::6\"}, alone: }";
        let nodes = "{\"a*\": {on: one}, \"b.**\": {on: two}, c: {on: six}, \"s*\": {on: alone}, \"b1*\": {on: one}}";
        format!("name: lab\nmachines: {machines}\nnodes: {nodes}\nlinks:\n{links}")
    }

    fn half_of(text: &str, name: &str, is_given: bool) -> Plan {
        each_half_of(text, name, is_given, false)
    }

    fn each_half_of(text: &str, name: &str, is_given: bool, each: bool) -> Plan {
        let lookup = |name: &str| match name {
            "two.example" => Ok(["192.0.2.2", "2001:db8::2"].map(|ip| ip.parse().unwrap()).to_vec()),
            _ => Err(io::Error::other("no such name")),
        };
        let targets = Targets::default();
        let here = Here { name, is_given, lookup: &lookup };
        plan(text, &Options { file: None, targets: &targets, each, here, env: &|_| None })
    }

    #[track_caller]
    fn half(links: &str, name: &str) -> Vec<String> {
        let plan = half_of(&lab(links), name, true);
        assert_eq!(plan.faults, []);
        let bare = |record: &Record| {
            let mut record = record.clone();
            record.remove("plan");
            record.to_line()
        };
        plan.records.iter().map(bare).collect()
    }

    fn faults(text: &str, name: &str) -> Vec<String> {
        half_of(text, name, true).faults.into_iter().map(|fault| fault.message).collect()
    }

    #[test]
    fn a_plan_may_have_a_name() {
        let name = |text: &str| half_of(text, "", false).name.map(|(name, _)| name);
        assert_eq!(name("name: lab1\nlinks: []\n").as_deref(), Some("lab1"));
        for (text, fault) in [
            ("name: 7\nlinks: []\n", "name: expected text, found the number 7: write \"7\" in quotes"),
            ("name: [a]\nlinks: []\n", "name: expected text, found a list"),
        ] {
            let fault_of = half_of(text, "", false).faults.remove(0);
            assert_eq!((fault_of.position.line, &fault_of.message[..]), (1, fault));
        }
    }

    #[test]
    fn a_plan_of_nothing_wants_no_more_than_a_name() {
        let targets = Targets::default();
        let here = Here { name: "gone", is_given: false, lookup: &|_| Err(io::Error::other("no such name")) };
        let options =
            Options { file: Some(Path::new("file.yaml")), targets: &targets, each: false, here, env: &|_| None };
        for (text, expected) in [
            ("name: lab\nmachines: {a: {address: a.example}, b: {address: b.example}}\nlinks: 7\n", "lab"),
            ("links: []\n", "file"),
            ("name: l\ntopology: {nodes: 7}\n", "l"),
            ("name: l\nfoo: 1\nmgmt: []\nprefix: ${UNSET}\ntopology:\n", "l"),
        ] {
            let plan = nothing(text, &options);
            assert_eq!(plan.faults, []);
            let expected = format!(r#"{{"target":"host","plan":"{expected}","plan_size":0,"plan_item":0}}"#);
            assert_eq!(plan.records.iter().map(Record::to_line).collect::<Vec<_>>(), [expected]);
        }
        // It must not be that of another plan.
        for text in ["name: [a]\n", "name: 7\n", "name: a/b\n", "name: ''\n", "{", "topology:\n"] {
            let plan = nothing(text, &options);
            assert_eq!((plan.records.len(), plan.faults.len()), (0, 1), "{text}: {:?}", plan.faults);
        }
    }

    #[test]
    fn each_machine_has_its_half() {
        let links = "- endpoints: [\"a:x\", \"a2.in:x\"]\n- endpoints: [{endpoint: \"a:y\", addr: 198.51.100.1/30}, \"b.in:y\"]\n  vni: 70\n- {endpoints: [\"host:up0\", \"c:up0\"]}\n- {kind: dummy, endpoint: \"host:d0\", on: two}\n- {target: b}\n";
        assert_eq!(
            half(links, "one"),
            [
                r#"{"target":"a","pair":"a:x a2.in:x","name":"x","on":"one","plan_size":3,"plan_item":1}"#,
                r#"{"target":"a2.in","pair":"a:x a2.in:x","name":"x","on":"one","plan_size":3,"plan_item":2}"#,
                r#"{"target":"a","name":"y","vni":70,"addr":["198.51.100.1/30"],"on":"one","kind":"vxlan","learning":false,"mtu":1430,"mac":"02:54:3b:56:5c:12","remote_end":{"on":"two","target":"b.in","name":"y"},"remote":"192.0.2.2","plan_size":3,"plan_item":3}"#,
            ]
        );
        assert_eq!(
            half(links, "two"),
            [
                r#"{"target":"b.in","name":"y","vni":70,"on":"two","kind":"vxlan","learning":false,"mtu":1430,"mac":"02:75:d8:ea:7f:ac","remote_end":{"on":"one","target":"a","name":"y"},"remote":"192.0.2.1","plan_size":3,"plan_item":1}"#,
                r#"{"target":"host","kind":"dummy","name":"d0","on":"two","plan_size":3,"plan_item":2}"#,
                r#"{"target":"b","on":"two","plan_size":3,"plan_item":3}"#,
            ]
        );
        assert_eq!(half(links, "six").len(), 2);
        assert_eq!(half(links, "alone"), [r#"{"target":"host","plan_size":0,"plan_item":0}"#]);
    }

    #[test]
    fn both_ends_agree() {
        let links = "- endpoints: [\"c:x\", \"b:x\"]\n- endpoints: [\"b:y\", \"a:y\"]\n  mtu: 1400\n";
        let told = |name: &str| -> BTreeMap<String, Record> {
            let records = half_of(&lab(links), name, true).records;
            records.into_iter().map(|record| (record.cell("name"), record)).collect()
        };
        let (two, six, one) = (told("two"), told("six"), told("one"));
        for (link, one, other, remotes) in
            [("x", &two, &six, ["2001:db8::6", "2001:db8::2"]), ("y", &two, &one, ["192.0.2.1", "192.0.2.2"])]
        {
            assert_eq!([&one[link], &other[link]].map(|record| record.cell("remote")), remotes);
            for field in ["vni", "mtu"] {
                assert_eq!(one[link].get(field), other[link].get(field));
            }
        }
        // More links, and the ends in another order, change no number.
        let more =
            format!("- endpoints: [\"a:z\", \"c:z\"]\n{}", links.replace("\"c:x\", \"b:x\"", "\"b:x\", \"c:x\""));
        let again = half_of(&lab(&more), "two", true).records;
        assert_eq!(
            again.iter().map(|record| record.get("vni")).collect::<Vec<_>>(),
            [two["x"].get("vni"), two["y"].get("vni")]
        );
    }

    #[test]
    fn what_is_not_said_of_machines_is_a_fault() {
        for (links, fault) in [
            ("- endpoints: [\"a:x\", \"z:x\"]\n", "z: on which machine is it?"),
            (
                "- endpoints: [\"b1:x\", \"a:x\"]\n- endpoints: [\"b.in:x\", \"a:y\"]\n  vni: 7\n- {endpoints: [\"a:z\", \"b:z\"], vni: 7}\n",
                "vni 7 is that of the link on line 6, too",
            ),
            ("- endpoints: [\"host:x\", \"netns:blue:x\"]\n", "host: of which machine?"),
            (
                "- endpoints: [\"a:x\", {endpoint: \"b:x\", on: three}]\n",
                "on: the plan has no machine \"three\", but one, two, six, alone",
            ),
            ("- endpoints: [\"a:x\", \"s:x\"]\n", "the link leads from one to alone: how is alone reached?"),
            ("- {endpoints: [\"a:x\", \"a2:x\"], vni: 7}\n", "vni: both ends are on one"),
            ("- {endpoints: [\"a:x\", \"b:x\"], mtu: 1500}\n", "mtu 1500: between one and two it is 1430 at most"),
            ("- endpoints: [\"a:x\", \"c:x\"]\n", "one and six do not reach each other"),
            (
                "- {link: eth9, endpoint: \"a:x\"}\n- {link: eth9, endpoint: \"a2:x\"}\n- {link: eth9, endpoint: \"b:x\"}\n",
                "eth9 is already moved on line 5",
            ),
        ] {
            let faults = faults(&lab(links), "one");
            assert!(faults.len() == 1 && faults[0].starts_with(fault), "{links}: {faults:?}");
        }
        let both = "machines: {one: , two: }\nnodes: {\"b*\": {on: one}, \"**.in\": {on: two}, \"**\": {on: one}}\nlinks:\n- target: b1.in\n";
        let path = both.replace("\"**.in\"", "b1.in");
        assert_eq!(faults(&path, "one"), [""; 0], "a path counts before patterns");
        let said = path.replace("- target: b1.in", "- {target: b1.in, on: one}");
        assert_eq!(faults(&said, "one"), ["b1.in: its link says that it is on one, and \"nodes:\" that it is on two"]);
        assert_eq!(faults(both, "one"), ["b1.in: \"b*\" says that it is on one, and \"**.in\" that it is on two"]);
    }

    #[test]
    fn each_for_itself_leaves_out_what_has_no_way() {
        let text =
            lab("- endpoints: [\"a:x\", \"c:x\"]\n- endpoints: [\"a:y\", \"b:y\"]\n- endpoints: [\"a:z\", \"z:z\"]\n");
        let plan = each_half_of(&text, "one", true, true);
        assert_eq!(plan.records.iter().map(|record| record.cell("name")).collect::<Vec<_>>(), ["y"]);
        assert_eq!(plan.faults.len(), 2, "{:?}", plan.faults);
        for (links, names) in [
            ("- {endpoints: [\"a:x\", \"b:x\"], mtu: 1500}\n- endpoints: [\"a:y\", \"b:y\"]\n", &["y"][..]),
            ("- endpoints: [\"a:x\", \"s:x\"]\n- {kind: dummy, endpoint: \"a:d\"}\n", &["d"]),
            ("- {endpoints: [\"a:x\", \"b:x\"], vni: 7}\n- {endpoints: [\"a:y\", \"c:y\"], vni: 7}\n", &["x"]),
            ("- {endpoints: [\"a:x\", \"a2:x\"], vni: 7}\n", &[]),
        ] {
            let plan = each_half_of(&lab(links), "one", true, true);
            assert_eq!(plan.records.iter().map(|record| record.cell("name")).collect::<Vec<_>>(), names, "{links}");
            assert_eq!(plan.faults.len(), 1, "{links}: {:?}", plan.faults);
        }
        let of_one = each_half_of("links:\n- {target: a, on: one}\n- target: b\n", "one", false, true);
        assert_eq!((of_one.records.len(), of_one.faults.len()), (1, 1));
        let elsewhere = each_half_of(&text, "elsewhere", false, true);
        assert_eq!((elsewhere.records.len(), elsewhere.faults.len()), (0, 2), "{:?}", elsewhere.faults);
    }

    #[test]
    fn machines_have_names() {
        let told = |text: &str| faults(text, "one");
        for (text, fault) in [
            (
                "machines: {one: {address: 127.0.0.1}}\nlinks: []\n",
                "address: \"127.0.0.1\" is an address of every machine's own",
            ),
            (
                "machines: {one: {address: 192.0.2.1}, two: {address: 192.0.2.1}}\nlinks: []\n",
                "two has the address of one",
            ),
            ("machines: {a b: }\nlinks: []\n", "\"a b\" is no name of a machine"),
            ("machines: [one]\nlinks: []\n", "machines: expected a map of machines"),
            ("machines: {one: }\nnodes: {a: {on: two}}\nlinks: []\n", "on: the plan has no machine \"two\", but one"),
            ("nodes: {a: {on: one}}\nlinks: []\n", "nodes: the plan has no \"machines:\""),
            ("links:\n- {target: a, on: one}\n", "on: the plan has no \"machines:\""),
            ("links:\n- {endpoints: [\"a:x\", \"b:x\"], vni: 7}\n", "vni: the plan has no \"machines:\""),
            ("links: []\n", "the plan is not for several machines, so there is no half of one (--on)"),
            ("name: l\ntopology: {nodes: }\n", "the plan is not for several machines"),
        ] {
            assert!(told(text)[0].starts_with(fault), "{text}: {:?}", told(text));
        }
        let other = half_of(&lab("- {target: a}\n"), "elsewhere", false).faults;
        assert_eq!(
            other[0].message,
            "this machine is called elsewhere: the plan has no machine \"elsewhere\", but one, two, six, alone: say whose half is wanted (--on NAME)"
        );
        // So many that nobody reads them are counted.
        let many = (0..20).map(|n| format!("m{n}: ")).collect::<Vec<_>>().join(", ");
        assert_eq!(
            told(&format!("machines: {{{many}}}\nlinks:\n- {{target: a, on: elsewhere}}\n"))[0],
            "on: the plan has no machine \"elsewhere\", but 20 others below \"machines:\""
        );
        let within = Targets::within("setup").unwrap();
        let here = Here { name: "one", is_given: true, lookup: &|_| Ok(Vec::new()) };
        let options = Options { file: None, targets: &within, each: false, here, env: &|_| None };
        assert!(plan(&lab("- {target: a}\n"), &options).faults[0].message.contains("(--in)"));
    }
}
