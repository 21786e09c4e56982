//! Whether a container is in the pod that its engine's files say.

use nicon_core::{Error, Result};

use crate::proof::claim::Verified;

/// A container is in a pod only if the shim that started the pod's sandbox has started it, too: whoever writes its files can name any.
///
/// # Errors
/// If it is not, or one of both has ended.
pub(crate) fn require(sandbox: &Verified, container: &Verified) -> Result<()> {
    if container.process.parent()? == sandbox.process.parent()? {
        return Ok(());
    }
    let (id, pod) = (container.container.short_id(), sandbox.as_pod().map(ToString::to_string).unwrap_or_default());
    Err(Error::failed(format!(
        "{id} is not in {pod}, though files say so: another shim than that of the pod's sandbox runs it (say id:{id} if it is meant)"
    )))
}
