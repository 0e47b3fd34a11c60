import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
  type AddRoutesOptions, CfnIntegration, type CfnStage, CorsHttpMethod, type CorsPreflightOptions, HttpApi, HttpMethod, HttpStage, LogGroupLogDestination,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpJwtAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { CfnPermission, type IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Throttle } from './operation-settings';
import type { Settings } from './settings';
import { Users } from './users';
import type { Variant } from './variant';

export interface Route {
  readonly method: HttpMethod;
  readonly path: string;
  /** Requests of all users together, where that is less than the stage's. */
  readonly throttle?: (settings: Settings) => Throttle;
  /** Whether it needs no token. */
  readonly open?: boolean;
}

const starts = (settings: Settings): Throttle => settings.starts;
// A tool reads it once. Open to all, it must not use up what users have.
export const document = (): Throttle => ({ rateLimit: 2, burstLimit: 10 });

/** Every route by name, no proxy: other requests do not reach the function. */
export const routes: Route[] = [
  { method: HttpMethod.GET, path: '/api/goals' },
  { method: HttpMethod.GET, path: '/api/goals/{goalId}' },
  { method: HttpMethod.PUT, path: '/api/goals/{goalId}', throttle: starts },
  { method: HttpMethod.POST, path: '/api/goals/{goalId}/start-activity', throttle: starts },
  { method: HttpMethod.GET, path: '/api/goals/{goalId}/tasks' },
  { method: HttpMethod.GET, path: '/api/goals/{goalId}/workflows' },
  { method: HttpMethod.GET, path: '/api/workflows' },
  { method: HttpMethod.GET, path: '/api/workflows/{executionArn}/status' },
  { method: HttpMethod.GET, path: '/api/workflows/{executionArn}/actions' },
  { method: HttpMethod.GET, path: '/api/workflows/{executionArn}/timeline' },
  { method: HttpMethod.POST, path: '/api/workflows/{executionArn}/cancel', throttle: starts },
  { method: HttpMethod.POST, path: '/api/workflows/{executionArn}/retry', throttle: starts },
  { method: HttpMethod.GET, path: '/api/openapi.json', open: true, throttle: document },
];

/** The permissions of a browser on another origin; none, unless origins are configured. */
export function cors(
  { corsOrigins, corsHeaders, corsCredentials }: Pick<Settings, 'corsOrigins' | 'corsHeaders' | 'corsCredentials'>,
): CorsPreflightOptions | undefined {
  return corsOrigins && {
    allowOrigins: corsOrigins,
    allowMethods: [CorsHttpMethod.GET, CorsHttpMethod.POST, CorsHttpMethod.PUT],
    allowHeaders: [...new Set(['authorization', 'content-type', 'idempotency-key', 'if-none-match', 'x-correlation-id', ...corsHeaders])],
    exposeHeaders: ['etag', 'location', 'retry-after'],
    ...(corsCredentials && { allowCredentials: true }),
    maxAge: Duration.hours(1),
  };
}

/** No address, no token, no user: enough to see what failed and where to continue. */
export const accessLogFormat = AccessLogFormat.custom(JSON.stringify({
  requestId: '$context.requestId',
  time: '$context.requestTime',
  route: '$context.routeKey',
  status: '$context.status',
  latencyMs: '$context.responseLatency',
  authorizerError: '$context.authorizer.error',
  integrationError: '$context.integrationErrorMessage',
}));

/** Adds every route. Those that are open need no token. */
export function addRoutes(
  http: HttpApi,
  stage: HttpStage,
  { integration, authorizer, authorizationScopes }: Required<Pick<AddRoutesOptions, 'integration' | 'authorizer'>> & Pick<AddRoutesOptions, 'authorizationScopes'>,
): void {
  for (const { method, path, open } of routes) {
    // A stage's settings of a route can only be created when the route exists.
    const added = http.addRoutes({ path, methods: [method], integration, ...(!open && { authorizer, authorizationScopes }) });
    stage.node.addDependency(...added);
    for (const route of open ? added : []) {
      Validations.of(route).acknowledge({
        id: 'AwsSolutions-APIG4',
        reason: 'What the API looks like is no secret, and tools read it before they have a token.',
      });
    }
  }
}

interface ApiProps {
  readonly settings: Settings;
  readonly variant: Variant;
  readonly handler: IFunction;
  readonly key?: IKey;
}

/** The HTTP API, and the users who may call it unless another issuer's do. */
export class Api extends Construct {
  readonly http: HttpApi;
  /** Missing when the tokens come from another issuer. */
  readonly users?: Users;

  constructor(scope: Construct, id: string, props: ApiProps) {
    super(scope, id);
    if (!props.settings.oidc) this.users = new Users(this, 'Users', props);
    this.http = new HttpApi(this, 'Http', {
      apiName: props.settings.stackName,
      createDefaultStage: false,
      corsPreflight: cors(props.settings),
    });
    const stage = this.stage(props);

    const authorizer = this.authorizer(props.settings);
    // An ID token names the same user and audience, and is shown to pages. Only access tokens have scopes, so requiring
    // one refuses it (API Gateway's guide to JWT authorizers).
    const authorizationScopes = this.users ? Users.scopes : props.settings.oidc?.scopes;
    const integration = new HttpLambdaIntegration('Handler', props.handler);
    addRoutes(this.http, stage, { integration, authorizer, authorizationScopes });
    this.permitFirst();
  }

  /** With another handler, as an alias instead of its function, the gateway calls it only when it may. */
  private permitFirst(): void {
    const parts = this.node.findAll();
    for (const integration of parts.filter((each) => each instanceof CfnIntegration)) {
      for (const permission of parts.filter((each) => each instanceof CfnPermission)) integration.addResourceDependency(permission);
    }
  }

  private authorizer({ oidc }: Settings): HttpJwtAuthorizer {
    if (this.users) return new HttpJwtAuthorizer('Jwt', this.users.issuer, { jwtAudience: this.users.clientIds });
    if (!oidc) throw new Error('an API needs a user pool or an OIDC issuer');
    return new HttpJwtAuthorizer('Jwt', oidc.issuer, { jwtAudience: oidc.audience });
  }

  private stage({ settings, key }: ApiProps): HttpStage {
    const stage = new HttpStage(this, 'Stage', {
      httpApi: this.http,
      stageName: '$default',
      autoDeploy: true,
      throttle: settings.requests,
      accessLogSettings: {
        destination: new LogGroupLogDestination(new LogGroup(this, 'AccessLogs', {
          // See the state machine's log group: the prefix keeps the account's log resource policy small.
          logGroupName: `/aws/vendedlogs/http-api/${settings.stackName}`,
          retention: settings.logRetentionDays,
          encryptionKey: key,
          removalPolicy: RemovalPolicy.DESTROY,
        })),
        format: accessLogFormat,
      },
    });
    const limits = routes.flatMap(({ method, path, throttle }) => {
      if (!throttle) return [];
      const { rateLimit, burstLimit } = throttle(settings);
      return [[`${method} ${path}`, { ThrottlingRateLimit: rateLimit, ThrottlingBurstLimit: burstLimit }]];
    });
    // CDK supports it for the whole stage only. A map by route, whose keys CloudFormation keeps unchanged.
    (stage.node.defaultChild as CfnStage).routeSettings = Object.fromEntries(limits);
    return stage;
  }
}
