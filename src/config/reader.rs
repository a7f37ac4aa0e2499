//! Takes typed values out of the tree, collecting every mistake instead of stopping at one.
//!
//! A name that was never asked for is unknown: the nearest name that was asked for is offered.

use std::cell::RefCell;

use super::report::{Mistake, Origin, Setting};
use super::scalar::Scalar;
use super::tree::{Node, Table, Value};

/// What reading gathers beside the values.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) mistakes: RefCell<Vec<Mistake>>,
    pub(super) settings: RefCell<Vec<Setting>>,
}

impl Findings {
    pub(super) fn mistake(&self, mistake: Mistake) {
        self.mistakes.borrow_mut().push(mistake);
    }
}

/// One section being read.
pub(super) struct Section<'a> {
    path: String,
    origin: Origin,
    rest: Table,
    asked: Vec<&'static str>,
    findings: &'a Findings,
}

/// A value with its origin, so that a later check can still say where it was written.
pub(super) struct Taken<T> {
    pub(super) value: T,
    pub(super) origin: Origin,
}

impl<'a> Section<'a> {
    /// The whole tree.
    pub(super) fn root(table: Table, findings: &'a Findings) -> Self {
        let (path, origin) = (String::new(), Origin::Default);
        Self { path, origin, rest: table, asked: Vec::new(), findings }
    }

    /// Where the section itself was written.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// A sub-section; empty when it is not there.
    pub(super) fn section(&mut self, name: &'static str) -> Self {
        let path = self.key(name);
        let (origin, rest) = match self.take(name) {
            Some(Node { origin, value: Value::Table(table) }) => (origin, table),
            Some(other) => {
                self.wrong(name, &other.origin, format!("is a section: write [{path}]"), None);
                (other.origin, Table::new())
            }
            None => (Origin::Default, Table::new()),
        };
        Self { path, origin, rest, asked: Vec::new(), findings: self.findings }
    }

