//! Whether answers are as the server's own description says: as much of JSON Schema as that has.

use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// The description, from its file.
pub(crate) static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../src/http/api/openapi.json")).unwrap());

/// The answer to a GET of this path is one that is described; also each of its fields.
#[track_caller]
pub(crate) fn check(path: &str, answer: &Value) {
    let path = path.split('?').next().unwrap();
    let described = DOCUMENT["paths"].as_object().unwrap().iter().find(|(template, _)| fits(template, path));
    let (_, described) = described.unwrap_or_else(|| panic!("{path} is not described"));
    let schema = &described["get"]["responses"]["200"]["content"]["application/json"]["schema"];
    valid(schema, answer, path);
}

/// A value is as this schema of the description says.
#[track_caller]
pub(crate) fn check_against(schema: &str, value: &Value) {
    valid(&DOCUMENT["components"]["schemas"][schema], value, schema);
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len() && template.iter().zip(path).all(|(t, p)| t.starts_with('{') || *t == p)
}

#[track_caller]
fn valid(schema: &Value, value: &Value, place: &str) {
    let schema = resolve(schema);
    assert!(schema.is_object(), "{place}: nothing is said of it: {value}");
    for part in schema["allOf"].as_array().into_iter().flatten() {
        valid_part(resolve(part), value, place);
    }
    valid_part(schema, value, place);
    if let Some(object) = value.as_object() {
        let mut known = BTreeSet::new();
        let open = properties(schema, &mut known);
        object.keys().for_each(|key| assert!(open || known.contains(key), "{place}: {key} is not described"));
    }
}

#[track_caller]
fn valid_part(schema: &Value, value: &Value, place: &str) {
    if let Some(kind) = schema.get("type") {
        let kinds = kind.as_array().cloned().unwrap_or_else(|| vec![kind.clone()]);
        assert!(kinds.iter().any(|kind| is(kind.as_str().unwrap(), value)), "{place}: {value} is no {kind}");
    }
    if let Some(all) = schema["enum"].as_array() {
        assert!(all.contains(value), "{place}: {value} is none of {all:?}");
    }
    if let (Some(least), Some(number)) = (schema["minimum"].as_f64(), value.as_f64()) {
        assert!(number >= least, "{place}: {number}");
    }
    // Of what may be null, an object must have them.
    for name in schema["required"].as_array().into_iter().flatten().filter(|_| !value.is_null()) {
        assert!(value.get(name.as_str().unwrap()).is_some(), "{place}: {name} lacks in {value}");
    }
    for (name, of) in schema["properties"].as_object().into_iter().flatten() {
        value.get(name).into_iter().for_each(|inner| valid(of, inner, &format!("{place}.{name}")));
    }
    for entry in value.as_array().into_iter().flatten() {
        valid(&schema["items"], entry, &format!("{place}[]"));
    }
    if let (Some(of), Some(object)) = (schema.get("additionalProperties"), value.as_object()) {
        object.iter().for_each(|(key, inner)| valid(of, inner, &format!("{place}.{key}")));
    }
}

/// The names that a schema knows. True: it lets others be.
fn properties(schema: &Value, known: &mut BTreeSet<String>) -> bool {
    known.extend(schema["properties"].as_object().into_iter().flatten().map(|(key, _)| key.clone()));
    let parts: Vec<bool> =
        schema["allOf"].as_array().into_iter().flatten().map(|part| properties(resolve(part), known)).collect();
    schema.get("additionalProperties").is_some() || parts.contains(&true)
}

fn resolve(schema: &Value) -> &Value {
    match schema["$ref"].as_str() {
        Some(reference) => DOCUMENT.pointer(&reference[1..]).unwrap_or_else(|| panic!("{reference} is nowhere")),
        None => schema,
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}
