//! The nearest known name to one that is not known.

/// How alike two names must be for one to be suggested: 1 is equal, 0 has nothing in common.
const SIMILARITY_MIN: f64 = 0.75;

/// The greatest length of a name that is looked at; what is longer is no slip of the finger.
const NAME_BYTES_MAX: usize = 200;

/// The known name most like `name`, when one is like enough; letter case does not count.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let name = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&name, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= SIMILARITY_MIN)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// `; did you mean ...?` for the nearest known name, or nothing.
pub fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map(|candidate| format!("; did you mean `{candidate}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = ["region", "endpoint", "accessKeyId"];
        for (name, expect) in [
            ("regoin", Some("region")),
            ("REGION", Some("region")),
            ("end_point", Some("endpoint")),
            ("access_key_id", Some("accessKeyId")),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expect, "{name}");
        }
    }
}
