use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use serde_json::Value;

/// The template that is deployed to AWS; the infrastructure's tests compare the CDK app with it.
const TEMPLATE: &str = include_str!("../../../infra/test/snapshots/aws.json");

/// Fills in the keys and indexes of a table as they are deployed, by its id in the CDK app.
pub(super) fn as_deployed(table: CreateTableFluentBuilder, id: &str) -> CreateTableFluentBuilder {
    let properties = properties(id);
    let attributes = list(&properties, "AttributeDefinitions").iter().map(|a| {
        let kind = ScalarAttributeType::from(text(a, "AttributeType"));
        let attribute = AttributeDefinition::builder().attribute_name(text(a, "AttributeName")).attribute_type(kind);
        attribute.build().expect("an attribute")
    });
    let indexes: Vec<_> = properties["GlobalSecondaryIndexes"].as_array().into_iter().flatten().map(index).collect();
    table
        .set_attribute_definitions(Some(attributes.collect()))
        .set_key_schema(Some(key(&properties)))
        .set_global_secondary_indexes((!indexes.is_empty()).then_some(indexes))
        .billing_mode(BillingMode::from(text(&properties, "BillingMode")))
}

fn properties(id: &str) -> Value {
    let template: Value = serde_json::from_str(TEMPLATE).expect("the template is JSON");
    let resources = template["Resources"].as_object().expect("resources");
    let mut tables = resources.iter().filter(|(_, r)| r["Type"] == "AWS::DynamoDB::Table");
    let (_, table) = tables.find(|(name, _)| name.starts_with(&format!("Storage{id}"))).expect("a table of that id");
    table["Properties"].clone()
}

fn key(of: &Value) -> Vec<KeySchemaElement> {
    let element = |k: &Value| {
        let element = KeySchemaElement::builder().attribute_name(text(k, "AttributeName"));
        element.key_type(KeyType::from(text(k, "KeyType"))).build().expect("a part of a key")
    };
    list(of, "KeySchema").iter().map(element).collect()
}

fn index(index: &Value) -> GlobalSecondaryIndex {
    let projected = &index["Projection"];
    // A projection of keys only has none.
    let names = projected["NonKeyAttributes"]
        .as_array()
        .map(|names| names.iter().map(|n| n.as_str().expect("a name").to_owned()).collect::<Vec<_>>());
    let projection = Projection::builder()
        .projection_type(ProjectionType::from(text(projected, "ProjectionType")))
        .set_non_key_attributes(names);
    GlobalSecondaryIndex::builder()
        .index_name(text(index, "IndexName"))
        .set_key_schema(Some(key(index)))
        .projection(projection.build())
        .build()
        .expect("an index")
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of[name].as_array().unwrap_or_else(|| panic!("no {name} in {of}"))
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_else(|| panic!("no {name} in {of}"))
}
