import { CfnOutput, Stack, Tags } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { Alarms, type Watched } from './alarms';
import { Alerts } from './alerts';
import { Api } from './api';
import { Archive } from './archive';
import { Backups } from './backups';
import { Budget } from './budget';
import { Dashboard } from './dashboard';
import { Deployment } from './deployment';
import { EventSchemas } from './event-schemas';
import { Functions } from './functions';
import { inForce, METADATA } from './in-force';
import { Messaging } from './messaging';
import type { Settings } from './settings';
import { Storage } from './storage';
import { Users } from './users';
import { variant as variantOf } from './variant';
import { Workflow } from './workflow';

export class GoalActivityStack extends Stack {
  constructor(scope: Construct, settings: Settings) {
    const variant = variantOf(settings);
    super(scope, settings.stackName, {
      description: 'Turns the actions of a goal into tasks, as an asynchronous workflow',
      synthesizer: variant.synthesizer,
      terminationProtection: settings.terminationProtection,
    });
    for (const [name, value] of Object.entries(settings.tags)) Tags.of(this).add(name, value);
    const key = settings.kmsKey ? Key.fromKeyArn(this, 'Key', settings.kmsKey) : undefined;

    this.templateOptions.metadata = { [METADATA]: inForce(settings) };
    const storage = new Storage(this, 'Storage', { settings, variant, key });
    const archive = new Archive(this, 'Archive', { settings, variant, key });
    const messaging = new Messaging(this, 'Messaging', { settings, variant, key });
    if (variant.schemaRegistry) new EventSchemas(this, 'EventSchemas', { settings });
    const operators = new Alerts(this, 'Alerts', settings);
    const alerts = operators.topic;
    const deployment = settings.deployment === 'in-place' ? undefined : new Deployment(this, 'Deployment', { settings, variant });
    const workflow = new Workflow(this, 'Workflow', {
      settings, variant, key, deployment, storage, batchQueue: messaging.batch.queue,
    });
    const { stateMachine, finalize } = workflow;
    messaging.projectStatusOf(stateMachine, workflow.alias);
    const functions = new Functions(this, 'Functions', {
      settings, variant, key, deployment, storage, archive, messaging, workflow, alerts,
    });
    const api = new Api(this, 'Api', { settings, variant, key, handler: functions.api.invoked });

    const { launch, batch, projection, deadLetterQueues } = messaging;
    const { goals: Goals, tasks: Tasks, executions: WorkflowExecutions } = storage;
    const watched: Watched = {
      http: api.http,
      stateMachine,
      functions: {
        Api: functions.api.function,
        Launch: functions.launch.function,
        Worker: functions.worker.function,
        Finalize: finalize.function,
        Projector: functions.projector.function,
        Reconcile: functions.reconcile.function,
      },
      queues: { Launch: launch.queue, Batch: batch.queue, Projection: projection.queue },
      tables: { Goals, Tasks, WorkflowExecutions },
      deadLetterQueues,
    };
    const alarms = new Alarms(this, 'Alarms', { ...watched, settings, variant, alerts });
    new Dashboard(this, 'Dashboard', { ...watched, settings, alarms });
    const { stackName, backup, monthlyBudget: amount } = settings;
    if (backup) {
      new Backups(this, 'Backups', { stackName, variant, key, tables: [Goals, Tasks, WorkflowExecutions], bucket: archive.bucket });
    }
    if (amount) new Budget(this, 'Budget', { stackName, amount, alerts: operators });

    this.outputs({
      // The namespace of the metrics, too.
      StackName: settings.stackName,
      ApiId: api.http.apiId,
      ApiUrl: variant.apiUrl(api.http),
      // For `goalctl login`, and for pages.
      ...signIn(settings, api.users),
      EventBusName: messaging.bus.eventBusName,
      StateMachineArn: stateMachine.stateMachineArn,
      GoalsTableName: storage.goals.tableName,
      TasksTableName: storage.tasks.tableName,
      ExecutionsTableName: storage.executions.tableName,
      ArchiveBucketName: archive.bucket.bucketName,
      // For Athena.
      ArchiveTable: archive.table,
      AlertTopicArn: alerts.topicArn,
      // For operators without a token: `goalctl --stack`.
      ApiFunctionName: functions.api.invoked.functionName,
      // For `goalctl ai check`.
      WorkerFunctionName: functions.worker.invoked.functionName,
      // To run it now instead of within the minute.
      ReconcileFunctionName: functions.reconcile.invoked.functionName,
      LaunchQueueUrl: messaging.launch.queue.queueUrl,
      LaunchDlqUrl: messaging.launch.dlq.queueUrl,
      BatchQueueUrl: messaging.batch.queue.queueUrl,
      BatchDlqUrl: messaging.batch.dlq.queueUrl,
      ProjectionQueueUrl: messaging.projection.queue.queueUrl,
      ProjectionDlqUrl: messaging.projection.dlq.queueUrl,
      UndeliveredDlqUrl: messaging.undelivered.queueUrl,
    });
  }

  /** For users and tools; the functions get their values as environment variables. */
  private outputs(values: Record<string, string>): void {
    for (const [id, value] of Object.entries(values)) new CfnOutput(this, id, { value });
  }
}

/** What a program needs to get a token; with another issuer only what the settings say. */
function signIn({ oidc }: Settings, users: Users | undefined): Record<string, string> {
  if (users) {
    return {
      Issuer: users.issuer,
      LoginUrl: users.domain.baseUrl(),
      LoginClientId: users.client.userPoolClientId,
      LoginScopes: `openid ${Users.scope}`,
      OperatorClientId: users.operators.userPoolClientId,
      UserPoolId: users.pool.userPoolId,
      UserPoolClientId: users.client.userPoolClientId,
    };
  }
  return {
    ...(oidc && { Issuer: oidc.issuer }),
    ...(oidc?.clientId && { LoginClientId: oidc.clientId }),
    ...(oidc?.scopes && { LoginScopes: `openid ${oidc.scopes.join(' ')}` }),
  };
}
