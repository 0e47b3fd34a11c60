use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use goal_activity_core::archive::{ArchiveKey, Record};
use goal_activity_core::ports::{ArchiveExecution, PortResult, ReadArchive, Unavailable};
use goal_activity_events::without_values;

use super::{Connection, unavailable};

/// The bucket that keeps ended workflows.
#[derive(Debug, Clone)]
pub struct Archive {
    client: Client,
    bucket: String,
}

/// S3's word for "there is an object under this key already" (API reference of `PutObject`, `If-None-Match`).
const IS_THERE: &str = "PreconditionFailed";

impl Archive {
    /// The bucket of that name.
    pub fn new(aws: &Connection, bucket: impl Into<String>) -> Self {
        Self { client: Client::new(&aws.sdk), bucket: bucket.into() }
    }
}

impl ArchiveExecution for Archive {
    /// Written once: a repeated write makes no other version, and nothing that is archived can be overwritten from
    /// here.
    async fn archive_execution(&self, record: &Record) -> PortResult<()> {
        let what = format!("archiving {}", record.execution_arn);
        let line = record.to_line().map_err(|e| Unavailable::new(&what, without_values(&e)))?;
        let put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(record.key().as_str())
            .if_none_match("*")
            .content_type("application/json")
            .body(ByteStream::from(line.into_bytes()));
        match put.send().await {
            Err(e) if e.as_service_error().and_then(ProvideErrorMetadata::code) == Some(IS_THERE) => Ok(()),
            other => other.map(|_| ()).map_err(unavailable(what)),
        }
    }
}

impl ReadArchive for Archive {
    async fn read_archive(&self, key: &ArchiveKey) -> PortResult<Record> {
        let what = format!("reading {key} from the archive");
        let get = self.client.get_object().bucket(&self.bucket).key(key.as_str());
        let object = get.send().await.map_err(unavailable(&what))?;
        let line = object.body.collect().await.map_err(|e| Unavailable::new(&what, e))?;
        Record::from_line(&line.into_bytes()).map_err(|e| Unavailable::new(&what, without_values(&e)))
    }
}
