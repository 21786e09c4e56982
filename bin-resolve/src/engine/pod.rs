//! Pods, as what Kubernetes has a runtime keep tells of them: a sandbox, and the containers that share its namespaces.

use std::fmt;

use serde_json::{Value, json};

use crate::query::Qualifier;

/// The pod that a container belongs to, or whose sandbox it is. Nothing about it is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pod {
    pub(crate) name: String,
    /// That of Kubernetes.
    pub(crate) namespace: String,
    /// What tells it from others that have had its name.
    pub(crate) uid: Option<String>,
    /// The ID of its sandbox.
    pub(crate) sandbox: String,
    /// Whether the container is the sandbox itself.
    pub(crate) is_sandbox: bool,
}

impl Pod {
    /// Whether it is one of those that a path's qualifier leaves.
    pub(crate) fn is_of(&self, of: &Qualifier) -> bool {
        of.namespace.is_none() || of.namespace.as_ref() == Some(&self.namespace)
    }

    /// How a path names it; of another user's engine, after that user's name.
    pub(crate) fn way(&self, user: Option<String>) -> Qualifier {
        Qualifier { user, engine: None, namespace: Some(self.namespace.clone()), is_pod: true }
    }

    /// A record's `pod`.
    pub(crate) fn to_json(&self) -> Value {
        let mut pod = json!({ "name": self.name, "namespace": self.namespace });
        if let Some(uid) = &self.uid {
            pod["uid"] = uid[..].into();
        }
        pod
    }
}

impl fmt::Display for Pod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pod {}/{}", self.namespace, self.name)
    }
}

/// Which containers are wanted, with regard to pods.
#[derive(Clone, Debug, Default)]
pub(crate) enum PodExtent {
    /// Those of pods, and others.
    #[default]
    All,
    /// Pods that this leaves, and their containers.
    Pods(Qualifier),
    /// The containers of the pod that has this sandbox.
    Within(String),
}

impl PodExtent {
    /// Whether a container of this pod, or of none, is wanted.
    pub(crate) fn includes(&self, pod: Option<&Pod>) -> bool {
        match (self, pod) {
            (Self::All, _) => true,
            (Self::Pods(of), Some(pod)) => pod.is_of(of),
            (Self::Within(sandbox), Some(pod)) => !pod.is_sandbox && pod.sandbox == *sandbox,
            (_, None) => false,
        }
    }
}
