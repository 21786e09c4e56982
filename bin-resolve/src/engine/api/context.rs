//! Docker's contexts: engines that `docker context` knows by name. See docker-context(1).

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use nicon_core::{Error, Result};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::engine::passwd::{PASSWD, entry_of};

/// The environment, by the names of its variables.
pub(crate) type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The context that stands for the usual sockets.
const DEFAULT: &str = "default";

/// A context in use.
pub(crate) struct Context {
    pub(crate) name: String,
    /// The setting that names it.
    pub(crate) by: String,
    /// How to use the usual sockets instead.
    pub(crate) way_out: &'static str,
    directory: PathBuf,
}

/// The context that `named` (by `DOCKER_CONTEXT`) or else Docker's configuration chooses; `None` for the usual sockets.
///
/// # Errors
/// If the configuration cannot be read. Docker warns about one that it does not understand and asks the usual socket, which
/// may not be the one that was chosen.
pub(crate) fn in_use(variables: Variables<'_>, named: Option<String>) -> Result<Option<Context>> {
    if named.as_deref() == Some(DEFAULT) {
        return Ok(None);
    }
    // Without a home there is no configuration.
    let Some(directory) = directory(variables) else { return Ok(None) };
    let (name, by, way_out) = if let Some(name) = named {
        (name, "DOCKER_CONTEXT".to_owned(), "unset DOCKER_CONTEXT, or say DOCKER_CONTEXT=default")
    } else {
        let file = directory.join("config.json");
        let Some(config) = read(&file)? else { return Ok(None) };
        let Some(name) = text(&config, "currentContext", &file)? else { return Ok(None) };
        let way_out = "docker context use default, or say DOCKER_CONTEXT=default";
        (name, format!("currentContext of {}", file.display()), way_out)
    };
    Ok((name != DEFAULT).then_some(Context { name, by, way_out, directory }))
}

impl Context {
    /// The URL of its engine; empty for Docker's default socket.
    ///
    /// # Errors
    /// If there is no such context, or it is not understood.
    pub(crate) fn host(&self) -> Result<String> {
        let Self { name, by, way_out, directory } = self;
        let digest: Vec<String> = Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect();
        let file = directory.join("contexts/meta").join(digest.concat()).join("meta.json");
        let context = || format!("context \"{name}\" ({by})");
        let refuse = |why: &str| Error::failed(format!("{} {why} {} ({way_out})", context(), file.display()));
        let meta = read(&file).map_err(|error| error.prefix(context()))?;
        let meta = meta.ok_or_else(|| refuse("is unknown: there is no"))?;
        let endpoint = endpoint(&meta).ok_or_else(|| refuse("has no docker endpoint in"))?;
        let host = text(endpoint, "Host", &file).map_err(|error| error.prefix(context()))?;
        Ok(host.unwrap_or_default())
    }
}

/// The endpoint of Docker's. The names of endpoints are keys, not fields.
fn endpoint(meta: &Map<String, Value>) -> Option<&Map<String, Value>> {
    field(meta, "Endpoints")?.get("docker")?.as_object()
}

/// The text of any of Docker's files, for a fuzz target: a field that is read is text, and not empty.
///
/// # Panics
/// If that does not hold.
pub(crate) fn parse_any(text_of_file: &[u8]) {
    let Ok(object) = parse(text_of_file) else { return };
    let file = Path::new("/file");
    let host = endpoint(&object).map(|endpoint| text(endpoint, "Host", file));
    for read in [Some(text(&object, "currentContext", file)), host].into_iter().flatten().flatten().flatten() {
        assert!(!read.is_empty());
    }
}

/// Where Docker's command line keeps its configuration.
fn directory(variables: Variables<'_>) -> Option<PathBuf> {
    let path = |name| variables(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(directory) = path("DOCKER_CONFIG") {
        return Some(directory);
    }
    path("HOME").or_else(|| home_of(nix::unistd::getuid().as_raw())).map(|home| home.join(".docker"))
}

/// A user's home directory.
fn home_of(uid: u32) -> Option<PathBuf> {
    let users = fs::read(PASSWD).ok()?;
    entry_of(&String::from_utf8_lossy(&users), uid).map(|entry| entry.home.into())
}

/// Reads a JSON object; `None` if there is no such file. Docker takes an empty configuration for none.
fn read(file: &Path) -> Result<Option<Map<String, Value>>> {
    let text = match fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::failed(format!("read {}: {error}", file.display()))),
    };
    parse(&text).map(Some).map_err(|error| not_understood(file, &error))
}

fn parse(text: &[u8]) -> std::result::Result<Map<String, Value>, String> {
    let object: Option<Map<String, Value>> = match serde_json::from_slice(text) {
        Err(_) if text.trim_ascii().is_empty() => None,
        parsed => parsed.map_err(|error| error.to_string())?,
    };
    Ok(object.unwrap_or_default())
}

/// A field, by Docker's rule (that of Go): in any case, and the last one counts.
fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next_back()
}

/// A field with text; `None` if it is missing or empty.
fn text(object: &Map<String, Value>, name: &str, file: &Path) -> Result<Option<String>> {
    match field(object, name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(_) => Err(not_understood(file, &format!("{name} is not text"))),
    }
}

fn not_understood(file: &Path, why: &str) -> Error {
    Error::failed(format!("{} is not understood: {why}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_as_docker_finds_them() {
        let object: Map<String, Value> =
            serde_json::from_str(r#"{"a":"x","CURRENTcontext":"y","b":null,"c":5}"#).unwrap();
        let text = |name| text(&object, name, Path::new("/f")).map_err(|error| error.to_string());
        assert_eq!(text("currentContext"), Ok(Some("y".to_owned())));
        assert_eq!((text("b"), text("d")), (Ok(None), Ok(None)));
        assert_eq!(text("c"), Err("/f is not understood: c is not text".to_owned()));
    }

    #[test]
    fn a_home_is_that_of_the_user() {
        assert!(home_of(0).is_some_and(|home| home.is_absolute()));
        assert_eq!(home_of(u32::MAX), None);
    }
}
