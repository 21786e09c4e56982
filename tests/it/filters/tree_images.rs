//! Images and pages of nicon-tree are well formed, load nothing, and are of a sensible size.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, Lab, output_of_input, tool};
use serde_json::{Value, json};

use super::tree::{PATHS, hostile, tree};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial("filters::tree_images::are_well_formed", images),
        suite.trial("filters::tree_images::pages_load_nothing", pages),
        suite.trial("filters::tree_images::of_many_containers", many),
    ]
}

fn images(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let found = suite.run(&["nicon-resolve", PATHS[2]]).ok()? + "\n" + &hostile();
    let svg = tree(suite, &["--svg", "--procs"], &found).ok()?;
    let texts = output_of_input(
        tool("xmllint").args(["--xpath", "//*[local-name()='text' and @class='name']/text()", "-"]),
        &svg,
        LIMIT,
    )?;
    let texts = texts.ok()?;
    assert!(texts.contains("lt_1") && texts.contains("größe 網路"), "{texts}");
    assert!(texts.contains("&lt;/text&gt;&lt;script&gt;&amp;amp;") && !svg.contains("<script>"), "{texts}");
    let boxes =
        output_of_input(tool("xmllint").args(["--xpath", "count(//*[local-name()='rect'])", "-"]), &svg, LIMIT)?;
    assert_eq!(boxes.ok()?, "9", "one for each node and the host, and the paper");
    let dot = tree(suite, &["--dot"], &found).ok()?;
    let plain = output_of_input(tool("dot").arg("-Tplain"), &dot, LIMIT)?;
    assert_eq!(plain.code(), Some(0), "{plain:?}");
    let count = |what: &str| plain.stdout.lines().filter(|line| line.starts_with(what)).count();
    assert_eq!((count("node "), count("edge ")), (7, 5), "{plain:?}");
    Ok(())
}

fn pages(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    let hop = |name: &str| json!({"name": name, "id": name, "engine": name, "pid": 7});
    let nic = |name: &str| json!({"name": name, "ifindex": 1, "netns": 7, "kind": name, "mac": name, "addresses": [name], "master": {"name": name}});
    let hostile = [
        "</script><script>",
        "</style><script>",
        "<!--",
        "]]>",
        "\"'`${}",
        "{script}",
        "javascript:x",
        "\u{1b}\u{202e}",
    ];
    let records = hostile.map(|name| json!({"hops": [hop("around"), hop(name)], "nic": nic(name)}).to_string());
    let input = records.join("\n");
    let page = tree(suite, &["--links", "--html"], &input).ok()?;
    assert_eq!(page, tree(suite, &["--links", "--html"], &input).ok()?);
    // The page's own script and style are all that there is, and the policy names no other.
    for (tag, count) in
        [("<script", 1), ("</script", 1), ("<style", 1), ("</style", 1), ("<!--", 0), ("<link", 0), ("<img", 0)]
    {
        assert_eq!(page.matches(tag).count(), count, "{tag}");
    }
    let policy = page.lines().find(|line| line.contains("Content-Security-Policy")).ok_or("no policy")?;
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for (name, tag) in [("script-src", "script"), ("style-src", "style")] {
        let text = page.split_once(&format!("<{tag}>")).and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")));
        let digest = "openssl dgst -sha256 -binary | base64";
        let digest = output_of_input(tool("sh").args(["-c", digest]), text.ok_or("no text")?.0, LIMIT)?.ok()?;
        assert!(policy.contains(&format!("{name} 'sha256-{digest}'")), "{policy}: {digest}");
    }
    // The only address in it is the name of SVG itself.
    let svg = tree(suite, &["--links", "--svg"], &input).ok()?;
    for picture in [page, svg] {
        assert_eq!(picture.matches("://").count(), picture.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
        assert!(!["href", "url(", "@import", " src"].iter().any(|word| picture.contains(word)), "{picture}");
        assert!(!picture.contains(['\u{1b}', '\u{202e}']));
    }
    Ok(())
}

/// Records of so many containers, nested up to four deep, each wired to the host and to the one before it. Of the host's ends, the first
/// half are ports of a bridge.
fn nest_of(count: usize) -> String {
    let netns = |number: usize| if number == 0 { 1 } else { 1000 + number };
    let path = |number: usize| {
        std::iter::successors(Some(number), |&inner| Some(inner / 6).filter(|&outer| outer > 0)).take(4)
    };
    let hop = |number: usize| json!({"name": format!("c_{number}"), "id": format!("{number:064}"), "engine": "docker", "pid": 1});
    let nic = |number: usize, index: usize, peer: (usize, usize)| {
        let (name, address) = (format!("eth{index}"), format!("10.0.{number}.{index}/24"));
        let peer = json!({"name": format!("eth{}", peer.1), "ifindex": peer.1, "netns": netns(peer.0)});
        json!({"name": name, "ifindex": index, "netns": netns(number), "kind": "veth", "operstate": "UP", "addresses": [address], "peer": peer})
    };
    let bridge = json!({"name": "br4", "ifindex": 5000});
    let mut records = vec![
        json!({"target": "host", "nic": {"name": "br4", "ifindex": 5000, "netns": 1, "kind": "bridge", "operstate": "UP"}}),
    ];
    for number in 1..=count {
        let hops: Vec<Value> = path(number).collect::<Vec<_>>().into_iter().rev().map(hop).collect();
        let mut port = nic(0, number + 1, (number, 1));
        if number <= count / 2 {
            port["master"] = bridge.clone();
        }
        records.push(json!({"target": "host", "nic": port}));
        records.push(json!({"hops": hops, "nic": nic(number, 1, (0, number + 1))}));
        if number > 1 {
            records.push(json!({"hops": hops, "nic": nic(number, 2, (number - 1, 3))}));
        }
        records.push(json!({"hops": hops, "nic": nic(number, 3, (number + 1, 2))}));
    }
    records.iter().map(|record| record.to_string() + "\n").collect()
}

fn many(suite: &Suite, _: &Lab) -> Result<(), Failed> {
    for (count, most) in [(12, 1500), (60, 3500), (300, 6500)] {
        let input = nest_of(count);
        let svg = tree(suite, &["--links", "--svg"], &input).ok()?;
        assert_eq!(svg, tree(suite, &["--links", "--svg"], &input).ok()?, "the same each time");
        let number = |path: &str| -> Result<f64, Failed> {
            Ok(output_of_input(tool("xmllint").args(["--xpath", path, "-"]), &svg, LIMIT)?.ok()?.parse()?)
        };
        let (width, height) = (number("number(/*/@width)")?, number("number(/*/@height)")?);
        assert!(width < f64::from(most) && height < f64::from(most), "{count}: {width} x {height}");
        let nodes = number("count(//*[@class='node'])")?;
        let wires = number("count(//*[starts-with(@class, 'wire ')])")?;
        // One to the host and one to the one before it; of the first there is none before.
        let expected = (count + 1, 2 * count - 1);
        assert_eq!((nodes.to_string(), wires.to_string()), (expected.0.to_string(), expected.1.to_string()));
        // Each port of the bridge is joined to it once, in as many columns as they take.
        let buses =
            svg.lines().filter_map(|line| line.strip_prefix("<path class=\"bus\"")?.split("data-ends=\"").nth(1));
        let ends: Vec<usize> = buses.map(|ends| ends.split('"').next().unwrap().split(' ').count()).collect();
        assert_eq!(ends.iter().map(|ends| ends - 1).sum::<usize>(), count / 2, "{ends:?}");
    }
    Ok(())
}
