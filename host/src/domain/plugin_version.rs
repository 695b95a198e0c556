//! Versions of plugins: Semantic Versioning 2.0.0.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A version of a plugin. Equal only when equal in every part, build metadata included; ordered by precedence, then by text.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PluginVersion {
    text: String,
    core: [u64; 3],
}

/// Why a text is no version. Never carries the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a version is `major.minor.patch`, as Semantic Versioning 2.0.0, at most 64 characters")]
pub struct MalformedVersion;

impl PluginVersion {
    /// The greatest length of a version, in bytes.
    const BYTES_MAX: usize = 64;

    /// The major version: another one may do something quite different.
    #[must_use]
    pub const fn major(&self) -> u64 {
        self.core[0]
    }

    /// The version as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn prerelease(&self) -> Option<&str> {
        let without_build = self.text.split('+').next().unwrap_or_default();
        without_build.split_once('-').map(|(_, prerelease)| prerelease)
    }
}

impl FromStr for PluginVersion {
    type Err = MalformedVersion;

    fn from_str(text: &str) -> Result<Self, MalformedVersion> {
        if text.len() > Self::BYTES_MAX {
            return Err(MalformedVersion);
        }
        let (rest, build) = text.split_once('+').map_or((text, None), |(rest, build)| (rest, Some(build)));
        let (core, prerelease) = rest.split_once('-').map_or((rest, None), |(core, pre)| (core, Some(pre)));
        let well_formed = build.is_none_or(|build| build.split('.').all(is_identifier))
            && prerelease.is_none_or(|pre| pre.split('.').all(|part| is_identifier(part) && has_no_leading_zero(part)));
        let numbers = core.split('.').map(parse_number).collect::<Option<Vec<u64>>>().ok_or(MalformedVersion)?;
        let core: [u64; 3] = numbers.try_into().map_err(|_| MalformedVersion)?;
        if well_formed { Ok(Self { text: text.to_owned(), core }) } else { Err(MalformedVersion) }
    }
}

fn is_identifier(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn has_no_leading_zero(part: &str) -> bool {
    part == "0" || !part.starts_with('0') || !part.bytes().all(|b| b.is_ascii_digit())
}

fn parse_number(part: &str) -> Option<u64> {
    let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) && has_no_leading_zero(part);
    digits.then(|| part.parse().ok()).flatten()
}

impl Ord for PluginVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.core
            .cmp(&other.core)
            .then_with(|| compare_prereleases(self.prerelease(), other.prerelease()))
            .then_with(|| self.text.cmp(&other.text))
    }
}

impl PartialOrd for PluginVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Semantic Versioning 2.0.0, section 11: a pre-release comes before its release, numbers before words, fewer parts before more.
fn compare_prereleases(left: Option<&str>, right: Option<&str>) -> Ordering {
    let (left, right) = match (left, right) {
        (None, None) => return Ordering::Equal,
        (None, Some(_)) => return Ordering::Greater,
        (Some(_), None) => return Ordering::Less,
        (Some(left), Some(right)) => (left, right),
    };
    let mut pairs = left.split('.').zip(right.split('.')).map(|(left, right)| compare_parts(left, right));
    pairs.find(|order| order.is_ne()).unwrap_or_else(|| left.split('.').count().cmp(&right.split('.').count()))
}

fn compare_parts(left: &str, right: &str) -> Ordering {
    match (left.parse::<u64>(), right.parse::<u64>()) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => left.cmp(right),
    }
}

impl TryFrom<String> for PluginVersion {
    type Error = MalformedVersion;

    fn try_from(text: String) -> Result<Self, MalformedVersion> {
        text.parse()
    }
}

impl From<PluginVersion> for String {
    fn from(version: PluginVersion) -> Self {
        version.text
    }
}

impl fmt::Display for PluginVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PluginVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_semantic_versions_parse() {
        for (text, expect) in [
            ("0.1.0", true),
            ("1.2.3-rc.1+build.5", true),
            ("1.0.0--", true),
            ("1.2", false),
            ("1.2.3.4", false),
            ("01.2.3", false),
            ("1.2.3-01", false),
            ("1.2.3-", false),
            ("1.2.3+", false),
            ("v1.2.3", false),
            ("", false),
            ("99999999999999999999.0.0", false),
        ] {
            assert_eq!(text.parse::<PluginVersion>().is_ok(), expect, "{text}");
        }
    }

    #[test]
    fn versions_are_ordered_by_precedence() {
        let ordered =
            ["0.9.0", "1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0", "1.0.1", "1.10.0"];
        let versions: Vec<PluginVersion> = ordered.iter().map(|text| text.parse().unwrap()).collect();
        for pair in versions.windows(2) {
            assert!(pair[0] < pair[1], "{} < {}", pair[0], pair[1]);
        }
    }
}
