//! What could not be restored.

use nicon_core::Result;

/// What could not be restored, in words. A step that fails does not keep the later ones from being taken.
#[derive(Debug, Default)]
pub(crate) struct Missing(Vec<String>);

impl Missing {
    /// Takes the outcome of one step.
    pub(crate) fn unless(&mut self, restored: Result<()>) {
        self.0.extend(restored.err().map(|error| error.to_string()));
    }

    pub(crate) fn into_words(self) -> Vec<String> {
        self.0
    }
}

/// That something of a link which is back is missing, as the end of a message.
pub(crate) fn lack(name: &str, missing: &[String]) -> Option<String> {
    (!missing.is_empty()).then(|| format!("{name} is back, but not all that it had: {}", missing.join("; ")))
}
