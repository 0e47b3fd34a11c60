import { App, type AppProps, CfnOutput, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { type CfnStage, HttpApi, HttpStage, LogGroupLogDestination } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpJwtAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { AttributeType, BillingMode, ProjectionType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { accessLogFormat, addRoutes, cors, document, routes } from '../api';
import { functionFolder, memoryMegabytes } from '../rust-function';
import { variant as variantOf } from '../variant';
import { FrontAlarms } from './front-alarms';
import { type FrontSettings, readFrontSettings } from './settings';

/** How long the API of a cell may still work on a request that the router has given up: the function's own time. */
const API_SECONDS = 10;
/** Reading where the user is, before a cell is asked. */
const MARGIN_SECONDS = 2;

/** One HTTP API in front of several cells: `router` sends each request to the cell of its user. */
export class FrontStack extends Stack {
  constructor(scope: Construct, settings: FrontSettings) {
    const variant = variantOf(settings);
    super(scope, settings.stackName, {
      description: 'Sends requests to the cell of their user',
      synthesizer: variant.synthesizer,
      terminationProtection: !settings.local,
    });

    // It says in which cell each user is: without it nobody is found.
    const table = new Table(this, 'UserCells', {
      partitionKey: { name: 'id', type: AttributeType.STRING },
      sortKey: { name: 'item', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      encryption: TableEncryption.AWS_MANAGED,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      removalPolicy: variant.removalPolicy,
      deletionProtection: variant.deletionProtection,
    });
    // Sparse: only rows of users have a cell.
    table.addGlobalSecondaryIndex({
      indexName: 'by-cell',
      partitionKey: { name: 'cell', type: AttributeType.STRING },
      sortKey: { name: 'id', type: AttributeType.STRING },
      projectionType: ProjectionType.KEYS_ONLY,
    });

    const logGroup = new LogGroup(this, 'Logs', { retention: RetentionDays.ONE_MONTH, removalPolicy: RemovalPolicy.DESTROY });
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    role.addToPolicy(new PolicyStatement({ actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: [logGroup.logGroupArn] }));
    // Where a user is and which cells there are; a new user's row; how a cell answers. It moves nobody.
    role.addToPolicy(new PolicyStatement({
      actions: ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:PutItem', 'dynamodb:UpdateItem'], resources: [table.tableArn],
    }));
    const router = new LambdaFunction(this, 'Router', {
      description: 'Sends a request to the cell of its user',
      runtime: Runtime.PROVIDED_AL2023,
      architecture: variant.architecture,
      handler: 'bootstrap',
      code: Code.fromAsset(functionFolder(settings.functionsDir, 'router', variant.architecture.name)),
      role,
      logGroup,
      // It answers before that, and the gateway waits for 30 s.
      timeout: Duration.seconds(29),
      memorySize: memoryMegabytes,
      reservedConcurrentExecutions: settings.routerConcurrency,
      environment: {
        CELLS_TABLE: table.tableName,
        CELL_TIMEOUT_SECONDS: String(settings.cellTimeoutSeconds),
        LOG_LEVEL: settings.logLevel,
      },
    });
    Validations.of(router).acknowledge(
      { id: 'Serverless-LambdaDLQ', reason: 'Only for asynchronous invocations, of which there are none: the gateway waits for the answer and gives it to its caller.' },
      { id: 'Serverless-LambdaTracing', reason: 'A trace of a request is made by its cell, which gets the traceparent header of the caller; the router adds nothing to it.' },
    );

    const http = this.api(settings, router);
    new FrontAlarms(this, 'Alarms', { http, router, topicArn: settings.alarmTopicArn });
    const outputs: Record<string, readonly [string, string]> = {
      StackName: [settings.stackName, 'The name of the stack'],
      ApiId: [http.apiId, 'The HTTP API'],
      ApiUrl: [variant.apiUrl(http), 'The URL of the HTTP API, without /api'],
      CellsTableName: [table.tableName, 'The table UserCells: which cells there are, and where each user is'],
      RouterFunctionName: [router.functionName, 'The function router'],
      InFlightSeconds: [String(settings.cellTimeoutSeconds + API_SECONDS + MARGIN_SECONDS), 'After how long a request is answered, or will not be'],
      Issuer: [settings.oidcIssuer, 'The OpenID Connect issuer of the tokens'],
      ...(settings.oidcClientId && { LoginClientId: [settings.oidcClientId, 'The client of goalctl login'] }),
      ...(settings.oidcScopes && { LoginScopes: [`openid ${settings.oidcScopes.join(' ')}`, 'The scopes of goalctl login'] }),
    };
    for (const [id, [value, description]] of Object.entries(outputs)) new CfnOutput(this, id, { value, description });
  }

  /** The routes of a cell's API, with the same authorizer: what a cell would refuse does not reach it. */
  private api(settings: FrontSettings, router: LambdaFunction): HttpApi {
    const http = new HttpApi(this, 'Http', {
      apiName: settings.stackName,
      createDefaultStage: false,
      corsPreflight: cors({ corsOrigins: settings.corsOrigins, corsHeaders: [], corsCredentials: false }),
    });
    const stage = new HttpStage(this, 'Stage', {
      httpApi: http,
      stageName: '$default',
      autoDeploy: true,
      throttle: { rateLimit: settings.requestRate, burstLimit: settings.requestBurst },
      accessLogSettings: {
        destination: new LogGroupLogDestination(new LogGroup(this, 'AccessLogs', {
          logGroupName: `/aws/vendedlogs/http-api/${settings.stackName}`,
          retention: RetentionDays.ONE_MONTH,
          removalPolicy: RemovalPolicy.DESTROY,
        })),
        format: accessLogFormat,
      },
    });
    const authorizer = new HttpJwtAuthorizer('Jwt', settings.oidcIssuer, { jwtAudience: [...settings.oidcAudience] });
    const integration = new HttpLambdaIntegration('Router', router);
    const authorizationScopes = settings.oidcScopes && [...settings.oidcScopes];
    addRoutes(http, stage, { integration, authorizer, authorizationScopes });
    const { rateLimit: ThrottlingRateLimit, burstLimit: ThrottlingBurstLimit } = document();
    const limited = routes.filter(({ open }) => open).map(({ method, path }) => [`${method} ${path}`, { ThrottlingRateLimit, ThrottlingBurstLimit }]);
    (stage.node.defaultChild as CfnStage).routeSettings = Object.fromEntries(limited);
    return http;
  }
}

export function frontApp(props: AppProps = {}): { app: App; stack: FrontStack } {
  const app = new App({ ...props, context: { '@aws-cdk/aws-iam:minimizePolicies': true, ...props.context } });
  return { app, stack: new FrontStack(app, readFrontSettings(app.node.getAllContext())) };
}