    /// Repeated sections, `[[trunk]]`.
    pub(super) fn sections(&mut self, name: &'static str) -> Vec<Self> {
        let path = self.key(name);
        let items = match self.take(name) {
            Some(Node { value: Value::List(items), .. }) => items,
            Some(one @ Node { value: Value::Table(_), .. }) => {
                let fix = format!("write [[{path}]] with two brackets");
                self.wrong(name, &one.origin, "is a list of sections".into(), Some(fix));
                vec![one]
            }
            Some(other) => {
                let what = format!("is a list of sections: write [[{path}]]");
                self.wrong(name, &other.origin, what, None);
                Vec::new()
            }
            None => Vec::new(),
        };
        let mut sections = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            match item.value {
                Value::Table(rest) => sections.push(Self {
                    path: format!("{path}.{index}"),
                    origin: item.origin,
                    rest,
                    asked: Vec::new(),
                    findings: self.findings,
                }),
                _ => self.wrong(name, &item.origin, "holds sections only".into(), None),
            }
        }
        sections
    }

    /// A text parsed to `T`, or the default.
    pub(super) fn value<T>(&mut self, name: &'static str, default: T) -> T
    where
        T: Scalar,
    {
        match self.optional(name) {
            Some(taken) => taken.value,
            None => {
                self.note(name, &default.to_string(), Origin::Default);
                default
            }
        }
    }

    /// A text, number or boolean parsed to `T`, if it is there and right.
    pub(super) fn optional<T>(&mut self, name: &'static str) -> Option<Taken<T>>
    where
        T: Scalar,
    {
        let Node { origin, value } = self.take(name)?;
        let text = self.scalar(name, &origin, value)?;
        match text.parse::<T>() {
            Ok(value) => {
                self.note(name, &value.to_string(), origin.clone());
                Some(Taken { value, origin })
            }
            Err(error) => {
                let what = format!("`{}` {}", printable(&text), T::refusal(&error));
                self.wrong(name, &origin, what, None);
                None
            }
        }
    }

    /// A text in quotes, if it is there and is one.
    pub(super) fn text(&mut self, name: &'static str) -> Option<Taken<String>> {
        match self.rest.get(name) {
            Some(Node { origin, value: value @ (Value::Integer(_) | Value::Bool(_)) }) => {
                let shown = match value {
                    Value::Integer(number) => number.to_string(),
                    _ => "...".into(),
                };
                let fix = format!("write {name} = \"{shown}\"");
                self.wrong(name, origin, "takes a text in quotes".into(), Some(fix));
                self.take(name);
                None
            }
            _ => self.optional(name),
        }
    }

    /// A list of `T`; a variable or flag separates by commas. `None` when it is not there.
    pub(super) fn list<T>(&mut self, name: &'static str) -> Option<Taken<Vec<T>>>
    where
        T: Scalar,
    {
        let Node { origin, value } = self.take(name)?;
        let items: Vec<Node> = match value {
            Value::List(items) => items,
            Value::Text(text) if matches!(origin, Origin::File { .. }) => {
                let fix = format!("write {name} = [\"{}\"]", printable(&text));
                self.wrong(name, &origin, "is a list".into(), Some(fix));
                return None;
            }
            Value::Text(text) => text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Node { origin: origin.clone(), value: Value::Text(item.into()) })
                .collect(),
            _ => {
                self.wrong(name, &origin, "is a list of texts".into(), None);
                return None;
            }
        };
        let mut values = Vec::new();
        for item in items {
            let Some(text) = self.scalar(name, &item.origin, item.value) else { continue };
            match text.parse::<T>() {
                Ok(value) => values.push(value),
                Err(error) => {
                    let what = format!("`{}` {}", printable(&text), T::refusal(&error));
                    self.wrong(name, &item.origin, what, None);
                }
            }
        }
        let shown = values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        self.note(name, &shown, origin.clone());
        Some(Taken { value: values, origin })
    }

    /// One of a few words, or the default.
    pub(super) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        choices: &[(&'static str, T)],
        default: &'static str,
    ) -> Option<T> {
        let taken = self.optional::<String>(name);
        let (word, origin) = match &taken {
            Some(taken) => (taken.value.as_str(), taken.origin.clone()),
            None => {
                self.note(name, default, Origin::Default);
                (default, Origin::Default)
            }
        };
        let found = choices.iter().find(|(choice, _)| *choice == word).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            let fix = format!("write one of: {}", words.join(", "));
            self.wrong(name, &origin, format!("`{}` is not a choice", printable(word)), Some(fix));
        }
        found
    }

    /// Whether a name is written here, without reading it.
    pub(super) fn has(&self, name: &str) -> bool {
        self.rest.contains_key(name)
    }

    /// A text that may hold a secret: not parsed, never shown, not recorded.
    pub(super) fn unseen_text(&mut self, name: &'static str) -> Option<(String, Origin)> {
        let Node { origin, value } = self.take(name)?;
        self.scalar(name, &origin, value).map(|text| (text, origin))
    }

    /// Whether a mistake of this setting was reported.
    pub(super) fn is_refused(&self, name: &str) -> bool {
        let key = self.key(name);
        self.findings.mistakes.borrow().iter().any(|mistake| mistake.key == key)
    }

    /// Where a setting's effective value came from.
    pub(super) fn origin_of(&self, name: &str) -> Origin {
        let key = self.key(name);
        let settings = self.findings.settings.borrow();
        let found = settings.iter().find(|setting| setting.key == key);
        found.map_or(Origin::Default, |setting| setting.origin.clone())
    }

    /// Reports a mistake of one setting.
    pub(super) fn wrong(&self, name: &str, origin: &Origin, what: String, fix: Option<String>) {
        let key = self.key(name);
        self.findings.mistake(Mistake { origin: origin.clone(), key, what, fix });
    }

    /// Records the effective value for `config show`.
    pub(super) fn note(&self, name: &str, value: &str, origin: Origin) {
        let (key, value) = (self.key(name), printable(value));
        let mut settings = self.findings.settings.borrow_mut();
        settings.retain(|setting| setting.key != key);
        settings.push(Setting { key, value, origin });
    }

    /// Reports every name that was never asked for, and records what was asked for in vain.
    pub(super) fn finish(self) {
        // The names at the root are sections.
        for name in self.asked.iter().filter(|_| !self.path.is_empty()) {
            let key = self.key(name);
            if !self.findings.settings.borrow().iter().any(|setting| setting.key == key) {
                self.note(name, "none", Origin::Default);
            }
        }
        for (name, node) in &self.rest {
            let near = self
                .asked
                .iter()
                .map(|known| (strsim::damerau_levenshtein(known, name), *known))
                .filter(|(distance, known)| *distance <= known.len().div_ceil(2))
                .min();
            let fix = match near {
                Some((_, known)) => {
                    self.forgive_missing(known);
                    format!("did you mean `{known}`?")
                }
                None => format!("known here: {}", self.asked.join(", ")),
            };
            let what = "unknown setting".to_string();
            self.wrong(name, &node.origin, what, Some(fix));
        }
    }

    /// Takes back that a name is missing: it is there, misspelt, and reported as such.
    fn forgive_missing(&self, name: &str) {
        let key = self.key(name);
        let inside = format!("{key}.");
        self.findings.mistakes.borrow_mut().retain(|mistake| {
            let is_unwritten = mistake.origin == Origin::Default || mistake.what == MISSING;
            !(is_unwritten && (mistake.key == key || mistake.key.starts_with(&inside)))
        });
    }

    /// Reports that a setting without a default is not there.
    pub(super) fn missing(&self, name: &str, fix: String) {
        self.wrong(name, &self.origin, MISSING.into(), Some(fix));
    }

    fn key(&self, name: &str) -> String {
        if self.path.is_empty() {
            printable(name)
        } else {
            format!("{}.{}", self.path, printable(name))
        }
    }

    fn take(&mut self, name: &'static str) -> Option<Node> {
        self.asked.push(name);
        self.rest.remove(name)
    }

    fn scalar(&self, name: &str, origin: &Origin, value: Value) -> Option<String> {
        let what = match value {
            Value::Text(text) => return Some(text),
            Value::Integer(number) => return Some(number.to_string()),
            Value::Bool(yes) => return Some(yes.to_string()),
            Value::List(_) => "a list",
            Value::Table(_) => "a section",
            Value::Other(what) => what,
        };
        self.wrong(name, origin, format!("takes one value, not {what}"), None);
        None
    }
}

const MISSING: &str = "is missing";

/// A text that is safe to print on one line of a terminal.
fn printable(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
