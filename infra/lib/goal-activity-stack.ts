import { CfnOutput, CfnResource, Stack, Tags } from 'aws-cdk-lib';
import type { Rule } from 'aws-cdk-lib/aws-events';
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
import { METADATA, noted } from './in-force';
import { Messaging, type QueuePair } from './messaging';
import type { RustFunction } from './rust-function';
import type { Settings } from './settings';
import { Storage } from './storage';
import { Users } from './users';
import { variant as variantOf } from './variant';
import { Web } from './web';
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

    this.templateOptions.metadata = { [METADATA]: noted(settings) };
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
    const web = settings.web && new Web(this, 'Web', { settings, web: settings.web, api, key });

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
    const { page } = new Dashboard(this, 'Dashboard', { ...watched, settings, alarms });
    // CloudFormation does not update the metadata of a template alone, and a change of a setting may be nothing else.
    (page.node.defaultChild as CfnResource).addMetadata(METADATA, noted(settings));
    const { stackName, backup, monthlyBudget: amount } = settings;
    if (backup) {
      new Backups(this, 'Backups', { stackName, variant, key, tables: [Goals, Tasks, WorkflowExecutions], bucket: archive.bucket });
    }
    if (amount) new Budget(this, 'Budget', { stackName, amount, alerts: operators });

    this.outputs({
      StackName: [settings.stackName, 'The name of the stack, and the namespace of its metrics'],
      ApiId: [api.http.apiId, 'The HTTP API'],
      ApiUrl: [variant.apiUrl(api.http), 'The URL of the HTTP API, without /api'],
      ...signIn(settings, api.users),
      ...(web && webPage(web, settings)),
      EventBusName: [messaging.bus.eventBusName, 'The bus of requests, progress and ends'],
      StateMachineArn: [stateMachine.stateMachineArn, 'The state machine of the workflows'],
      GoalsTableName: [storage.goals.tableName, 'The table of goals and their actions'],
      TasksTableName: [storage.tasks.tableName, 'The table of tasks'],
      ExecutionsTableName: [storage.executions.tableName, 'The table WorkflowExecutions'],
      ArchiveBucketName: [archive.bucket.bucketName, 'The bucket with the records of ended workflows'],
      ArchiveTable: [archive.table, 'The records of ended workflows, as Athena names the table'],
      AlertTopicArn: [alerts.topicArn, 'The topic of alarms and notices: subscribe to it'],
      AlertKeyArn: [operators.key.keyArn, 'The key of that topic: who publishes to it uses the key'],
      ApiFunctionName: [functions.api.invoked.functionName, 'The function api, which goalctl --stack invokes for operators'],
      WorkerFunctionName: [functions.worker.invoked.functionName, 'The function worker, which goalctl ai check invokes'],
      ReconcileFunctionName: [functions.reconcile.invoked.functionName, 'The function reconcile: invoke it to repair now'],
      ...queue('Launch', messaging.launch, 'requests and ends'),
      ...queue('Batch', messaging.batch, 'batches of actions'),
      ...queue('Projection', messaging.projection, 'progress and ends'),
      UndeliveredDlqUrl: [messaging.undelivered.queueUrl, 'The dead-letter queue of the rules'],
      ...mapping('Launch', functions.launch, 'launch queue'),
      ...mapping('Worker', functions.worker, 'batch queue'),
      ...mapping('Projector', functions.projector, 'projection queue'),
      ...rules({ ...messaging.rules, Reconcile: functions.reconcile.schedule }),
    });
  }

  /** For users and tools; the functions get their values as environment variables. */
  private outputs(values: Outputs): void {
    for (const [id, [value, description]] of Object.entries(values)) new CfnOutput(this, id, { value, description });
  }
}

/** Values with their descriptions, by name. */
type Outputs = Record<string, readonly [value: string, description: string]>;

function queue(name: string, { queue: { queueUrl }, dlq }: QueuePair, what: string): Outputs {
  return {
    [`${name}QueueUrl`]: [queueUrl, `The queue of ${what}`],
    [`${name}DlqUrl`]: [dlq.queueUrl, `The dead-letter queue of ${what}`],
  };
}

function webPage({ url, distribution }: Web, { web }: Settings): Outputs {
  return {
    WebUrl: [url, 'The web page'],
    ...(web?.domain && { WebTarget: [distribution.distributionDomainName, 'Where the DNS record of webDomain points to'] }),
  };
}

function mapping(name: string, { messages }: RustFunction, from: string): Outputs {
  if (!messages) return {};
  return { [`${name}MappingId`]: [messages.eventSourceMappingId, `The event source mapping from the ${from}: disabled, its messages wait`] };
}

function rules(all: Record<string, Rule | undefined>): Outputs {
  const outputs = Object.entries(all).map(([name, rule]) => rule && [`${name}RuleArn`, [rule.ruleArn, `The rule ${name}`]] as const);
  return Object.fromEntries(outputs.filter((output) => output !== undefined));
}

/** What a program needs to get a token; with another issuer only what the settings say. */
function signIn({ oidc }: Settings, users: Users | undefined): Outputs {
  const issuer = 'The issuer of the API\'s tokens';
  const client = 'The client of goalctl login';
  const scopes = 'The scopes of goalctl login';
  if (users) {
    return {
      Issuer: [users.issuer, issuer],
      LoginUrl: [users.domain.baseUrl(), 'The sign-in pages'],
      LoginClientId: [users.client.userPoolClientId, client],
      LoginScopes: [Users.loginScopes, scopes],
      OperatorClientId: [users.operators.userPoolClientId, 'The client of goalctl login with AWS credentials'],
      UserPoolId: [users.pool.userPoolId, 'The users'],
      UserPoolClientId: [users.client.userPoolClientId, 'The client of pages'],
    };
  }
  return {
    ...(oidc && { Issuer: [oidc.issuer, issuer] }),
    ...(oidc?.clientId && { LoginClientId: [oidc.clientId, client] }),
    ...(oidc?.scopes && { LoginScopes: [`openid ${oidc.scopes.join(' ')}`, scopes] }),
  };
}
