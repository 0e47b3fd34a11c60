import { Duration, Stack, Validations } from 'aws-cdk-lib';
import { CfnDatabase, CfnTable } from 'aws-cdk-lib/aws-glue';
import {
  BlockPublicAccess, Bucket, BucketEncryption, type CfnBucket, type IBucket, ObjectOwnership, StorageClass,
  TransitionDefaultMinimumObjectSize,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Settings } from './settings';
import type { Variant } from './variant';

/** The key of a record: `executions/date=<day of the end>/<execution>.json`, see functions/core/src/archive.rs. */
const records = 'executions/';

/**
 * The permanent records of ended workflows: one JSON object each, written once, and the table through which Athena
 * reads them. The DynamoDB tables keep them for 90 days; nothing here expires.
 */
export class Archive extends Construct {
  readonly bucket: IBucket;
  /** All records, as IAM names them. */
  readonly records: string;
  /** The same as checks of the template print it. */
  readonly readable: string;
  /** `database.table`, as Athena names it. */
  readonly table: string;

  constructor(scope: Construct, id: string, { settings, variant, key }: { settings: Settings; variant: Variant; key?: IKey }) {
    super(scope, id);
    const existing = settings.archiveBucket;
    this.bucket = existing ? Bucket.fromBucketName(this, 'Bucket', existing) : this.create(variant, key);
    const logicalId = () => Stack.of(this).getLogicalId(this.bucket.node.defaultChild as CfnBucket);
    this.readable = existing ? `arn:<AWS::Partition>:s3:::${existing}/${records}*` : `<${logicalId()}.Arn>/${records}*`;
    this.records = this.bucket.arnForObjects(`${records}*`);
    this.table = this.athenaTable(settings.stackName);
  }

  private create(variant: Variant, key?: IKey): Bucket {
    const bucket = new Bucket(this, 'Bucket', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      encryption: key ? BucketEncryption.KMS : BucketEncryption.S3_MANAGED,
      encryptionKey: key,
      // One request to KMS serves many records.
      bucketKeyEnabled: key ? true : undefined,
      enforceSSL: true,
      // The functions write a record once and never delete one: an older version is a mistake made by hand.
      versioned: true,
      lifecycleRules: [{
        id: 'colder',
        prefix: records,
        // Not the Flexible class: the API reads a record while a user waits.
        transitions: [
          { storageClass: StorageClass.INFREQUENT_ACCESS, transitionAfter: Duration.days(90) },
          { storageClass: StorageClass.GLACIER_INSTANT_RETRIEVAL, transitionAfter: Duration.days(365) },
        ],
        noncurrentVersionExpiration: Duration.days(90),
      }],
      // Colder classes bill a smaller object as 128 KiB: it would cost more there than in S3 Standard.
      transitionDefaultMinimumObjectSize: TransitionDefaultMinimumObjectSize.ALL_STORAGE_CLASSES_128_K,
      removalPolicy: variant.unprotectedRemovalPolicy,
    });
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'Three roles of this stack reach it, each with one action. Who must know of every access turns on '
        + 'CloudTrail data events, which name the caller; access logs would need a bucket that is kept as well.',
    });
    return bucket;
  }

  /** Partitions are calculated and never registered: a day exists when its first record does. */
  private athenaTable(stackName: string): string {
    const database = new CfnDatabase(this, 'Database', {
      catalogId: Stack.of(this).account,
      databaseInput: { // Athena takes no hyphens in the name of a database.
        name: stackName.replaceAll('-', '_'),
        description: `The goal activity pipeline ${stackName}`,
      },
    });
    const location = `s3://${this.bucket.bucketName}/${records}`;
    const table = new CfnTable(this, 'Executions', {
      catalogId: Stack.of(this).account,
      databaseName: database.ref,
      tableInput: {
        name: 'executions',
        description: 'Workflows that have ended, by the day of their end',
        tableType: 'EXTERNAL_TABLE',
        partitionKeys: [{ name: 'date', type: 'string' }],
        parameters: {
          EXTERNAL: 'TRUE',
          classification: 'json',
          'projection.enabled': 'true',
          'projection.date.type': 'date',
          'projection.date.format': 'yyyy-MM-dd',
          'projection.date.range': '2026-11-01,NOW',
          'projection.date.interval': '1',
          'projection.date.interval.unit': 'DAYS',
          'storage.location.template': `${location}date=\${date}/`,
        },
        storageDescriptor: {
          location,
          columns: Object.entries(columns).map(([name, type]) => ({ name, type })),
          inputFormat: 'org.apache.hadoop.mapred.TextInputFormat',
          outputFormat: 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat',
          serdeInfo: {
            serializationLibrary: 'org.openx.data.jsonserde.JsonSerDe',
            // The catalog knows lower case only, the records have the API's names.
            parameters: { 'case.insensitive': 'TRUE' },
          },
        },
      },
    });
    return `${database.ref}.${table.ref}`;
  }
}

const struct = (fields: Record<string, string>): string =>
  `struct<${Object.entries(fields).map(([name, type]) => `${name}:${type}`).join(',')}>`;
const array = (type: string): string => `array<${type}>`;

const repairs = {
  thinking: 'int', prose: 'int', syntax: 'int', textforjson: 'int', wrapper: 'int', numberastext: 'int', spelling: 'int',
  shortened: 'int', cleaned: 'int', reasoningfield: 'int', stream: 'int',
};
const usage = {
  attempts: 'int', inputtokens: 'bigint', outputtokens: 'bigint', latencyms: 'bigint', costmicrousd: 'bigint',
  fallbackattempts: 'int', repairs: struct(repairs),
};
const failedActions = array(struct({ actionid: 'string', code: 'string', message: 'string', attempts: 'int' }));

/** The fields of a record; functions/core/src/archive.rs has a test that these are all. */
const columns = {
  version: 'string',
  executionarn: 'string',
  goalid: 'string',
  userid: 'string',
  requestid: 'string',
  requestsource: 'string',
  correlationid: 'string',
  traceparent: 'string',
  operator: struct({ by: 'string', reason: 'string', retryof: 'string' }),
  status: 'string',
  startdate: 'string',
  admittedat: 'string',
  stopdate: 'string',
  durationms: 'bigint',
  regenerate: 'boolean',
  totalactions: 'int',
  succeededactions: 'int',
  failedactions: failedActions,
  usage: struct(usage),
  cancellation: struct({ by: 'string', operator: 'string', at: 'string', reason: 'string' }),
  goalbefore: struct({ withtasks: 'int', leftout: 'int' }),
  batches: array(struct({
    batchindex: 'int',
    actions: array(struct({
      actionid: 'string', result: 'string', tasks: 'int', replaced: 'int', code: 'string', message: 'string', ...usage,
    })),
    reported: struct({
      sequence: 'bigint',
      total: 'int',
      succeeded: 'int',
      failed: failedActions,
      usage: struct(usage),
      updatedat: 'string',
    }),
  })),
  timeline: array(struct({
    id: 'string', at: 'string', what: 'string', batchindex: 'int', succeeded: 'int', failed: 'int', status: 'string',
  })),
};
