//! The labels of a container: what whoever started it has told its engine. They are claims, and prove nothing.

use std::collections::BTreeMap;
use std::fmt;

use nicon_core::{Error, Result};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::engine::pod::Pod;

/// The most labels of one container that are kept. People have some dozens.
const MAX_LABELS: usize = 1000;

/// The most bytes of them all: a byte that has to be escaped becomes six, and a record of more than 1 MiB is read by nobody.
const MAX_BYTES: usize = 128 << 10;

/// Those of a container, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    known: BTreeMap<String, String>,
    /// Why there may be others.
    unknown: Option<String>,
}

impl Labels {
    /// Nothing is known of them.
    pub(crate) fn unknown(why: impl Into<String>) -> Self {
        Self { known: BTreeMap::new(), unknown: Some(why.into()) }
    }

    /// Those by which Kubernetes' runtime has a pod's sandbox, or its container of this name. The pod's own are known to its API alone.
    pub(crate) fn of_pod(pod: &Pod, container: &str) -> Self {
        let name = (!pod.is_sandbox).then(|| ("container.name", container.to_owned()));
        let uid = pod.uid.clone().map(|uid| ("pod.uid", uid));
        let of_pod = [("pod.name", pod.name.clone()), ("pod.namespace", pod.namespace.clone())];
        let known = of_pod.into_iter().chain(name).chain(uid);
        let known = known.map(|(key, value)| (format!("io.kubernetes.{key}"), value)).collect();
        let why = "containerd's files have those of Kubernetes itself alone (the pod's own are in containerd's API)";
        Self { known, unknown: Some(why.to_owned()) }
    }

    /// What is known of them.
    pub fn known(&self) -> impl Iterator<Item = (&str, &str)> {
        self.known.iter().map(|(key, value)| (&key[..], &value[..]))
    }

    /// Why there may be others, if that is so.
    #[must_use]
    pub fn unknown_since(&self) -> Option<&str> {
        self.unknown.as_deref()
    }

    /// Whether the container has a label with this key and, if one is given, this value.
    ///
    /// # Errors
    /// If that is not known.
    pub fn has(&self, key: &str, value: Option<&str>) -> Result<bool> {
        match (self.known.get(key), &self.unknown) {
            (Some(known), _) => Ok(value.is_none_or(|value| value == known)),
            (None, None) => Ok(false),
            (None, Some(why)) => Err(Error::failed(format!("whether it has a label \"{key}\" is unknown: {why}"))),
        }
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_option(Map)
    }
}

struct Map;

impl<'de> Visitor<'de> for Map {
    type Value = Labels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("labels")
    }

    fn visit_none<E>(self) -> std::result::Result<Labels, E> {
        Ok(Labels::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Labels, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Labels, A::Error> {
        let mut labels = Labels::default();
        let mut bytes = 0;
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            bytes += key.len() + value.len();
            labels.known.insert(key, value);
            if labels.known.len() > MAX_LABELS || bytes > MAX_BYTES {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                let most = format!("it has more than {MAX_LABELS} labels, or {} KiB of them", MAX_BYTES >> 10);
                return Ok(Labels::unknown(most));
            }
        }
        Ok(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_known_or_not() {
        let labels: Labels = serde_json::from_str(r#"{"a":"1","b":""}"#).unwrap();
        for (key, value, expected) in [
            ("a", None, true),
            ("a", Some("1"), true),
            ("a", Some("2"), false),
            ("b", Some(""), true),
            ("c", None, false),
        ] {
            assert_eq!(labels.has(key, value).unwrap(), expected, "{key} {value:?}");
        }
        assert_eq!(serde_json::from_str::<Labels>("null").unwrap(), Labels::default());
        let pod = Pod {
            name: "front".into(),
            namespace: "default".into(),
            uid: None,
            sandbox: "1".into(),
            is_sandbox: false,
        };
        let labels = Labels::of_pod(&pod, "web");
        assert!(labels.has("io.kubernetes.container.name", Some("web")).unwrap());
        assert!(!labels.has("io.kubernetes.pod.name", Some("back")).unwrap());
        assert!(labels.has("app", None).unwrap_err().to_string().contains("is unknown"));
        let many: Vec<_> = (0..=MAX_LABELS).map(|number| format!("\"{number}\":\"\"")).collect();
        let labels: Labels = serde_json::from_str(&format!("{{{}}}", many.join(","))).unwrap();
        assert!(labels.known().next().is_none() && labels.has("1", None).is_err());
        for (length, is_known) in [(MAX_BYTES - 1, true), (MAX_BYTES, false)] {
            let labels: Labels = serde_json::from_str(&format!(r#"{{"a":"{}"}}"#, "x".repeat(length))).unwrap();
            assert_eq!(labels.has("b", None).is_ok(), is_known, "{length}");
        }
    }
}
