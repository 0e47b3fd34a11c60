import { Duration, Fn, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { BackupPlan, BackupPlanRule, BackupResource, BackupSelection, BackupVault } from 'aws-cdk-lib/aws-backup';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Schedule } from 'aws-cdk-lib/aws-events';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { Variant } from './variant';

interface BackupsProps {
  readonly stackName: string;
  readonly variant: Variant;
  readonly tables: ITable[];
  readonly bucket: IBucket;
  readonly key?: IKey;
}

/** Daily copies that do not depend on the tables and the bucket: point-in-time recovery ends with its table. */
export class Backups extends Construct {
  constructor(scope: Construct, id: string, { stackName, variant, tables, bucket, key }: BackupsProps) {
    super(scope, id);
    // A vault that a deleted stack has left must not block the next one: its name has a part of the stack's id.
    const unique = Fn.select(0, Fn.split('-', Fn.select(2, Fn.split('/', Stack.of(this).stackId))));
    const vault = new BackupVault(this, 'Vault', {
      backupVaultName: `${stackName}-${unique}`,
      encryptionKey: key,
      removalPolicy: variant.removalPolicy === RemovalPolicy.DESTROY ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
    const plan = new BackupPlan(this, 'Plan', { backupPlanName: stackName });
    plan.addRule(new BackupPlanRule({
      ruleName: 'daily',
      backupVault: vault,
      scheduleExpression: Schedule.cron({ minute: '0', hour: '3' }),
      startWindow: Duration.hours(1),
      completionWindow: Duration.hours(8),
      deleteAfter: Duration.days(35),
    }));
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('backup.amazonaws.com'),
      managedPolicies: ['service-role/AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForS3Backup']
        .map((name) => ManagedPolicy.fromAwsManagedPolicyName(name)),
    });
    Validations.of(role).acknowledge(...['service-role/AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForS3Backup']
      .map((name) => ({
        id: `AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${name}]`,
        reason: 'AWS Backup changes what its role needs with its features, and documents these policies for it, not their content.',
      })));
    new BackupSelection(this, 'Selection', {
      backupPlan: plan,
      backupSelectionName: stackName,
      role,
      disableDefaultBackupPolicy: true,
      resources: [...tables.map((table) => BackupResource.fromArn(table.tableArn)), BackupResource.fromArn(bucket.bucketArn)],
    });
  }
}
