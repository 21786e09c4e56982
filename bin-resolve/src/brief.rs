//! Texts from engines and files, as far as there is room for them in a message.

/// How many characters of such texts are shown.
const MAX_SAID: usize = 300;

/// The beginning of a text, which could fill the screen.
pub(crate) fn brief(said: &str) -> String {
    said.chars().take(MAX_SAID).collect()
}

/// The first of these texts, as many as there is room for, each of them whole.
pub(crate) fn brief_list(texts: impl ExactSizeIterator<Item = String>, separator: &str, most: usize) -> String {
    let number = texts.len();
    let mut shown: Vec<String> = Vec::new();
    let mut left = MAX_SAID;
    for text in texts.take(most) {
        let Some(rest) = left.checked_sub(text.chars().count() + separator.len()) else { break };
        left = rest;
        shown.push(text);
    }
    if shown.len() < number {
        shown.push("...".to_owned());
    }
    shown.join(separator)
}
