//! JSON as requests may carry it: bounded in depth and in size, no member twice, and no echo of the input in an error.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::domain::{Code, Error};

/// How deep a document may nest. Real requests stay below 8; each level costs the parser stack.
pub(crate) const DEPTH_MAX: usize = 32;
/// How many values a document may hold, so that one megabyte of `[[],[],..]` does not become fifty of memory.
pub(crate) const NODES_MAX: usize = 20_000;

/// Reads one JSON document within the limits.
///
/// # Errors
/// [`Code::MalformedBody`], which tells where and what kind of fault, never what stood there.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, Error> {
    let nodes = Cell::new(0);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Node { depth: 0, nodes: &nodes }.deserialize(&mut deserializer).map_err(|fault| malformed(&fault))?;
    deserializer.end().map_err(|fault| malformed(&fault))?;
    Ok(value)
}

fn malformed(fault: &serde_json::Error) -> Error {
    use serde_json::error::Category;
    let (line, column) = (fault.line(), fault.column());
    let detail = match fault.classify() {
        Category::Eof => "the body ends before its JSON does".to_owned(),
        // Only the seeds below make data errors: their text is fixed.
        Category::Data => format!("{fault}"),
        Category::Syntax | Category::Io => format!("the body is not JSON: line {line}, column {column}"),
    };
    Error::new(Code::MalformedBody, detail)
}

/// Builds one value at some depth; counts all values of the document.
#[derive(Clone, Copy)]
struct Node<'c> {
    depth: usize,
    nodes: &'c Cell<usize>,
}

impl Node<'_> {
    fn enter<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= DEPTH_MAX {
            return Err(E::custom(format_args!("the body nests deeper than {DEPTH_MAX} levels")));
        }
        Ok(Self { depth: self.depth + 1, nodes: self.nodes })
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let nodes = self.nodes.get() + 1;
        self.nodes.set(nodes);
        if nodes > NODES_MAX {
            return Err(D::Error::custom(format_args!("the body holds more than {NODES_MAX} values")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.enter()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.enter()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            // Two readers of one document must not see two values: the first and the last.
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands twice in one object"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(text: &str) -> String {
        parse(text.as_bytes()).expect_err("not acceptable").detail().to_owned()
    }

    #[test]
    fn a_document_is_read_as_it_is() {
        let text = r#"{"a":[1,-2,2.5,"x",null,true],"b":{"c":18446744073709551615}}"#;
        let expected: Value = serde_json::from_str(text).expect("it is JSON");
        assert_eq!(parse(text.as_bytes()).expect("within all limits"), expected);
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert!(detail(&nested(DEPTH_MAX + 1)).contains("32 levels"));
        assert!(detail(&"[".repeat(100_000)).contains("32 levels"));
    }

    #[test]
    fn the_number_of_values_is_bounded() {
        let list = |items: usize| format!("[{}]", vec!["0"; items].join(","));
        assert!(parse(list(NODES_MAX - 1).as_bytes()).is_ok());
        assert!(detail(&list(NODES_MAX)).contains("20000 values"));
    }

    #[test]
    fn a_member_may_not_stand_twice() {
        assert!(detail(r#"{"a":1,"a":2}"#).contains("twice"));
    }

    #[test]
    fn what_is_no_json_is_refused_without_an_echo() {
        for text in ["", "{", "hunter2", r#"{"a":hunter2}"#, r#"{"a":"hunter2"} hunter2"#, "{'hunter2':1}", "[1,]"] {
            assert!(!detail(text).contains("hunter2"), "{text}");
        }
    }
}
