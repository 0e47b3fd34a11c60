import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { synth, target } from './synth';

const aws = synth();
const local = synth({ local: 'true' });

test('the API has these routes, all but its description behind the token check', () => {
  const routes = aws.all('AWS::ApiGatewayV2::Route');
  assert.deepEqual(routes.map(({ RouteKey }) => RouteKey).sort(), [
    'GET /api/goals/{goalId}/tasks',
    'GET /api/goals/{goalId}/workflows',
    'GET /api/openapi.json',
    'GET /api/workflows/{executionArn}/status',
    'GET /api/workflows/{executionArn}/timeline',
    'POST /api/goals/{goalId}/start-activity',
    'POST /api/workflows/{executionArn}/cancel',
    'POST /api/workflows/{executionArn}/retry',
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
  });
  // API Gateway refuses settings of a route that does not exist yet.
  const [stage] = Object.values(aws.template.findResources('AWS::ApiGatewayV2::Stage'));
  const routes = Object.keys(aws.template.findResources('AWS::ApiGatewayV2::Route'));
  assert.deepEqual(routes.filter((id) => !stage?.DependsOn.includes(id)), []);
});

test('web pages of other origins may call the API only when they are named', () => {
  assert.equal(aws.one('AWS::ApiGatewayV2::Api').CorsConfiguration, undefined);
  const cors = synth({ corsOrigins: 'https://app.example, http://localhost:3000' });
  assert.deepEqual(cors.one('AWS::ApiGatewayV2::Api').CorsConfiguration, {
    AllowOrigins: ['https://app.example', 'http://localhost:3000'],
    AllowMethods: ['GET', 'POST'],
    AllowHeaders: ['authorization', 'content-type', 'idempotency-key', 'x-correlation-id'],
    ExposeHeaders: ['location', 'retry-after'],
    MaxAge: 3600,
  });
  for (const corsOrigins of ['*', 'https://*.example', 'app.example', 'https://app.example/', '']) {
    assert.throws(() => synth({ corsOrigins }), /expected origins/, corsOrigins);
  }
});

test('the API is throttled and its access log names no user, address or token', () => {
  const { DefaultRouteSettings, AccessLogSettings, AutoDeploy } = aws.one('AWS::ApiGatewayV2::Stage');
  assert.deepEqual(DefaultRouteSettings, { ThrottlingBurstLimit: 100, ThrottlingRateLimit: 50 });
  assert.equal(AutoDeploy, true);
  assert.match(AccessLogSettings.Format, /\$context\.requestId/);
  assert.doesNotMatch(AccessLogSettings.Format, /sourceIp|claims|identity|path/);
});

test('tokens come from a user pool that only administrators fill', () => {
  const { JwtConfiguration } = aws.one('AWS::ApiGatewayV2::Authorizer');
  assert.deepEqual(JwtConfiguration.Audience.map(target), ['ApiUsersClient']);
  assert.match(JSON.stringify(JwtConfiguration.Issuer), /https:\/\/.*"ProviderName"/);
  const pool = aws.one('AWS::Cognito::UserPool');
  assert.equal(pool.AdminCreateUserConfig.AllowAdminCreateUserOnly, true);
  assert.equal(pool.DeletionProtection, 'ACTIVE');
});

test('a password may travel in a plain request only locally', () => {
  const flows = (from: typeof aws) => from.one('AWS::Cognito::UserPoolClient').ExplicitAuthFlows;
  assert.deepEqual(flows(aws), ['ALLOW_USER_SRP_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH']);
  assert.ok(flows(local).includes('ALLOW_USER_PASSWORD_AUTH'));
});

test('tokens can come from any OIDC issuer instead', () => {
  const oidc = synth({ oidcIssuer: 'https://issuer.example/', oidcAudience: 'app,cli' });
  assert.deepEqual(oidc.one('AWS::ApiGatewayV2::Authorizer').JwtConfiguration,
    { Issuer: 'https://issuer.example/', Audience: ['app', 'cli'] });
  assert.deepEqual(oidc.all('AWS::Cognito::UserPool'), []);
  assert.deepEqual(Object.keys(oidc.template.findOutputs('*')).filter((name) => name.startsWith('User')), []);
});
