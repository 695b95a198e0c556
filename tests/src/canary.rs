//! Secrets that can be found again wherever they leak to, in the spellings that leaks come in.

use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};
use regex::bytes::Regex;
use uuid::Uuid;

/// Bytes that chance does not make again.
const CORE_BYTES_MIN: usize = 24;

/// What must not be found.
#[derive(Clone, Debug)]
pub struct Canary {
    /// For people: what it stands for.
    pub name: &'static str,
    /// What is searched for: letters and digits, which no escaping changes.
    core: String,
    /// What is handed to the host: the core amid characters that are escaped differently everywhere.
    pub value: String,
}

impl Canary {
    /// A new one.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let core = Uuid::new_v4().simple().to_string();
        Self { name, value: format!("\"ca+n/a=r&y {core} %\\"), core }
    }

    /// A new one without characters that a header cannot carry or a vendor gives a meaning to.
    #[must_use]
    pub fn plain(name: &'static str) -> Self {
        let core = Uuid::new_v4().simple().to_string();
        Self { name, value: core.clone(), core }
    }

    /// A secret that came from elsewhere.
    #[must_use]
    pub fn of(name: &'static str, value: &str) -> Self {
        Self { name, core: value.to_owned(), value: value.to_owned() }
    }

    /// The core as it is, in hexadecimal, percent-encoded to the last letter, and in base64 at each offset in what is encoded.
    fn spellings(&self) -> Vec<String> {
        let bytes = self.core.as_bytes();
        let percent: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
        let mut found =
            vec![self.core.clone(), HEXLOWER.encode(bytes), HEXUPPER.encode(bytes), percent.to_lowercase(), percent];
        for offset in 0..3 {
            let padded = [vec![0; offset], bytes.to_vec()].concat();
            for encoding in [&BASE64, &BASE64URL] {
                let encoded = encoding.encode(&padded);
                // The ends depend on the neighbours; what lies between does not.
                found.push(encoded.get(4..4 * (padded.len() / 3)).expect("the core is long enough").to_owned());
            }
        }
        found
    }
}

/// Searches for canaries.
#[derive(Debug)]
pub struct Scan {
    canaries: Vec<(&'static str, Regex)>,
}

impl Scan {
    /// For these canaries.
    ///
    /// # Panics
    /// When one is so short that chance could make it.
    #[must_use]
    pub fn new(canaries: &[Canary]) -> Self {
        let pattern = |canary: &Canary| {
            assert!(canary.core.len() >= CORE_BYTES_MIN, "`{}` is too short", canary.name);
            let spellings: Vec<_> = canary.spellings().iter().map(|spelling| regex::escape(spelling)).collect();
            (canary.name, Regex::new(&spellings.join("|")).expect("escaped texts are a pattern"))
        };
        Self { canaries: canaries.iter().map(pattern).collect() }
    }

    /// Which canaries stand in it.
    #[must_use]
    pub fn found_in(&self, bytes: &[u8]) -> Vec<&'static str> {
        self.canaries.iter().filter(|(_, pattern)| pattern.is_match(bytes)).map(|(name, _)| *name).collect()
    }

    /// Fails with the names of those found, and with where, but without what stands there.
    #[track_caller]
    pub fn assert_none(&self, place: &str, bytes: &[u8]) {
        assert_eq!(self.found_in(bytes), Vec::<&str>::new(), "{place}");
    }
}
