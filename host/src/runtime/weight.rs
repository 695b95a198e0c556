//! How many bytes a result holds, so that its size can be capped whatever its shape.

use super::bindings::exports::keyferry::integration::{destination, integration};
use super::bindings::keyferry::integration::types;

/// Bytes of text in a result. Each item of a list weighs something even when it is empty.
pub(crate) trait Weight {
    fn bytes(&self) -> usize;
}

const ITEM_BYTES: usize = 16;

impl Weight for () {
    fn bytes(&self) -> usize {
        0
    }
}

impl Weight for String {
    fn bytes(&self) -> usize {
        self.len()
    }
}

impl<T: Weight> Weight for Option<T> {
    fn bytes(&self) -> usize {
        self.as_ref().map_or(0, Weight::bytes)
    }
}

impl<T: Weight> Weight for Vec<T> {
    fn bytes(&self) -> usize {
        self.iter().map(|item| ITEM_BYTES.saturating_add(item.bytes())).fold(0, usize::saturating_add)
    }
}

impl<A: Weight, B: Weight> Weight for (A, B) {
    fn bytes(&self) -> usize {
        self.0.bytes().saturating_add(self.1.bytes())
    }
}

impl<T: Weight, E: Weight> Weight for Result<T, E> {
    fn bytes(&self) -> usize {
        match self {
            Ok(value) => value.bytes(),
            Err(error) => error.bytes(),
        }
    }
}

/// Sums the weights of the named fields.
macro_rules! weights {
    ($($type:ty { $($field:ident),* })*) => {$(
        impl Weight for $type {
            fn bytes(&self) -> usize {
                [$(self.$field.bytes()),*].into_iter().fold(0, usize::saturating_add)
            }
        }
    )*};
}

weights! {
    types::Error { kind, message, field, request_id }
    integration::Account { id, display_name, details, missing_permissions }
    integration::Choice { value, label, description }
    integration::ChoicePage { choices, next }
    destination::Entry { key, value, version, reference, attributes }
    destination::Observation { entries, next, document_version, context }
    destination::Applied { version, reference }
    destination::Application { outcomes, document_version }
}

impl Weight for destination::ObservedValue {
    fn bytes(&self) -> usize {
        match self {
            Self::Readable(text) | Self::Digest(text) => text.len(),
            Self::Hidden => 0,
        }
    }
}

impl Weight for destination::Outcome {
    fn bytes(&self) -> usize {
        match self {
            Self::Applied(applied) | Self::Unchanged(applied) => applied.bytes(),
            Self::Failed(error) | Self::Unknown(error) => error.bytes(),
            Self::NotAttempted => 0,
        }
    }
}
