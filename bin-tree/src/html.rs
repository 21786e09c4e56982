//! Draws a page: the SVG image, and what makes it alive. It loads nothing, and needs no network.
//!
//! What containers told is in the image only, as escaped text. If it got out of there, no script of it would be run: the page's policy
//! names the digests of the one style and the one script that it has.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::scene::Scene;
use crate::svg;

const PAGE: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("page.js");

/// A whole page.
pub(crate) fn draw(scene: &Scene) -> String {
    let style = format!("{}{}", svg::STYLE, include_str!("page.css"));
    let filled = [
        ("{style_hash}", hash(&style)),
        ("{script_hash}", hash(SCRIPT)),
        ("{style}", style),
        ("{picture}", svg::image(scene, "")),
        ("{script}", SCRIPT.to_owned()),
    ];
    // What was filled in is not looked at again.
    let mut page = String::new();
    let mut rest = PAGE;
    for (mark, text) in &filled {
        let (before, after) = rest.split_once(mark).expect("the page has a place for each, in this order");
        page += before;
        page += text;
        rest = after;
    }
    page + rest
}

/// As a Content-Security-Policy names a script or style.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Wiring;
    use crate::nest::Nest;
    use crate::scene::making::make;

    #[test]
    fn a_page_is_whole() {
        let nest = Nest::default();
        let page = draw(&make(&nest, &[], &[], &Wiring::default()));
        assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
        assert!(["{style", "{picture", "{script"].iter().all(|mark| !page.contains(mark)), "{page}");
        // printf %s a | openssl dgst -sha256 -binary | base64
        assert_eq!(hash("a"), "sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=");
    }
}
