//! The few elements that STS answers with and that errors stand in. Not a parser: it finds the text of a named element, and
//! what it cannot make sense of it does not find.

/// The text of the first element of that name, whatever its namespace prefix and attributes.
pub(crate) fn element_text(document: &str, name: &str) -> Option<String> {
    let mut rest = document;
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, after_tag) = after.split_once('>')?;
        rest = after_tag;
        let tag_name = tag.split([' ', '\t', '\r', '\n', '/']).next().unwrap_or_default();
        let local_name = tag_name.rsplit(':').next().unwrap_or_default();
        if local_name == name && !tag.ends_with('/') {
            // An element with elements in it has no text of its own that anyone asks for.
            let (text, closing) = after_tag.split_once('<')?;
            return closing.starts_with('/').then(|| unescape(text.trim()));
        }
    }
    None
}

/// Resolves the five entities of XML; `&amp;` last, since what it yields is text.
fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::element_text;

    #[test]
    fn elements_are_found_however_they_are_written() {
        let cases = [
            ("<A><Arn>x</Arn></A>", Some("x")),
            ("<?xml version=\"1.0\"?>\n<A xmlns=\"u\">\n  <Arn>\n x \n</Arn>\n</A>", Some("x")),
            ("<n:A><n:Arn a=\"1\">x</n:Arn></n:A>", Some("x")),
            ("<Arn>a&amp;lt;b&lt;c</Arn>", Some("a&lt;b<c")),
            ("<Arn/>", None),
            ("<Arn><Inner>x</Inner></Arn>", None),
            ("<Arnold>x</Arnold>", None),
            ("<Arn>x", None),
            ("<Arn", None),
            ("plain", None),
            ("", None),
        ];
        for (document, expected) in cases {
            assert_eq!(element_text(document, "Arn").as_deref(), expected, "{document}");
        }
    }
}
