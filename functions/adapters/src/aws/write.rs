//! Conditional writes of single items, built of typed parts. Placeholders for names and values are made here and nowhere else.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnValue, TransactWriteItem, Update};
use goal_activity_core::ports::{PortResult, Unavailable};

use super::dynamo::Item;
use super::unavailable;

/// Where an attribute is: its name, or the names on the way to it through maps.
#[derive(Debug, Clone)]
pub(super) struct Path(Vec<String>);

impl From<&str> for Path {
    fn from(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }
}

impl<const N: usize> From<[&str; N]> for Path {
    fn from(names: [&str; N]) -> Self {
        Self(names.map(str::to_owned).to_vec())
    }
}

/// What must hold of the item for a write to be made.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Exists(Path),
    Missing(Path),
    /// The attribute, an operator, the value.
    Compares(Path, &'static str, AttributeValue),
    In(Path, Vec<AttributeValue>),
    /// The attribute is of the type of that letter, such as `S`.
    IsOfType(Path, &'static str),
    /// The attribute, a set or list, has at most so many members.
    HasAtMost(Path, AttributeValue),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

impl Condition {
    pub(super) fn exists(path: impl Into<Path>) -> Self {
        Self::Exists(path.into())
    }

    pub(super) fn missing(path: impl Into<Path>) -> Self {
        Self::Missing(path.into())
    }

    pub(super) fn equals(path: impl Into<Path>, value: AttributeValue) -> Self {
        Self::Compares(path.into(), "=", value)
    }

    pub(super) fn less(path: impl Into<Path>, value: AttributeValue) -> Self {
        Self::Compares(path.into(), "<", value)
    }

    pub(super) fn at_most(path: impl Into<Path>, value: AttributeValue) -> Self {
        Self::Compares(path.into(), "<=", value)
    }

    pub(super) fn at_least(path: impl Into<Path>, value: AttributeValue) -> Self {
        Self::Compares(path.into(), ">=", value)
    }

    pub(super) fn more(path: impl Into<Path>, value: AttributeValue) -> Self {
        Self::Compares(path.into(), ">", value)
    }

    pub(super) fn one_of(path: impl Into<Path>, values: impl IntoIterator<Item = AttributeValue>) -> Self {
        Self::In(path.into(), values.into_iter().collect())
    }

    pub(super) fn is_of_type(path: impl Into<Path>, letter: &'static str) -> Self {
        Self::IsOfType(path.into(), letter)
    }

    pub(super) fn has_at_most(path: impl Into<Path>, members: AttributeValue) -> Self {
        Self::HasAtMost(path.into(), members)
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self::All(vec![self, other])
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self::Any(vec![self, other])
    }
}

impl std::ops::Not for Condition {
    type Output = Self;

    fn not(self) -> Self {
        Self::Not(Box::new(self))
    }
}

/// The names and values that the expressions of one write speak of.
#[derive(Debug, Clone, Default)]
struct Terms {
    names: HashMap<String, String>,
    values: Item,
}

impl Terms {
    fn path(&mut self, path: &Path) -> String {
        let names: Vec<_> = path.0.iter().map(|name| self.name(name)).collect();
        names.join(".")
    }

    fn name(&mut self, name: &str) -> String {
        if let Some((placeholder, _)) = self.names.iter().find(|(_, known)| *known == name) {
            return placeholder.clone();
        }
        let placeholder = format!("#n{}", self.names.len());
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    fn condition(&mut self, condition: &Condition) -> String {
        match condition {
            Condition::Exists(path) => format!("attribute_exists({})", self.path(path)),
            Condition::Missing(path) => format!("attribute_not_exists({})", self.path(path)),
            Condition::Compares(path, operator, value) => {
                format!("{} {operator} {}", self.path(path), self.value(value.clone()))
            }
            Condition::In(path, values) => {
                let values: Vec<_> = values.iter().map(|value| self.value(value.clone())).collect();
                format!("{} IN ({})", self.path(path), values.join(", "))
            }
            Condition::IsOfType(path, letter) => {
                let letter = self.value(AttributeValue::S((*letter).to_owned()));
                format!("attribute_type({}, {letter})", self.path(path))
            }
            Condition::HasAtMost(path, members) => {
                format!("size({}) <= {}", self.path(path), self.value(members.clone()))
            }
            Condition::Not(condition) => format!("(NOT {})", self.condition(condition)),
            Condition::All(all) => self.joined(all, " AND "),
            Condition::Any(any) => self.joined(any, " OR "),
        }
    }

    fn joined(&mut self, conditions: &[Condition], word: &str) -> String {
        let conditions: Vec<_> = conditions.iter().map(|condition| self.condition(condition)).collect();
        format!("({})", conditions.join(word))
    }

    /// DynamoDB refuses empty lists of either.
    fn into_parts(self) -> (Option<HashMap<String, String>>, Option<Item>) {
        let Self { names, values } = self;
        (Some(names).filter(|names| !names.is_empty()), Some(values).filter(|values| !values.is_empty()))
    }
}

/// A write of one item, made if all its conditions hold.
#[derive(Debug, Clone)]
pub(super) struct Write {
    table: String,
    key: Item,
    terms: Terms,
    set: Vec<String>,
    add: Vec<String>,
    remove: Vec<String>,
    delete: Vec<String>,
    conditions: Vec<String>,
}

impl Write {
    /// A write of the item of that key.
    pub(super) fn of(table: &str, key: [(&str, AttributeValue); 2]) -> Self {
        Self {
            table: table.to_owned(),
            key: key.map(|(name, value)| (name.to_owned(), value)).into(),
            terms: Terms::default(),
            set: Vec::new(),
            add: Vec::new(),
            remove: Vec::new(),
            delete: Vec::new(),
            conditions: Vec::new(),
        }
    }

    /// Sets an attribute.
    pub(super) fn set(mut self, path: impl Into<Path>, value: AttributeValue) -> Self {
        let set = format!("{} = {}", self.terms.path(&path.into()), self.terms.value(value));
        self.set.push(set);
        self
    }

    /// Sets an attribute that is not there; one that is there stays.
    pub(super) fn set_once(mut self, path: impl Into<Path>, value: AttributeValue) -> Self {
        let (path, value) = (self.terms.path(&path.into()), self.terms.value(value));
        self.set.push(format!("{path} = if_not_exists({path}, {value})"));
        self
    }

    /// Takes the value of one attribute off another.
    pub(super) fn subtract(mut self, path: impl Into<Path>, other: impl Into<Path>) -> Self {
        let (path, other) = (self.terms.path(&path.into()), self.terms.path(&other.into()));
        self.set.push(format!("{path} = {path} - {other}"));
        self
    }

    /// Adds to a number, or members to a set. What is not there counts as 0, or empty.
    pub(super) fn add(mut self, name: &str, value: AttributeValue) -> Self {
        let add = format!("{} {}", self.terms.name(name), self.terms.value(value));
        self.add.push(add);
        self
    }

    /// Removes an attribute.
    pub(super) fn remove(mut self, path: impl Into<Path>) -> Self {
        let remove = self.terms.path(&path.into());
        self.remove.push(remove);
        self
    }

    /// Removes members of a set.
    pub(super) fn delete(mut self, name: &str, members: AttributeValue) -> Self {
        let delete = format!("{} {}", self.terms.name(name), self.terms.value(members));
        self.delete.push(delete);
        self
    }

    /// Makes the write depend on one more condition.
    pub(super) fn when(mut self, condition: Condition) -> Self {
        let condition = self.terms.condition(&condition);
        self.conditions.push(condition);
        self
    }

    fn update_expression(&self) -> String {
        let clauses = [("SET", &self.set), ("ADD", &self.add), ("REMOVE", &self.remove), ("DELETE", &self.delete)];
        let clauses = clauses.into_iter().filter(|(_, parts)| !parts.is_empty());
        clauses.map(|(word, parts)| format!("{word} {}", parts.join(", "))).collect::<Vec<_>>().join(" ")
    }

    fn condition_expression(&self) -> Option<String> {
        (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "))
    }

    /// Makes the write. Returns `false` if a condition did not hold.
    pub(super) async fn send(self, client: &Client, what: impl Into<String>) -> PortResult<bool> {
        Ok(self.returning(ReturnValue::None, client, what).await?.is_some())
    }

    /// Makes the write, and returns these attributes of the item; nothing if a condition did not hold.
    pub(super) async fn returning(
        self,
        attributes: ReturnValue,
        client: &Client,
        what: impl Into<String>,
    ) -> PortResult<Option<Item>> {
        let (expression, condition) = (self.update_expression(), self.condition_expression());
        let (names, values) = self.terms.into_parts();
        let update = client
            .update_item()
            .table_name(self.table)
            .set_key(Some(self.key))
            .update_expression(expression)
            .set_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .return_values(attributes);
        match update.send().await {
            // Without attributes where none are asked for.
            Ok(answer) => Ok(Some(answer.attributes.unwrap_or_default())),
            Err(e) if e.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(None),
            Err(e) => Err(unavailable(what)(e)),
        }
    }

    /// The update as a part of a transaction.
    pub(super) fn update(self) -> PortResult<TransactWriteItem> {
        let (expression, condition) = (self.update_expression(), self.condition_expression());
        let (names, values) = self.terms.into_parts();
        let update = Update::builder()
            .table_name(self.table)
            .set_key(Some(self.key))
            .update_expression(expression)
            .set_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .build();
        built(update.map(|update| TransactWriteItem::builder().update(update).build()))
    }

    /// Puts a whole item in the place of the key, as a part of a transaction.
    pub(super) fn put(self, item: Item) -> PortResult<TransactWriteItem> {
        let condition = self.condition_expression();
        let (names, values) = self.terms.into_parts();
        let put = Put::builder()
            .table_name(self.table)
            .set_item(Some(item.into_iter().chain(self.key).collect()))
            .set_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .build();
        built(put.map(|put| TransactWriteItem::builder().put(put).build()))
    }

    /// Deletes the item, as a part of a transaction.
    pub(super) fn deletion(self) -> PortResult<TransactWriteItem> {
        let condition = self.condition_expression();
        let (names, values) = self.terms.into_parts();
        let delete = Delete::builder()
            .table_name(self.table)
            .set_key(Some(self.key))
            .set_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .build();
        built(delete.map(|delete| TransactWriteItem::builder().delete(delete).build()))
    }

    /// Deletes the item. Returns `false` if a condition did not hold.
    pub(super) async fn send_deletion(self, client: &Client, what: impl Into<String>) -> PortResult<bool> {
        let condition = self.condition_expression();
        let (names, values) = self.terms.into_parts();
        let delete = client
            .delete_item()
            .table_name(self.table)
            .set_key(Some(self.key))
            .set_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values);
        match delete.send().await {
            Ok(_) => Ok(true),
            Err(e) if e.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(false),
            Err(e) => Err(unavailable(what)(e)),
        }
    }
}

fn built(item: Result<TransactWriteItem, BuildError>) -> PortResult<TransactWriteItem> {
    item.map_err(|e| Unavailable::new("building a part of a transaction", e))
}

#[cfg(test)]
mod tests {
    use super::super::dynamo::{number, text};
    use super::*;

    fn write() -> Write {
        Write::of("t", [("pk", text("a")), ("sk", text("b"))])
    }

    #[test]
    fn every_clause_has_its_word_once_and_a_name_its_placeholder() {
        let write = write()
            .set("status", text("x"))
            .set_once(["timeline", "a.b"], text("y"))
            .subtract("inUse", ["held", "batches"])
            .add("sequence", number(1))
            .remove("status")
            .delete("running", AttributeValue::Ss(vec!["z".to_owned()]));
        assert_eq!(
            write.update_expression(),
            "SET #n0 = :v0, #n1.#n2 = if_not_exists(#n1.#n2, :v1), #n3 = #n3 - #n4.#n5 ADD #n6 :v2 REMOVE #n0 DELETE #n7 :v3"
        );
        assert_eq!(write.terms.names["#n2"], "a.b");
        assert_eq!(write.condition_expression(), None);
    }

    #[test]
    fn conditions_are_grouped_as_they_were_built() {
        let open = Condition::one_of("status", [text("P"), text("R")]);
        let write = write().when(open.and(!Condition::exists("end"))).when(
            Condition::missing("claims")
                .or(Condition::less("claims", number(1)))
                .or(Condition::has_at_most("set", number(2))),
        );
        assert_eq!(
            write.condition_expression().as_deref(),
            Some(
                "(#n0 IN (:v0, :v1) AND (NOT attribute_exists(#n1))) AND \
                 ((attribute_not_exists(#n2) OR #n2 < :v2) OR size(#n3) <= :v3)"
            )
        );
    }
}
