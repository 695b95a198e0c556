//! Names in Rust's case, as they stand on the wire and before people.

/// `kms_key_id` becomes `kmsKeyId`.
pub(crate) fn camel(name: &str) -> String {
    let mut words = name.trim_start_matches("r#").split('_').filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |joined, word| joined + &capitalized(word))
}

/// `kms_key_id` becomes `Kms key id`.
pub(crate) fn sentence(name: &str) -> String {
    capitalized(&name.trim_start_matches("r#").replace('_', " "))
}

fn capitalized(word: &str) -> String {
    let mut characters = word.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + characters.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_case() {
        for (name, wire, shown) in [
            ("path", "path", "Path"),
            ("kms_key_id", "kmsKeyId", "Kms key id"),
            ("r#type", "type", "Type"),
            ("_hidden", "hidden", " hidden"),
        ] {
            assert_eq!(camel(name), wire);
            assert_eq!(sentence(name), shown);
        }
    }
}
