//! Text in a page: escaped, so that nothing that a job is called or says becomes a part of it.

use crate::cli::figures::one_line;

/// Text as it can stand between tags and in quoted attributes.
pub(super) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            c => out.push(c),
        }
    }
    out
}

/// What is between backquotes as code.
pub(super) fn sentence(sentence: &str) -> String {
    let parts = text(sentence);
    let mut out = String::new();
    for (number, part) in parts.split('`').enumerate() {
        out += &if number % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_becomes_a_part_of_the_page() {
        assert_eq!(
            text("</svg><script>a('\"&')\u{202e}\n"),
            "&lt;/svg&gt;&lt;script&gt;a(&#39;&quot;&amp;&#39;)  "
        );
        assert_eq!(sentence("say `a <b>` now"), "say <code>a &lt;b&gt;</code> now");
    }
}
