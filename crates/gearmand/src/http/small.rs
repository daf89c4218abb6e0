//! Texts and values of JSON that ought to be small, however large they are: what is too much of them is left out, and takes no
//! memory.
//!
//! Owns how they are cut. Must never know what they mean.

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;

/// So much of a text in JSON is kept: more than any that is right has.
const TEXT: usize = 256;

/// A text, or of a longer one so many bytes at most, and a mark.
pub(crate) fn begin(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    // Up to the last character that is whole.
    let begin = text.as_bytes()[..most].utf8_chunks().next().map_or("", |chunk| chunk.valid());
    Cow::Owned(format!("{begin}…"))
}

/// A value: of a text its begin, of a list or an object nothing that is in it: enough to say what is wrong with it.
///
/// # Errors
/// It is no JSON.
pub(crate) fn small<'de, D: Deserializer<'de>>(value: D) -> Result<Value, D::Error> {
    value.deserialize_any(Small)
}

struct Small;

impl<'de> Visitor<'de> for Small {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(begin(text, TEXT).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Array(Vec::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Object(Map::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Result<Value, serde_json::Error> {
        let mut json = serde_json::Deserializer::from_str(text);
        let value = small(&mut json)?;
        json.end().map(|()| value)
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        for (most, expected) in [(0, "…"), (1, "a…"), (2, "a…"), (3, "aé…"), (4, "aéb"), (5, "aéb")] {
            assert_eq!(begin("aéb", most), expected);
        }
    }

    #[test]
    fn what_is_small_is_as_it_is_and_of_the_rest_there_is_a_begin() {
        for same in ["null", "true", "7", "-7", "1.5", "\"größe\\n\""] {
            assert_eq!(read(same).unwrap(), serde_json::from_str::<Value>(same).unwrap());
        }
        assert_eq!(read("[1,[2,{\"a\":\"b\"}]]").unwrap(), json!([]));
        assert_eq!(read("{\"a\":[1],\"b\":{}}").unwrap(), json!({}));
        let long = format!("a{}", "é".repeat(TEXT));
        assert_eq!(read(&json!(long).to_string()).unwrap(), json!(format!("{}…", &long[..TEXT - 1])));
        for broken in ["[1", "{\"a\":}", "\"a", "[1]]", ""] {
            assert!(read(broken).is_err(), "{broken}");
        }
    }
}
