import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { synth, target } from './synth';

const aws = synth();
const local = synth({ local: 'true' });

test('the API has these routes, all but its description behind the token check', () => {
  const routes = aws.all('AWS::ApiGatewayV2::Route');
  assert.deepEqual(routes.map(({ RouteKey }) => RouteKey).sort(), [
    'GET /api/goals',
    'GET /api/goals/{goalId}',
    'GET /api/goals/{goalId}/tasks',
    'GET /api/goals/{goalId}/workflows',
    'GET /api/openapi.json',
    'GET /api/workflows',
    'GET /api/workflows/{executionArn}/actions',
    'GET /api/workflows/{executionArn}/status',
    'GET /api/workflows/{executionArn}/timeline',
    'POST /api/goals/{goalId}/start-activity',
    'POST /api/workflows/{executionArn}/cancel',
    'POST /api/workflows/{executionArn}/retry',
    'PUT /api/goals/{goalId}',
  ]);
  for (const { name, RouteKey, AuthorizationType, AuthorizerId } of routes) {
    const expected = RouteKey === 'GET /api/openapi.json' ? ['NONE', undefined] : ['JWT', 'ApiHttpJwt'];
    assert.deepEqual([AuthorizationType, AuthorizerId && target(AuthorizerId)], expected, name);
  }
});

test('the API has the routes that its description has', () => {
  const { paths } = JSON.parse(readFileSync('../functions/openapi.json', 'utf8'));
  const described = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations as object).map((method) => `${method.toUpperCase()} ${path}`));
  assert.deepEqual(aws.all('AWS::ApiGatewayV2::Route').map(({ RouteKey }) => RouteKey).sort(), described.sort());
});

test('what costs AI calls or stops work is throttled more than what only reads', () => {
  const { RouteSettings } = aws.one('AWS::ApiGatewayV2::Stage');
  const modest = { ThrottlingBurstLimit: 20, ThrottlingRateLimit: 10 };
  assert.deepEqual(RouteSettings, {
    'POST /api/goals/{goalId}/start-activity': modest,
    'POST /api/workflows/{executionArn}/cancel': modest,
    'POST /api/workflows/{executionArn}/retry': modest,
    'PUT /api/goals/{goalId}': modest,
    'GET /api/openapi.json': { ThrottlingBurstLimit: 10, ThrottlingRateLimit: 2 },
  });
  // API Gateway refuses settings of a route that does not exist yet.
  const [stage] = Object.values(aws.template.findResources('AWS::ApiGatewayV2::Stage'));
  const routes = Object.keys(aws.template.findResources('AWS::ApiGatewayV2::Route'));
  assert.deepEqual(routes.filter((id) => !stage?.DependsOn.includes(id)), []);
});

test('the limits are settings', () => {
  const { RouteSettings, DefaultRouteSettings } =
    synth({ startRate: '30', startBurst: '60', requestRate: '200', requestBurst: '400' }).one('AWS::ApiGatewayV2::Stage');
  assert.deepEqual(RouteSettings['POST /api/goals/{goalId}/start-activity'], { ThrottlingRateLimit: 30, ThrottlingBurstLimit: 60 });
  assert.deepEqual(DefaultRouteSettings, { ThrottlingRateLimit: 200, ThrottlingBurstLimit: 400 });
});

test('web pages of other origins may call the API only when they are named', () => {
  assert.equal(aws.one('AWS::ApiGatewayV2::Api').CorsConfiguration, undefined);
  const cors = synth({ corsOrigins: 'https://app.example, http://localhost:3000' });
  assert.deepEqual(cors.one('AWS::ApiGatewayV2::Api').CorsConfiguration, {
    AllowOrigins: ['https://app.example', 'http://localhost:3000'],
    AllowMethods: ['GET', 'POST', 'PUT'],
    AllowHeaders: ['authorization', 'content-type', 'idempotency-key', 'if-none-match', 'x-correlation-id'],
    ExposeHeaders: ['etag', 'location', 'retry-after'],
    MaxAge: 3600,
  });
  for (const corsOrigins of ['*', 'https://*.example', 'app.example', 'https://app.example/', ' ']) {
    assert.throws(() => synth({ corsOrigins }), /expected origins/, corsOrigins);
  }
});

