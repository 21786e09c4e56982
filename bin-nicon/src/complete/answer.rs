//! What fits at a place of a command line.

use std::fmt;

use nicon_core::text::escape;

/// What fits.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Words(Vec<Word>),
    Files,
    Directories,
    Commands,
}

/// A word, as it stands on the command line but for a shell's quotes, and what it is.
#[derive(Debug, PartialEq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) about: String,
}

impl Word {
    pub(super) fn new(text: impl Into<String>, about: impl Into<String>) -> Self {
        Self { text: text.into(), about: about.into() }
    }
}

impl Default for Answer {
    /// Nothing.
    fn default() -> Self {
        Self::Words(Vec::new())
    }
}

impl Answer {
    /// Those of these words that begin with what was typed, behind the part of the word that precedes it. What would be taken for an option is
    /// left out, and what has characters that could control the terminal, or divide words: links in containers are called as these choose.
    pub(super) fn values(head: &str, typed: &str, words: impl IntoIterator<Item = Word>) -> Self {
        let is_safe = |word: &Word| {
            let is_option = head.is_empty() && word.text.starts_with('-');
            !is_option && !word.text.contains(char::is_whitespace) && escape(&word.text) == word.text
        };
        let fits = |word: &Word| word.text.starts_with(typed) && is_safe(word);
        let whole = |word: Word| Word { text: format!("{head}{}", word.text), ..word };
        Self::Words(words.into_iter().filter(fits).map(whole).collect())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files => writeln!(f, "files"),
            Self::Directories => writeln!(f, "directories"),
            Self::Commands => writeln!(f, "commands"),
            Self::Words(words) => {
                writeln!(f, "words")?;
                words.iter().try_for_each(|Word { text, about }| writeln!(f, "{text}\t{}", escape(about)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_harm_is_left_out() {
        let words = ["eth0", "eth\u{1b}[2J", "eth\n1", "eth 2", "-eth", "eth$(id)", "lo"];
        let words = || words.map(|word| Word::new(word, "a link"));
        let answer = Answer::values("", "", words());
        assert_eq!(answer.to_string(), "words\neth0\ta link\neth$(id)\ta link\nlo\ta link\n");
        assert_eq!(Answer::values("-n", "-", words()), Answer::Words(vec![Word::new("-n-eth", "a link")]));
    }
}
