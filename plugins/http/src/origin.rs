//! Scheme, host and port: spelled one way, and compared before anything is followed.

/// In lower case, without the scheme's own port and without a slash at the end.
pub(crate) fn canonical(origin: &str) -> String {
    let origin = origin.trim_end_matches('/').to_ascii_lowercase();
    let own_port = if origin.starts_with("https://") { ":443" } else { ":80" };
    origin.strip_suffix(own_port).map_or_else(|| origin.clone(), str::to_owned)
}

/// Path and query of a link's target, without its fragment, if it stays at `origin`; else `None`.
pub(crate) fn path_at<'a>(origin: &str, target: &'a str) -> Option<&'a str> {
    let target = target.split('#').next().unwrap_or_default();
    if target.starts_with('/') {
        return (!target.starts_with("//")).then_some(target);
    }
    let authority_at = target.find("://")? + "://".len();
    let end = target[authority_at..].find(['/', '?', '\\']).map_or(target.len(), |length| authority_at + length);
    (canonical(&target[..end]) == canonical(origin)).then(|| &target[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_origins_are_spelled_alike() {
        for (origin, expected) in [
            ("https://API.example.com", "https://api.example.com"),
            ("https://api.example.com:443/", "https://api.example.com"),
            ("http://api.example.com:80", "http://api.example.com"),
            ("http://api.example.com:443", "http://api.example.com:443"),
            ("https://api.example.com:8443", "https://api.example.com:8443"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(canonical(origin), expected, "{origin}");
        }
    }

    #[test]
    fn only_targets_at_the_origin_are_followed() {
        let origin = "https://h.example";
        for (target, expected) in [
            ("https://h.example/v1?page=2#top", Some("/v1?page=2")),
            ("https://H.example:443?page=2", Some("?page=2")),
            ("/v1?page=2", Some("/v1?page=2")),
            ("https://h.example", Some("")),
            ("//evil.example/v1", None),
            ("https://h.example.evil.example/", None),
            ("https://h.example@evil.example/", None),
            ("https://u:p@h.example/", None),
            ("https://h.example:8443/", None),
            ("https://evil.example\\@h.example/", None),
            ("http://h.example/", None),
            ("v1?page=2", None),
            ("", None),
        ] {
            assert_eq!(path_at(origin, target), expected, "{target}");
        }
    }
}