test('web pages may send further headers, and cookies, only where their origins are named', () => {
  const named = { corsOrigins: 'https://app.example', corsHeaders: 'X-CSRF-Token, authorization', corsCredentials: 'true' };
  const { AllowHeaders, AllowCredentials } = synth(named).one('AWS::ApiGatewayV2::Api').CorsConfiguration;
  assert.deepEqual(AllowHeaders, ['authorization', 'content-type', 'idempotency-key', 'if-none-match', 'x-correlation-id', 'x-csrf-token']);
  assert.equal(AllowCredentials, true);
  assert.throws(() => synth({ corsHeaders: 'x-csrf-token' }), /only with corsOrigins/);
  assert.throws(() => synth({ corsCredentials: 'true' }), /only with corsOrigins/);
  assert.throws(() => synth({ ...named, corsOrigins: '*' }), /expected origins/);
  for (const corsHeaders of ['*', 'x csrf', 'x:y']) assert.throws(() => synth({ ...named, corsHeaders }), /expected names of headers/, corsHeaders);
});

test('the API is throttled and its access log names no user, address or token', () => {
  const { DefaultRouteSettings, AccessLogSettings, AutoDeploy } = aws.one('AWS::ApiGatewayV2::Stage');
  assert.deepEqual(DefaultRouteSettings, { ThrottlingBurstLimit: 100, ThrottlingRateLimit: 50 });
  assert.equal(AutoDeploy, true);
  assert.match(AccessLogSettings.Format, /\$context\.requestId/);
  assert.doesNotMatch(AccessLogSettings.Format, /sourceIp|claims|identity|path/);
});

const pool = (from: typeof aws) => from.one('AWS::Cognito::UserPool');
const client = (from: typeof aws, name: 'Client' | 'Operators') => {
  const found = from.all('AWS::Cognito::UserPoolClient').find((each) => each.name.endsWith(name));
  assert.ok(found, name);
  return found;
};
const scopes = (from: typeof aws) => from.all('AWS::ApiGatewayV2::Route').map(({ RouteKey, AuthorizationScopes }) =>
  [RouteKey === 'GET /api/openapi.json', AuthorizationScopes]);

test('tokens come from a user pool that only administrators fill', () => {
  const { JwtConfiguration } = aws.one('AWS::ApiGatewayV2::Authorizer');
  assert.deepEqual(JwtConfiguration.Audience.map(target), ['ApiUsersClient', 'ApiUsersOperators']);
  assert.match(JSON.stringify(JwtConfiguration.Issuer), /https:\/\/.*"ProviderName"/);
  const { AdminCreateUserConfig, DeletionProtection, UsernameConfiguration, UserPoolTier } = pool(aws);
  assert.deepEqual([AdminCreateUserConfig.AllowAdminCreateUserOnly, DeletionProtection], [true, 'ACTIVE']);
  assert.deepEqual([UsernameConfiguration, UserPoolTier], [{ CaseSensitive: false }, 'ESSENTIALS']);
});

test('every route but the description needs a scope, which an ID token never has', () => {
  for (const [open, needed] of scopes(aws)) {
    assert.deepEqual(needed, open ? undefined : ['goal-activity/api', 'aws.cognito.signin.user.admin']);
  }
  const { Identifier, Scopes } = aws.one('AWS::Cognito::UserPoolResourceServer');
  assert.deepEqual([Identifier, Scopes.map(({ ScopeName }: { ScopeName: string }) => ScopeName)], ['goal-activity', ['api']]);
});

test('people sign in with a code and without a secret', () => {
  const people = client(synth({ callbackUrls: 'https://app.example/in' }), 'Client');
  assert.deepEqual([people.AllowedOAuthFlows, people.GenerateSecret], [['code'], false]);
  assert.deepEqual(people.CallbackURLs, [
    'http://localhost:28476/callback', 'http://localhost:28477/callback', 'http://localhost:28478/callback',
    'https://app.example/in',
  ]);
  assert.deepEqual(people.LogoutURLs, ['https://app.example/in']);
  assert.deepEqual(people.AllowedOAuthScopes.map(target), ['openid', 'email', 'ApiUsersApi/api']);
  assert.deepEqual(client(aws, 'Client').LogoutURLs, []);
});

