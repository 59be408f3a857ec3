//! A resource from attribute paths, written without building it first: `name.givenName` goes into `name`, members of an extension
//! schema into its object (RFC 7643 section 3.3).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::directory::value::Value;
use crate::provision::desired::split_path;

/// One level of a resource.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Nested<'a>(BTreeMap<&'a str, Node<'a>>);

#[derive(Debug)]
enum Node<'a> {
    Value(Cow<'a, Value>),
    Level(Nested<'a>),
    Texts(Vec<&'a str>),
}

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Level(level) => level.serialize(serializer),
            Self::Texts(texts) => texts.serialize(serializer),
        }
    }
}

impl<'a> Nested<'a> {
    /// Puts a value where its path says.
    pub(super) fn put(&mut self, path: &'a str, value: Cow<'a, Value>) {
        let (schema, attribute, sub) = split_path(path);
        let level = match schema {
            Some(schema) => self.level(schema),
            None => self,
        };
        match sub {
            Some(sub) => drop(level.level(attribute).0.insert(sub, Node::Value(value))),
            None => drop(level.0.insert(attribute, Node::Value(value))),
        }
    }

    /// Puts a list of texts at the top.
    pub(super) fn put_texts(&mut self, name: &'a str, texts: Vec<&'a str>) {
        self.0.insert(name, Node::Texts(texts));
    }

    fn level(&mut self, name: &'a str) -> &mut Self {
        let slot = self.0.entry(name).or_insert_with(|| Node::Level(Self::default()));
        if !matches!(slot, Node::Level(_)) {
            *slot = Node::Level(Self::default());
        }
        match slot {
            Node::Level(level) => level,
            _ => unreachable!("made a level just above"),
        }
    }
}
