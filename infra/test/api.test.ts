import assert from 'node:assert/strict';
import { test } from 'node:test';
import { synth, target } from './synth';

const aws = synth();
const local = synth({ local: 'true' });

test('the API has these routes, each behind the token check', () => {
  const routes = aws.all('AWS::ApiGatewayV2::Route');
  assert.deepEqual(routes.map(({ RouteKey }) => RouteKey).sort(), [
    'GET /api/goals/{goalId}/tasks',
    'GET /api/workflows/{executionArn}/status',
    'POST /api/goals/{goalId}/start-activity',
    'POST /api/workflows/{executionArn}/cancel',
    'POST /api/workflows/{executionArn}/retry',
  ]);
  for (const { name, AuthorizationType, AuthorizerId } of routes) {
    assert.deepEqual([AuthorizationType, target(AuthorizerId)], ['JWT', 'ApiHttpJwt'], name);
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
