//! Variables of the environment in values: `${NAME:=default}`.
//!
//! Containerlab puts them in before it reads the file (github.com/hellt/envsubst), and leaves those that are not set as they
//! are. Here that is a fault: a link would be called `$NAME`.

/// The text with the values of its variables.
///
/// # Errors
/// If a variable is not set, or a brace is not closed.
pub(super) fn substitute(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(inside) = rest.strip_prefix('{').filter(|inside| begins_a_name(inside)) {
            let Some((expression, after)) = inside.split_once('}') else {
                return Err(format!("the brace of ${{{inside} is not closed"));
            };
            out.push_str(&value(expression, env)?);
            rest = after;
        } else if begins_a_name(rest) {
            let (name, after) = split_name(rest);
            out.push_str(&needed(name, env)?);
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Whether a variable's name comes next: it does not begin with a digit, and `_` alone is none.
fn begins_a_name(text: &str) -> bool {
    text.starts_with(|c: char| c == '_' || c.is_alphabetic()) && split_name(text).0 != "_"
}

fn split_name(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(text.len()))
}

/// The value of what stands in braces: a name, and what to take in its place.
fn value(expression: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let (name, operation) = split_name(expression);
    let set = env(name);
    let other = |operators: [&str; 2]| operators.iter().find_map(|operator| operation.strip_prefix(operator));
    if let Some(default) = other([":=", ":-"]) {
        return set.filter(|value| !value.is_empty()).map_or_else(|| default_value(default, env), Ok);
    }
    if let Some(default) = other(["=", "-"]) {
        return set.map_or_else(|| default_value(default, env), Ok);
    }
    if let Some(instead) = other([":+", "+"]) {
        return if set.is_some() { default_value(instead, env) } else { Ok(String::new()) };
    }
    if operation.is_empty() { needed(name, env) } else { Err(format!("${{{expression}}} is not understood")) }
}

/// A default may be a variable itself.
fn default_value(default: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    match default.strip_prefix('$') {
        Some(name) if begins_a_name(name) && split_name(name).1.is_empty() => needed(name, env),
        _ => Ok(default.to_owned()),
    }
}

fn needed(name: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let value = env(name).filter(|value| !value.is_empty());
    value.ok_or_else(|| format!("the variable {name} is not set, and has no default (${{{name}:=DEFAULT}})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn substituted(text: &str) -> Result<String, String> {
        substitute(text, &|name| match name {
            "BAR" => Some("bar".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn variables_have_values_and_defaults() {
        for (text, value) in [
            ("eth1", "eth1"),
            ("$BAR", "bar"),
            ("a-${BAR}-b$BAR", "a-bar-bbar"),
            ("${NONE:=ens3}", "ens3"),
            ("${NONE:-ens3}/${NONE-x}${NONE=y}", "ens3/xy"),
            ("${EMPTY:=ens3}[${EMPTY-x}]", "ens3[]"),
            ("${BAR:=ens3}", "bar"),
            ("${NONE:=$BAR}", "bar"),
            ("${BAR:+x}${NONE:+y}${BAR+z}", "xz"),
            ("$$BAR $${BAR}", "$BAR ${BAR}"),
            ("cost: 5$ $1 ${1} $_", "cost: 5$ $1 ${1} $_"),
            ("${NONE:=\"\"}", "\"\""),
        ] {
            assert_eq!(substituted(text).as_deref(), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_not_set_is_named() {
        for text in ["$NONE", "${NONE}", "${EMPTY}", "${NONE:=$NONE}"] {
            let why = substituted(text).unwrap_err();
            assert!(why.contains("is not set, and has no default"), "{why}");
        }
        assert_eq!(substituted("a${BAR").unwrap_err(), "the brace of ${BAR is not closed");
        assert_eq!(substituted("${BAR/a/b}").unwrap_err(), "${BAR/a/b} is not understood");
    }
}
