import assert from 'node:assert/strict';
import { test } from 'node:test';
import { list, synth, target } from './synth';

const aws = synth();
const bucket = aws.one('AWS::S3::Bucket');

test('the archive is private, encrypted, keeps older versions and is never deleted', () => {
  assert.deepEqual(bucket.PublicAccessBlockConfiguration, {
    BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true,
  });
  assert.deepEqual(bucket.OwnershipControls.Rules, [{ ObjectOwnership: 'BucketOwnerEnforced' }]);
  const [encryption] = bucket.BucketEncryption.ServerSideEncryptionConfiguration;
  assert.equal(encryption.ServerSideEncryptionByDefault.SSEAlgorithm, 'AES256');
  assert.equal(bucket.VersioningConfiguration.Status, 'Enabled');
  assert.equal(aws.resources('AWS::S3::Bucket').ArchiveBucket!.DeletionPolicy, 'RetainExceptOnCreate');
});

test('nobody reaches the archive without TLS, and nobody is let in by its policy', () => {
  const { PolicyDocument } = aws.one('AWS::S3::BucketPolicy');
  assert.deepEqual(PolicyDocument.Statement.map(({ Effect, Condition }: any) => [Effect, Condition]),
    [['Deny', { Bool: { 'aws:SecureTransport': 'false' } }]]);
});

test('records get colder and never expire; only what was overwritten by hand does', () => {
  const { Rules, TransitionDefaultMinimumObjectSize } = bucket.LifecycleConfiguration;
  assert.equal(TransitionDefaultMinimumObjectSize, 'all_storage_classes_128K');
  assert.deepEqual(Rules, [{
    Id: 'colder',
    Status: 'Enabled',
    Prefix: 'executions/',
    Transitions: [
      { StorageClass: 'STANDARD_IA', TransitionInDays: 90 },
      { StorageClass: 'GLACIER_IR', TransitionInDays: 365 },
    ],
    NoncurrentVersionExpiration: { NoncurrentDays: 90 },
  }]);
});

test('no role may delete or list what is archived', () => {
  const statements = Object.values(aws.resources('AWS::IAM::Policy')).flatMap(({ Properties }) =>
    Properties.PolicyDocument.Statement.flatMap(({ Action, Resource }: any) =>
      list<string>(Action).filter((action) => action.startsWith('s3:')).map((action) => [action, target(Resource)])));
  assert.deepEqual(statements.sort(), [
    ['s3:GetObject', 'ArchiveBucket/executions/*'],
    ['s3:PutObject', 'ArchiveBucket/executions/*'],
    ['s3:PutObject', 'ArchiveBucket/executions/*'],
  ]);
});

test('Athena finds the records by day, without a crawler', () => {
  const { DatabaseName, TableInput } = aws.one('AWS::Glue::Table');
  assert.equal(target(DatabaseName), 'ArchiveDatabase');
  assert.deepEqual(TableInput.PartitionKeys, [{ Name: 'date', Type: 'string' }]);
  const { StorageDescriptor, Parameters } = TableInput;
  assert.equal(target(StorageDescriptor.Location), 's3://ArchiveBucket/executions/');
  assert.equal(target(Parameters['storage.location.template']), 's3://ArchiveBucket/executions/date=${date}/');
  assert.equal(Parameters['projection.enabled'], 'true');
  assert.equal(Parameters['projection.date.format'], 'yyyy-MM-dd');
  assert.equal(StorageDescriptor.SerdeInfo.SerializationLibrary, 'org.openx.data.jsonserde.JsonSerDe');
  // The catalog would convert them to lower case, and the template would always differ from the deployment.
  for (const { Name, Type } of StorageDescriptor.Columns) {
    assert.equal(`${Name} ${Type}`, `${Name} ${Type}`.toLowerCase());
  }
});
