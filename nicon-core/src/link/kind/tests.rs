use super::*;

fn read(line: &str) -> Result<KindSpec> {
    KindSpec::from_record(&Record::parse(line).unwrap())
}

fn refusal(line: &str) -> String {
    read(line).unwrap_err().to_string()
}

#[test]
fn each_kind_in_the_words_of_ip() {
    for (line, words) in [
        (r#"{"kind":"macvlan","parent":"eth0"}"#, "mode bridge"),
        (r#"{"kind":"macvtap","parent":"eth0","mode":"passthru"}"#, "mode passthru"),
        (r#"{"kind":"ipvlan","parent":"eth0","mode":"l3s","from":"target"}"#, "mode l3s"),
        (r#"{"kind":"vlan","parent":"eth0","vid":7,"from":"netns:blue"}"#, "protocol 802.1Q id 7"),
        (r#"{"kind":"vlan","parent":"eth0","vid":7,"protocol":"802.1ad"}"#, "protocol 802.1ad id 7"),
        (r#"{"kind":"vxlan","vni":100,"from":42}"#, "id 100 dstport 4789 learning"),
        (
            r#"{"kind":"vxlan","vni":100,"remote":"192.0.2.9","local":"192.0.2.1","dst_port":8472,"learning":false}"#,
            "id 100 remote 192.0.2.9 local 192.0.2.1 dstport 8472 nolearning",
        ),
        (r#"{"kind":"vxlan","vni":1,"parent":"eth0","remote":"ff05::1"}"#, "id 1 group ff05::1 dstport 4789 learning"),
        (r#"{"kind":"bridge"}"#, ""),
        (r#"{"kind":"bridge","vlan_filtering":true,"stp":false}"#, "vlan_filtering 1 stp_state 0"),
        (r#"{"kind":"dummy","mode":null}"#, ""),
    ] {
        assert_eq!(read(line).unwrap().settings.words().join(" "), words, "{line}");
    }
}

#[test]
fn what_a_kind_lacks_or_has_not_is_named() {
    for (line, why) in [
        ("{}", "no \"kind\""),
        (r#"{"kind":"veth"}"#, "\"veth\" is no kind of link that can be made: macvlan, "),
        (r#"{"kind":"macvlan"}"#, "a macvlan needs \"parent\""),
        (r#"{"kind":"vlan","parent":"eth0"}"#, "a vlan needs \"vid\""),
        (r#"{"kind":"vxlan"}"#, "a vxlan needs \"vni\""),
        (r#"{"kind":"bridge","parent":"eth0"}"#, "a bridge has no \"parent\""),
        (r#"{"kind":"dummy","from":1}"#, "a dummy has no \"from\""),
        (r#"{"kind":"macvlan","parent":"eth0","vid":1}"#, "a macvlan has no \"vid\""),
        (r#"{"kind":"dummy","keep":["addr"]}"#, "a dummy has no \"keep\""),
        (r#"{"kind":"ipvlan","parent":"eth0","mac":"02:00:5e:00:53:01"}"#, "\"mac\" cannot be given"),
        (r#"{"kind":"macvlan","parent":"eth0","mode":"l2"}"#, "\"l2\" is not a mode: bridge, private"),
        (r#"{"kind":"macvlan","parent":"a b"}"#, "\"a b\" is not a link"),
        (r#"{"kind":"macvlan","parent":"a","from":true}"#, "field \"from\""),
        (r#"{"kind":"vlan","parent":"eth0","vid":0}"#, "from 1 to 4094"),
        (r#"{"kind":"vlan","parent":"eth0","vid":4095}"#, "from 1 to 4094"),
        (r#"{"kind":"vlan","parent":"eth0","vid":1,"protocol":"802.3"}"#, "802.1Q or 802.1ad"),
        (r#"{"kind":"vxlan","vni":16777216}"#, "from 0 to 16777215"),
        (r#"{"kind":"vxlan","vni":1,"dst_port":0}"#, "from 1 to 65535"),
        (r#"{"kind":"vxlan","vni":1,"dst_port":65536}"#, "\"dst_port\""),
        (r#"{"kind":"vxlan","vni":1,"remote":"x"}"#, "field \"remote\": \"x\" is not an IP address"),
        (r#"{"kind":"vxlan","vni":1,"remote":"239.1.1.1"}"#, "needs a \"parent\""),
        (r#"{"kind":"vxlan","vni":1,"remote":"fe80::1"}"#, "needs a \"parent\""),
        (r#"{"kind":"vxlan","vni":1,"remote":"0.0.0.0"}"#, "no host has"),
        (r#"{"kind":"vxlan","vni":1,"local":"239.1.1.1"}"#, "field \"local\""),
        (r#"{"kind":"vxlan","vni":1,"remote":"::1","local":"127.0.0.1"}"#, "different kinds"),
        (r#"{"kind":"vxlan","vni":1,"learning":"no"}"#, "expected true or false"),
    ] {
        let error = refusal(line);
        assert!(error.contains(why), "{line}: {error}");
    }
}

#[test]
fn a_vlan_is_called_after_its_parent() {
    let name = |line: &str| {
        let record = Record::parse(line).unwrap();
        KindSpec::from_record(&record).unwrap().name(&record).map(|name| name.to_string())
    };
    assert_eq!(name(r#"{"kind":"vlan","parent":"eth0","vid":7}"#).unwrap(), "eth0.7");
    assert_eq!(name(r#"{"kind":"vlan","parent":"eth0","vid":7,"name":"v7"}"#).unwrap(), "v7");
    assert!(name(r#"{"kind":"vlan","parent":"a-long-name-15","vid":777}"#).is_err());
    assert!(name(r#"{"kind":"vlan","parent":"mac:02:00:5e:00:53:01","vid":7}"#).is_err());
    assert!(name(r#"{"kind":"dummy"}"#).is_err());
    assert!(name(r#"{"kind":"dummy","name":"eth%d"}"#).unwrap_err().to_string().contains("is a pattern"));
}

#[test]
fn differences_are_told() {
    let settings = |line: &str| read(line).unwrap().settings;
    let vxlan = |more: &str| settings(&format!(r#"{{"kind":"vxlan","vni":7{more}}}"#));
    assert_eq!(vxlan("").difference(&vxlan("")), None);
    assert_eq!(vxlan("").difference(&vxlan(r#","remote":"192.0.2.1""#)).unwrap(), "with remote 192.0.2.1");
    assert_eq!(vxlan(r#","remote":"192.0.2.1""#).difference(&vxlan("")).unwrap(), "without remote 192.0.2.1");
    let ports = vxlan("").difference(&vxlan(r#","dst_port":8472"#));
    assert_eq!(ports.unwrap(), "with dstport 8472, not dstport 4789");
    let (any, plain) = (settings(r#"{"kind":"bridge"}"#), settings(r#"{"kind":"bridge","vlan_filtering":false}"#));
    assert_eq!((any.difference(&plain), plain.difference(&plain)), (None, None));
    let filtering = settings(r#"{"kind":"bridge","vlan_filtering":true}"#);
    assert_eq!(filtering.difference(&plain).unwrap(), "with vlan_filtering 0, not vlan_filtering 1");
}