test('tools sign in with AWS credentials beside the password, and nothing else', () => {
  const tools = client(aws, 'Operators');
  assert.deepEqual(tools.ExplicitAuthFlows, ['ALLOW_ADMIN_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH']);
  assert.deepEqual([tools.AllowedOAuthFlows, tools.AllowedOAuthFlowsUserPoolClient], [undefined, false]);
});

test('tokens are short-lived, can be revoked, and no answer tells whether a user exists', () => {
  const minutes = { AccessToken: 'minutes', IdToken: 'minutes', RefreshToken: 'minutes' };
  for (const [name, days] of [['Client', 7], ['Operators', 1]] as const) {
    const found = client(aws, name);
    assert.deepEqual([found.AccessTokenValidity, found.IdTokenValidity, found.RefreshTokenValidity], [60, 60, days * 24 * 60]);
    assert.deepEqual([found.TokenValidityUnits, found.EnableTokenRevocation], [minutes, true]);
    assert.equal(found.PreventUserExistenceErrors, 'ENABLED');
  }
});

test('the sign-in pages have a domain of this stack and account, or one that is set', () => {
  const { Domain, ManagedLoginVersion } = aws.one('AWS::Cognito::UserPoolDomain');
  assert.deepEqual([Domain, ManagedLoginVersion], [{ 'Fn::Join': ['', ['goal-activity-', { Ref: 'AWS::AccountId' }]] }, 2]);
  assert.equal(aws.one('AWS::Cognito::ManagedLoginBranding').UseCognitoProvidedValues, true);
  assert.equal(synth({ userPoolDomain: 'my-goals' }).one('AWS::Cognito::UserPoolDomain').Domain, 'my-goals');
  const long = synth({ stackName: 'g'.repeat(40) }).one('AWS::Cognito::UserPoolDomain').Domain;
  assert.ok(long['Fn::Join'][1][0].length + 12 <= 63, 'the longest that Cognito accepts');
});

test('the plan of the user pool decides which pages it has', () => {
  const lite = synth({ userPoolPlan: 'lite' });
  assert.equal(pool(lite).UserPoolTier, 'LITE');
  assert.equal(lite.one('AWS::Cognito::UserPoolDomain').ManagedLoginVersion, 1);
  assert.deepEqual(lite.all('AWS::Cognito::ManagedLoginBranding'), []);
  const { UserPoolTier, UserPoolAddOns } = pool(synth({ userPoolPlan: 'plus' }));
  assert.deepEqual([UserPoolTier, UserPoolAddOns], ['PLUS', { AdvancedSecurityMode: 'ENFORCED' }]);
});

test('a password may travel in a plain request only locally', () => {
  const flows = (from: typeof aws) => client(from, 'Client').ExplicitAuthFlows;
  assert.deepEqual(flows(aws), ['ALLOW_USER_SRP_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH']);
  assert.ok(flows(local).includes('ALLOW_USER_PASSWORD_AUTH'));
});

test('tokens can come from any OIDC issuer instead', () => {
  const context = { oidcIssuer: 'https://issuer.example/', oidcAudience: 'app,cli' };
  const oidc = synth(context);
  assert.deepEqual(oidc.one('AWS::ApiGatewayV2::Authorizer').JwtConfiguration,
    { Issuer: 'https://issuer.example/', Audience: ['app', 'cli'] });
  assert.deepEqual(Object.keys(oidc.template.toJSON().Resources).filter((id) => /^ApiUser|Login/.test(id)), []);
  const outputs = (from: typeof aws) => Object.entries(from.template.findOutputs('*'))
    .filter(([name]) => /^(User|Login|Operator|Issuer)/.test(name)).map(([name, { Value }]) => [name, Value]);
  assert.deepEqual(outputs(oidc), [['Issuer', 'https://issuer.example/']]);
  assert.ok(scopes(oidc).every(([, needed]) => needed === undefined), 'its audience tells access tokens apart');
  const scoped = synth({ ...context, oidcScopes: 'goals:run', oidcClientId: 'goalctl' });
  assert.ok(scopes(scoped).every(([open, needed]) => (open ? needed === undefined : needed[0] === 'goals:run')));
  assert.deepEqual(outputs(scoped).sort(),
    [['Issuer', 'https://issuer.example/'], ['LoginClientId', 'goalctl'], ['LoginScopes', 'openid goals:run']]);
});
