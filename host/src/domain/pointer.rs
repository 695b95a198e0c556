//! Where in a document something is wrong, and the collection of everything that is.

use std::fmt;

use super::Violation;

/// A JSON Pointer (RFC 6901) under construction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointer(String);

impl Pointer {
    /// The greatest number of characters of one member name that is repeated in a pointer.
    const MEMBER_CHARS_MAX: usize = 100;

    /// The whole document.
    #[must_use]
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// The member `name` of what this points to. Overlong names are cut: a pointer is for people, never a place to reflect input.
    #[must_use]
    pub fn member(&self, name: &str) -> Self {
        let name: String = name.chars().take(Self::MEMBER_CHARS_MAX).collect();
        Self(format!("{}/{}", self.0, name.replace('~', "~0").replace('/', "~1")))
    }

    /// The item at `index` of what this points to.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}/{index}", self.0))
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything found wrong so far.
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// The most that are told at once; a document with more is not worth a longer answer.
    const MAX: usize = 200;

    /// Adds one; `detail` never carries the offending value.
    pub fn add(&mut self, pointer: &Pointer, code: &'static str, detail: impl Into<String>) {
        self.push(Violation::new(pointer.to_string(), code, detail));
    }

    /// Adds one that stands complete.
    pub fn push(&mut self, violation: Violation) {
        if self.0.len() < Self::MAX {
            self.0.push(violation);
        }
    }

    /// Adds what another check found.
    pub fn extend(&mut self, violations: impl IntoIterator<Item = Violation>) {
        violations.into_iter().for_each(|violation| self.push(violation));
    }

    /// Adds the violations of a failed check; passes on the value of a good one.
    pub fn keep<T>(&mut self, result: Result<T, Vec<Violation>>) -> Option<T> {
        result.map_err(|violations| self.extend(violations)).ok()
    }

    /// Whether something is wrong with what stands at `pointer` itself.
    #[must_use]
    pub fn mentions(&self, pointer: &Pointer) -> bool {
        self.0.iter().any(|violation| violation.pointer == pointer.0)
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// `value`, unless something is wrong.
    ///
    /// # Errors
    /// All violations, in the order in which they were found.
    pub fn into_result<T>(self, value: T) -> Result<T, Vec<Violation>> {
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }

    /// All of them, in the order in which they were found.
    #[must_use]
    pub fn into_vec(self) -> Vec<Violation> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_escaped_and_cut() {
        assert_eq!(Pointer::root().member("a/b~c").index(3).to_string(), "/a~1b~0c/3");
        assert_eq!(Pointer::root().member(&"x".repeat(500)).to_string().len(), 101);
    }

    #[test]
    fn the_number_of_violations_is_bounded() {
        let mut violations = Violations::default();
        for _ in 0..1000 {
            violations.add(&Pointer::root(), "malformed", "wrong");
        }
        assert_eq!(violations.len(), Violations::MAX);
    }
}
