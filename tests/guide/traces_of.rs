//! Where the stack still knows a user: a look of its own, which shares nothing with `goalctl user`.

use goal_activity_tests::Stack;

/// The rows and objects that contain one of these words.
pub(crate) async fn any(stack: &Stack, words: &[String]) -> Vec<String> {
    let has = |text: &str| words.iter().any(|word| text.contains(word.as_str()));
    let mut found = Vec::new();
    for table in ["GoalsTableName", "TasksTableName", "ExecutionsTableName"] {
        let mut items = stack.dynamodb().scan().table_name(stack.output(table)).into_paginator().items().send();
        while let Some(item) = items.next().await {
            let item = format!("{:?}", item.unwrap());
            if has(&item) {
                found.push(format!("{table}: {item}"));
            }
        }
    }
    let bucket = stack.output("ArchiveBucketName");
    let list = stack.s3().list_object_versions().bucket(bucket).send().await.unwrap();
    assert_ne!(list.is_truncated(), Some(true), "more than one page");
    for object in list.versions() {
        let (key, version) = (object.key().unwrap(), object.version_id().unwrap());
        let got = stack.s3().get_object().bucket(bucket).key(key).version_id(version).send().await.unwrap();
        let body = got.body.collect().await.unwrap().into_bytes();
        if has(key) || has(&String::from_utf8_lossy(&body)) {
            found.push(format!("version {version} of {key}"));
        }
    }
    found.extend(list.delete_markers().iter().filter_map(|mark| mark.key()).filter(|key| has(key)).map(str::to_owned));
    found
}
