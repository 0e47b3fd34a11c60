import { RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import { type ILambdaDeploymentConfig, LambdaApplication, LambdaDeploymentConfig, LambdaDeploymentGroup } from 'aws-cdk-lib/aws-codedeploy';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Alias, type Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { CfnStateMachineAlias, CfnStateMachineVersion, type StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { alarmName, rollbackAlarms } from './alarms';
import type { gradualDeployments } from './operation-settings';
import type { Settings } from './settings';
import type { Variant } from './variant';

/** The alias of every function and of the state machine that all callers use. */
export const ALIAS = 'live';

/** How invocations, and starts of executions, move to a new version: a tenth of them at first. */
interface Shift {
  readonly config: ILambdaDeploymentConfig;
  readonly type: 'CANARY' | 'LINEAR';
  readonly minutes: number;
}

const canary = (config: ILambdaDeploymentConfig, minutes: number): Shift => ({ config, type: 'CANARY', minutes });
const linear = (config: ILambdaDeploymentConfig, minutes: number): Shift => ({ config, type: 'LINEAR', minutes });

const shifts: Record<(typeof gradualDeployments)[number], Shift> = {
  canary10percent5minutes: canary(LambdaDeploymentConfig.CANARY_10PERCENT_5MINUTES, 5),
  canary10percent10minutes: canary(LambdaDeploymentConfig.CANARY_10PERCENT_10MINUTES, 10),
  canary10percent15minutes: canary(LambdaDeploymentConfig.CANARY_10PERCENT_15MINUTES, 15),
  canary10percent30minutes: canary(LambdaDeploymentConfig.CANARY_10PERCENT_30MINUTES, 30),
  linear10percentevery1minute: linear(LambdaDeploymentConfig.LINEAR_10PERCENT_EVERY_1MINUTE, 1),
  linear10percentevery2minutes: linear(LambdaDeploymentConfig.LINEAR_10PERCENT_EVERY_2MINUTES, 2),
  linear10percentevery3minutes: linear(LambdaDeploymentConfig.LINEAR_10PERCENT_EVERY_3MINUTES, 3),
  linear10percentevery10minutes: linear(LambdaDeploymentConfig.LINEAR_10PERCENT_EVERY_10MINUTES, 10),
};

interface DeploymentProps {
  readonly settings: Settings;
  readonly variant: Variant;
}

/**
 * Versions that stay, and an alias in front of them that a deployment moves: at once, or bit by bit while alarms are watched.
 * Alarms are named, not referred to: an alias that waits for all functions' alarms would be a cycle.
 */
export class Deployment extends Construct {
  private readonly gradual?: { readonly shift: Shift; readonly application: LambdaApplication; readonly role: Role };
  private readonly alarms: string[];

  constructor(scope: Construct, id: string, private readonly props: DeploymentProps) {
    super(scope, id);
    const { deployment, stackName } = props.settings;
    this.alarms = rollbackAlarms.map((name) => alarmName(stackName, name));
    if (deployment === 'in-place' || deployment === 'all-at-once') return;
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('codedeploy.amazonaws.com') });
    this.gradual = { shift: shifts[deployment], application: new LambdaApplication(this, 'Application'), role };
    const { partition, region, account } = Stack.of(this);
    role.addToPolicy(new PolicyStatement({
      actions: ['cloudwatch:DescribeAlarms'],
      resources: [`arn:${partition}:cloudwatch:${region}:${account}:alarm:*`],
    }));
    Validations.of(role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:cloudwatch:<AWS::Region>:<AWS::AccountId>:alarm:*]',
      reason: 'CloudWatch checks the permission to read alarms against all of them, whichever are asked for.',
    });
  }

  /** The alias of a function, for all that invoke it. */
  ofFunction(scope: Construct, fn: LambdaFunction): Alias {
    const alias = new Alias(scope, 'Alias', { aliasName: ALIAS, version: fn.currentVersion });
    if (!this.gradual) return alias;
    const { shift, application, role } = this.gradual;
    role.addToPolicy(new PolicyStatement({
      actions: ['lambda:GetAlias', 'lambda:GetProvisionedConcurrencyConfig', 'lambda:UpdateAlias'],
      resources: [fn.functionArn, `${fn.functionArn}:${ALIAS}`],
    }));
    new LambdaDeploymentGroup(scope, 'Deployment', {
      alias,
      application,
      deploymentConfig: shift.config,
      // Without what CDK adds: a managed policy for every function of the account, and for objects in S3.
      role: role.withoutPolicyUpdates(),
      alarms: this.alarms.map((name) => Alarm.fromAlarmName(scope, name, name)),
      autoRollback: { failedDeployment: true, stoppedDeployment: true, deploymentInAlarm: true },
    });
    return alias;
  }

  /** The alias of the state machine, through which executions are started; none where there is none to be had. */
  ofStateMachine(scope: Construct, { stateMachineArn, stateMachineRevisionId }: StateMachine): CfnStateMachineAlias | undefined {
    if (!this.props.variant.stateMachineAlias) return undefined;
    const version = new CfnStateMachineVersion(scope, 'Version', { stateMachineArn, stateMachineRevisionId });
    // To go back to.
    version.applyRemovalPolicy(RemovalPolicy.RETAIN);
    const stateMachineVersionArn = version.attrArn;
    const shift = this.gradual?.shift;
    return new CfnStateMachineAlias(scope, 'Alias', {
      name: ALIAS,
      deploymentPreference: shift
        ? { type: shift.type, percentage: 10, interval: shift.minutes, alarms: this.alarms, stateMachineVersionArn }
        : { type: 'ALL_AT_ONCE', stateMachineVersionArn },
    });
  }
}
