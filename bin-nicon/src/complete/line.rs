//! A command line as a shell reads it, as far as it goes.

/// The words of the command that a line ends in; the last of them, which may be empty, is the one that is being typed. Quotes are taken away,
/// also one that is still open, and so is what precedes the command: `x | nicon-tree --` ends in `nicon-tree`, `--`.
pub(super) fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', None) => word.get_or_insert_default().extend(letters.next()),
            ('\\', Some('"')) => {
                let escaped = letters.next_if(|next| "\\\"$`".contains(*next));
                word.get_or_insert_default().push(escaped.unwrap_or('\\'));
            }
            (_, Some(open)) if letter == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            ('|' | '&' | ';' | '(' | '`' | '\n', None) => (words, word) = (Vec::new(), None),
            (_, None) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.push(word.unwrap_or_default());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_as_shells_do() {
        for (line, words) in [
            ("nicon-resolve setup.o", &["nicon-resolve", "setup.o"][..]),
            ("nicon-resolve ", &["nicon-resolve", ""]),
            ("nicon  exec 'a b' \"c d", &["nicon", "exec", "a b", "c d"]),
            ("x '' y", &["x", "", "y"]),
            (r"x a\\.b a\ b", &["x", r"a\.b", "a b"]),
            (r#"x "a\\.b" "a\.b" 'a\.b"#, &["x", r"a\.b", r"a\.b", r"a\.b"]),
            ("x --pid a | nicon-linkmv -t ", &["nicon-linkmv", "-t", ""]),
            ("echo $(nicon-resolve --pid a", &["nicon-resolve", "--pid", "a"]),
            ("x a\\", &["x", "a"]),
            ("", &[""]),
        ] {
            assert_eq!(split(line), words, "{line}");
        }
    }
}
