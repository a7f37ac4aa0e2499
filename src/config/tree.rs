//! The layers merged into one tree: every value still knows where it came from.
//!
//! Lower layers are put in first; a later one replaces a value but keeps its neighbours. No
//! meaning yet: names and types are checked by [`super::reader`].

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::report::{Mistake, Origin};

/// A value and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) value: Value,
}

/// What a file, a variable or a flag can say.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Bool(bool),
    List(Vec<Node>),
    Table(Table),
    /// A float or a date, which no setting is.
    Other(&'static str),
}

/// Names and their values.
pub(super) type Table = BTreeMap<String, Node>;

/// Reads a file's text into a tree. What cannot be read is reported and left out.
pub(super) fn from_toml(path: &Path, text: &str, mistakes: &mut Vec<Mistake>) -> Table {
    let lines = Lines::new(path, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        mistakes.push(Mistake {
            origin: lines.origin(at),
            key: String::new(),
            // The parser's message quotes no value.
            what: error.message().replace('\n', ", "),
            fix: None,
        });
    }
    table_of(document.get_ref(), &lines)
}

fn table_of(table: &DeTable<'_>, lines: &Lines<'_>) -> Table {
    table
        .iter()
        .map(|(name, value)| {
            // A value's own line, except for a section, whose line is that of its header.
            let at = match value.get_ref() {
                DeValue::Table(_) | DeValue::Array(_) => name.span().start,
                _ => value.span().start,
            };
            let value = value_of(value.get_ref(), lines);
            (name.get_ref().to_string(), Node { origin: lines.origin(at), value })
        })
        .collect()
}

fn value_of(value: &DeValue<'_>, lines: &Lines<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
            .map_or(Value::Other("a number out of range"), Value::Integer),
        DeValue::Boolean(yes) => Value::Bool(*yes),
        DeValue::Float(_) => Value::Other("a number with a point"),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| Node {
                    origin: lines.origin(item.span().start),
                    value: value_of(item.get_ref(), lines),
                })
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(table_of(table, lines)),
    }
}

/// Puts `RINGFENCE__SECTION__KEY=value` variables over a tree. Other variables are left alone.
pub(super) fn put_environment(
    root: &mut Table,
    environment: impl IntoIterator<Item = (String, String)>,
    mistakes: &mut Vec<Mistake>,
) {
    let mut named: Vec<_> =
        environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
    named.sort();
    for (name, text) in named {
        let path: Vec<String> = name.split("__").skip(1).map(str::to_ascii_lowercase).collect();
        let node = Node { origin: Origin::Environment(name.clone()), value: Value::Text(text) };
        if !put(root, &path, node) {
            mistakes.push(Mistake {
                origin: Origin::Environment(name),
                key: String::new(),
                what: "names no setting".into(),
                fix: Some("write RINGFENCE__SECTION__KEY, or RINGFENCE__TRUNK__0__KEY".into()),
            });
        }
    }
}

const PREFIX: &str = "RINGFENCE__";

/// Most trunks a variable may number; bounds the list it may make.
const INDEX_MAX: usize = 63;

/// Puts one value at a path, making the tables between; `false` when the path leads nowhere.
pub(super) fn put(table: &mut Table, path: &[String], node: Node) -> bool {
    match path {
        [] => false,
        [name] if name.is_empty() => false,
        [name] => {
            table.insert(name.clone(), node);
            true
        }
        [name, index, key] if index.parse::<usize>().is_ok_and(|index| index <= INDEX_MAX) => {
            let Ok(index) = index.parse::<usize>() else { return false };
            let list = table.entry(name.clone()).or_insert_with(|| Node {
                origin: node.origin.clone(),
                value: Value::List(Vec::new()),
            });
            let Value::List(items) = &mut list.value else { return false };
            while items.len() <= index {
                items.push(Node { origin: node.origin.clone(), value: Value::Table(Table::new()) });
            }
            match items.get_mut(index).map(|item| &mut item.value) {
                Some(Value::Table(table)) => put(table, std::slice::from_ref(key), node),
                _ => false,
            }
        }
        [name, rest @ ..] => {
            let section = table.entry(name.clone()).or_insert_with(|| Node {
                origin: node.origin.clone(),
                value: Value::Table(Table::new()),
            });
            match &mut section.value {
                Value::Table(table) => put(table, rest, node),
                _ => false,
            }
        }
    }
}

/// Byte offsets to line numbers.
struct Lines<'a> {
    path: &'a Path,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(path: &'a Path, text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { path, starts: std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect() }
    }

    fn origin(&self, at: usize) -> Origin {
        let line = self.starts.partition_point(|start| *start <= at);
        Origin::File { path: self.path.to_path_buf(), line }
    }
}
