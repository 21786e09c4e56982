//! The name of a plan, which what is made for it is marked with.

use std::path::Path;

/// The longest name, in bytes: what a link can be marked with beside it is short.
const MAX: usize = 40;

/// What a plan without a name and without a file is called.
const NAMELESS: &str = "plan";

/// The endings of files that are no part of a plan's name.
const ENDINGS: [&str; 3] = [".yaml", ".yml", ".clab"];

/// Makes sure that a text can be a plan's name.
///
/// # Errors
/// Why it cannot.
pub(crate) fn check(name: &str) -> Result<(), String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.len() > MAX || !name.chars().all(is_allowed) {
        return Err(format!("\"{name}\" is not a plan's name: up to {MAX} letters, digits, _, - and ."));
    }
    Ok(())
}

/// The name of a plan that does not say it: its file's, without folder and ending.
pub(crate) fn of_file(file: Option<&Path>) -> String {
    let Some(name) = file.and_then(Path::file_name) else { return NAMELESS.to_owned() };
    let name = name.to_string_lossy();
    ENDINGS.iter().fold(&*name, |name, ending| name.strip_suffix(ending).unwrap_or(name)).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_plans() {
        for name in ["lab1", "my-lab_2.x", &"x".repeat(40)] {
            check(name).unwrap();
        }
        for name in ["", "my lab", "größe", "a/b", &"x".repeat(41)] {
            assert!(check(name).is_err(), "{name}");
        }
    }

    #[test]
    fn names_of_files() {
        for (file, name) in [
            ("lab.yaml", "lab"),
            ("/srv/labs/ring.yml", "ring"),
            ("./two.clab.yml", "two"),
            ("two.clab.yaml", "two"),
            ("/dev/fd/63", "63"),
            ("plain", "plain"),
        ] {
            assert_eq!(of_file(Some(Path::new(file))), name);
        }
        assert_eq!(of_file(None), "plan");
    }
}
