//! What a service says of its own settings, in the words of a request of this dialect.

use crate::domain::error::violation;
use crate::domain::{Code, Error, Violation};

/// The same failure, where each violation stands where `place` says that the member is. One that no member is behind stays where
/// it was.
pub(crate) fn placed(error: Error, place: impl Fn(&str) -> Option<String>) -> Error {
    if error.violations().is_empty() {
        return error;
    }
    let violations = error.violations().iter().cloned();
    let violations = violations.map(|violation| match place(&violation.pointer) {
        Some(pointer) => Violation { pointer, ..violation },
        None => violation,
    });
    let violations: Vec<Violation> = violations.collect();
    match error.code() {
        Code::InvalidRequest => Error::invalid(violations),
        code => Error::new(code, error.detail()).with_violations(violations),
    }
}

/// The same failure; what names something that is not there is refused in one sentence, as this dialect does, and not as a
/// request of the wrong shape.
pub(crate) fn refused_in_a_sentence(error: Error) -> Error {
    let unknown = error.violations().iter().find(|violation| violation.code == violation::UNKNOWN_REFERENCE);
    match unknown {
        Some(violation) => {
            let member = match violation.pointer.as_str() {
                "/source/environment" => "environment",
                "/source/path" => "secretPath",
                pointer => pointer.trim_start_matches('/'),
            };
            Error::new(Code::InvalidRequest, format!("{member}: {}", violation.detail))
        }
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_move_to_the_members_that_they_are_about() {
        let found = Error::invalid(vec![Violation::new("/a", "required", "x"), Violation::new("/b", "required", "y")]);
        let moved = placed(found, |pointer| (pointer == "/a").then(|| "/credentials/a".to_owned()));
        let pointers: Vec<&str> = moved.violations().iter().map(|violation| violation.pointer.as_str()).collect();
        assert_eq!(pointers, ["/credentials/a", "/b"]);
        let other = placed(Error::new(Code::InUse, "it is used"), |_| None);
        assert_eq!((other.code(), other.detail()), (Code::InUse, "it is used"));
    }

    #[test]
    fn what_is_not_there_is_told_in_a_sentence() {
        for (pointer, member) in
            [("/source", "source"), ("/source/environment", "environment"), ("/source/path", "secretPath")]
        {
            let unknown = Violation::new(pointer, violation::UNKNOWN_REFERENCE, "there is no such folder");
            let told = refused_in_a_sentence(Error::invalid(vec![unknown]));
            assert_eq!((told.detail(), told.violations().len()), (&*format!("{member}: there is no such folder"), 0));
        }
        let shape = Error::invalid(vec![Violation::new("/a", "required", "is required")]);
        assert_eq!(refused_in_a_sentence(shape).violations().len(), 1);
    }
}
