import * as path from 'node:path';
import { ArnFormat, Aws, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { DefinitionBody, LogLevel, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { type ExecutionArns, type FunctionContext, RustFunction } from './rust-function';
import { infraDir } from './settings';
import type { Storage } from './storage';

/** The state machine, and the function that decides its outcome. */
export class Workflow extends Construct {
  readonly stateMachine: StateMachine;
  /** The name of its alias, if it has one. */
  readonly alias?: string;
  readonly finalize: RustFunction;
  readonly executions: ExecutionArns;

  constructor(scope: Construct, id: string, props: FunctionContext & { storage: Storage; batchQueue: IQueue }) {
    super(scope, id);
    const stateMachineName = props.settings.stackName;
    this.finalize = new RustFunction(this, 'Finalize', {
      ...props,
      name: 'finalize',
      description: 'Seals the ledger of an execution and reads its outcome from it',
      timeout: Duration.seconds(30),
    }).useTable('EXECUTIONS_TABLE', props.storage.executions, 'GetItem', 'Query', 'UpdateItem');

    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('states.amazonaws.com') });
    role.addToPolicy(new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [props.batchQueue.queueArn] }));
    if (props.key) {
      role.addToPolicy(new PolicyStatement({
        // SQS decrypts the data key that it encrypts a message with.
        actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
        resources: [props.key.keyArn],
        conditions: { StringEquals: { 'kms:ViaService': `sqs.${Aws.REGION}.${Aws.URL_SUFFIX}` } },
      }));
    }
    // Not grantInvoke: that would also allow every version and alias. With an alias the function as well: a workflow that
    // was started before there was one calls it.
    role.addToPolicy(new PolicyStatement({
      actions: ['lambda:InvokeFunction'],
      resources: [...new Set([this.finalize.function.functionArn, this.finalize.invokedArn])],
    }));
    Validations.of(role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'Tracing and logging: X-Ray segments and log deliveries have no ARN to name, AWS documents "*" for them.',
    });

    this.stateMachine = new StateMachine(this, 'StateMachine', {
      stateMachineName,
      definitionBody: DefinitionBody.fromFile(path.join(infraDir, '..', 'statemachine', 'goal-activity.asl.json')),
      definitionSubstitutions: {
        Partition: Aws.PARTITION,
        BatchQueueUrl: props.batchQueue.queueUrl,
        FinalizeFunctionArn: this.finalize.invokedArn,
      },
      role,
      tracingEnabled: props.settings.xray,
      logs: {
        destination: new LogGroup(this, 'Logs', {
          // With this prefix AWS needs no line for the group in the account's log resource policy, which is limited.
          logGroupName: `/aws/vendedlogs/states/${props.settings.stackName}`,
          retention: props.settings.logRetentionDays,
          encryptionKey: props.key,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
        level: LogLevel.ALL,
        // A batch's message contains its task token: a reader of the log could answer in the worker's place.
        includeExecutionData: false,
      },
    });
    if (!props.settings.xray) {
      const reason = 'The setting xray=false.';
      Validations.of(this.stateMachine).acknowledge({ id: 'AwsSolutions-SF2', reason }, { id: 'Serverless-StepFunctionStateMachineXray', reason });
    }
    this.alias = props.deployment?.ofStateMachine(this, this.stateMachine)?.name;
    this.executions = {
      pattern: Stack.of(this).formatArn({
        service: 'states',
        resource: 'execution',
        resourceName: `${stateMachineName}:*`,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
      readable: `arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:${stateMachineName}:*`,
    };
  }
}
