import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { list, synth, target } from './synth';

const other = {
  web: 'true', oidcIssuer: 'https://issuer.example/realms/goals', oidcAudience: 'goals', oidcScopes: 'goals:run', webClientId: 'page',
  webConnectSources: 'https://login.example,https://issuer.example',
};
const own = { web: 'true', webDomain: 'goals.example.com', webCertificateArn: 'arn:aws:acm:us-east-1:111122223333:certificate/0a1b-2c3d' };
const aws = synth({ web: 'true' });
const withoutPool = synth(other);
const named = synth(own);

const distribution = (of: typeof aws) => of.one('AWS::CloudFront::Distribution').DistributionConfig;
const deployment = (of: typeof aws, name: string) => of.all('Custom::CDKBucketDeployment').find((each) => each.name.startsWith(`Web${name}`))!;
/** The files of an asset, by its key in the bucket of the bootstrap. */
const asset = (of: typeof aws, key: string): string => {
  const { directory } = of.app.synth();
  return path.join(directory, `asset.${key.replace('.zip', '')}`);
};

/** The file as the function writes it, with readable names for what CloudFormation fills in. */
function config(of: typeof aws): Record<string, any> {
  const { SourceObjectKeys, SourceMarkers = [] } = deployment(of, 'Page');
  let text = fs.readFileSync(path.join(asset(of, SourceObjectKeys[1]), 'config.json'), 'utf8');
  for (const [marker, value] of Object.entries(SourceMarkers[1] ?? {})) text = text.replaceAll(marker, target(value));
  return JSON.parse(text);
}

/** The sources of each directive. */
function contentSecurityPolicy(of: typeof aws): Record<string, string> {
  const { SecurityHeadersConfig } = of.one('AWS::CloudFront::ResponseHeadersPolicy').ResponseHeadersPolicyConfig;
  const { ContentSecurityPolicy, Override } = SecurityHeadersConfig.ContentSecurityPolicy;
  assert.equal(Override, true);
  return Object.fromEntries(target(ContentSecurityPolicy).split('; ').map((each) => [each.split(' ')[0]!, each.split(' ').slice(1).join(' ')]));
}

test('without the setting the stack has nothing of the page', () => {
  const without = synth();
  assert.doesNotMatch(JSON.stringify(without.template.toJSON()), /cloudfront|CDKBucketDeployment|WebUrl/i);
});

test('with the setting the rest of the stack is the same, but the client of the sign-in and what notes the settings', () => {
  const before = synth().template.toJSON().Resources as Record<string, unknown>;
  const after = aws.template.toJSON().Resources as Record<string, unknown>;
  const changed = Object.keys(before).filter((id) => JSON.stringify(before[id]) !== JSON.stringify(after[id]));
  assert.deepEqual(changed.map((id) => id.slice(0, -8)).sort(), ['ApiUsersClient', 'DashboardPage']);
});

test('only the API is forwarded, with everything that the browser sends but the name of the host', () => {
  const { CacheBehaviors, Origins, DefaultCacheBehavior } = distribution(aws);
  const [api, ...others] = CacheBehaviors;
  assert.deepEqual([api.PathPattern, others], ['/api/*', []]);
  const origin = (id: string) => Origins.find(({ Id }: any) => Id === id);
  const gateway = origin(api.TargetOriginId);
  assert.match(JSON.stringify(gateway.DomainName), /"ApiHttp\w+","ApiEndpoint"/);
  assert.deepEqual(gateway.CustomOriginConfig, { OriginProtocolPolicy: 'https-only', OriginSSLProtocols: ['TLSv1.2'] });
  assert.equal(gateway.OriginPath, undefined);
  // AllViewerExceptHostHeader, by AWS's id.
  assert.equal(api.OriginRequestPolicyId, 'b689b0a8-53d0-40ab-baf2-68738e2966ac');
  assert.deepEqual(api.AllowedMethods.toSorted(), ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']);
  assert.equal(api.ViewerProtocolPolicy, 'https-only');
  assert.deepEqual([DefaultCacheBehavior.AllowedMethods, DefaultCacheBehavior.ViewerProtocolPolicy], [['GET', 'HEAD'], 'redirect-to-https']);
  assert.equal(target(origin(DefaultCacheBehavior.TargetOriginId).DomainName), 'WebBucket');
});

test('a response of the API is not kept, and simultaneous requests share one only with the same token and query', () => {
  assert.equal(target(distribution(aws).CacheBehaviors[0].CachePolicyId), 'WebOfOneUser');
  const { MinTTL, DefaultTTL, MaxTTL, ParametersInCacheKeyAndForwardedToOrigin: key } = aws.one('AWS::CloudFront::CachePolicy').CachePolicyConfig;
  assert.deepEqual([MinTTL, DefaultTTL, MaxTTL], [0, 0, 1]);
  assert.deepEqual(key.HeadersConfig, { HeaderBehavior: 'whitelist', Headers: ['Authorization'] });
  assert.equal(key.QueryStringsConfig.QueryStringBehavior, 'all');
});

test('errors are neither replaced nor kept', () => {
  const responses = distribution(aws).CustomErrorResponses;
  for (const { ErrorCode, ErrorCachingMinTTL, ...replaced } of responses) assert.deepEqual([ErrorCachingMinTTL, replaced], [0, {}], ErrorCode);
  for (const status of [400, 403, 404, 405, 500, 502, 503, 504]) assert.ok(responses.some(({ ErrorCode }: any) => ErrorCode === status), String(status));
});

test('browsers are served by HTTP/3 and TLS 1.2 or later, from the continents with most users', () => {
  const { HttpVersion, PriceClass, DefaultRootObject, IPV6Enabled, DefaultCacheBehavior } = distribution(aws);
  assert.deepEqual([HttpVersion, PriceClass, DefaultRootObject, IPV6Enabled], ['http2and3', 'PriceClass_200', 'index.html', true]);
  assert.equal(DefaultCacheBehavior.Compress, true);
  const { Aliases, ViewerCertificate } = distribution(named);
  assert.deepEqual(Aliases, [own.webDomain]);
  assert.deepEqual(ViewerCertificate, {
    AcmCertificateArn: own.webCertificateArn, MinimumProtocolVersion: 'TLSv1.2_2021', SslSupportMethod: 'sni-only',
  });
});

test('the bucket is private: CloudFront reads it, by TLS only, and it is gone with the stack', () => {
  const { Properties: bucket, DeletionPolicy } = aws.resources('AWS::S3::Bucket').WebBucket!;
  assert.deepEqual(bucket.PublicAccessBlockConfiguration, {
    BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true,
  });
  assert.deepEqual(bucket.BucketEncryption.ServerSideEncryptionConfiguration, [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }]);
  assert.deepEqual([bucket.BucketName, bucket.WebsiteConfiguration, DeletionPolicy], [undefined, undefined, 'Delete']);
  const { Statement } = aws.resources('AWS::S3::BucketPolicy').WebBucketPolicy!.Properties.PolicyDocument;
  const allowed = Statement.filter(({ Effect }: any) => Effect === 'Allow');
  assert.deepEqual(allowed.map(({ Principal, Action }: any) => [Principal, Action]), [[{ Service: 'cloudfront.amazonaws.com' }, ['s3:GetObject', 's3:ListBucket']]]);
  assert.match(target(allowed[0].Condition.StringEquals['AWS:SourceArn']), /:distribution\/WebDistribution$/);
  const [denied] = Statement.filter(({ Effect }: any) => Effect === 'Deny');
  assert.deepEqual([denied.Principal, denied.Condition], [{ AWS: '*' }, { Bool: { 'aws:SecureTransport': 'false' } }]);
  const [{ OriginAccessControlId }] = distribution(aws).Origins;
  assert.equal(target(OriginAccessControlId), 'WebAccess');
});

test('CDK marks the bucket with no tag, because of which its function would not empty it', () => {
  assert.equal(aws.resources('AWS::S3::Bucket').WebBucket!.Properties.Tags, undefined);
  assert.deepEqual([deployment(aws, 'Page').RetainOnDelete, deployment(aws, 'Assets').RetainOnDelete], [false, undefined]);
});

test('the page loads and calls nothing but its own origin and the sign-in', () => {
  const policy = contentSecurityPolicy(aws);
  assert.deepEqual(policy, {
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self'",
    'img-src': "'self' data: blob:",
    'connect-src': "'self' https://ApiUsers/ https://ApiUsersDomain.auth.AWS::Region.amazoncognito.com",
    'font-src': "'self'",
    'manifest-src': "'self'",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
  });
  assert.deepEqual(contentSecurityPolicy(withoutPool), { ...policy, 'connect-src': "'self' https://issuer.example https://login.example" });
});

test('every response has the headers of a page that no other one uses', () => {
  const { DefaultCacheBehavior, CacheBehaviors: [api] } = distribution(aws);
  for (const { ResponseHeadersPolicyId } of [DefaultCacheBehavior, api]) assert.equal(target(ResponseHeadersPolicyId), 'WebHeaders');
  const { SecurityHeadersConfig: security, CustomHeadersConfig } = aws.one('AWS::CloudFront::ResponseHeadersPolicy').ResponseHeadersPolicyConfig;
  assert.deepEqual(security.StrictTransportSecurity, { AccessControlMaxAgeSec: 31_536_000, IncludeSubdomains: true, Override: true });
  assert.deepEqual(security.ContentTypeOptions, { Override: true });
  assert.deepEqual(security.ReferrerPolicy, { ReferrerPolicy: 'same-origin', Override: true });
  const custom = Object.fromEntries(CustomHeadersConfig.Items.map(({ Header, Value }: any) => [Header, Value]));
  assert.equal(custom['Cross-Origin-Opener-Policy'], 'same-origin');
  assert.match(custom['Permissions-Policy'], /camera=\(\).*geolocation=\(\).*microphone=\(\)/);
});

test('browsers keep hashed files for good, and ask each time for all others', () => {
  const [assets, page] = [deployment(aws, 'Assets'), deployment(aws, 'Page')];
  assert.deepEqual([assets.Exclude, assets.Include, assets.Prune], [['*'], ['assets/*'], false]);
  assert.deepEqual(assets.SystemMetadata, { 'cache-control': 'public, max-age=31536000, immutable' });
  assert.deepEqual([page.Exclude, page.Include, page.Prune], [['assets/*'], undefined, true]);
  assert.deepEqual(page.SystemMetadata, { 'cache-control': 'no-cache' });
  assert.equal(assets.SourceObjectKeys[0], page.SourceObjectKeys[0]);
  const [id] = Object.keys(aws.template.findResources('Custom::CDKBucketDeployment')).filter((each) => each.startsWith('WebAssets'));
  const [last] = Object.entries(aws.template.findResources('Custom::CDKBucketDeployment')).filter(([each]) => each.startsWith('WebPage'));
  assert.ok(last![1].DependsOn.includes(id), 'the files of a page are there before it');
});

test('the built page is deployed, with a configuration of this stack instead of its own', () => {
  const files = asset(aws, deployment(aws, 'Page').SourceObjectKeys[0]);
  assert.deepEqual(fs.readdirSync(files).sort(), ['assets', 'index.html']);
  assert.deepEqual(config(aws), {
    api: '/api',
    signIn: {
      kind: 'oidc',
      authority: 'https://ApiUsers',
      clientId: 'ApiUsersClient',
      scope: 'openid goal-activity/api',
      logoutUrl: 'https://ApiUsersDomain.auth.AWS::Region.amazoncognito.com/logout?client_id=ApiUsersClient'
        + '&logout_uri=https%3A%2F%2FWebDistribution%2F',
    },
  });
  assert.match(config(named).signIn.logoutUrl, /&logout_uri=https%3A%2F%2Fgoals\.example\.com%2F$/);
  assert.deepEqual(config(withoutPool), {
    api: '/api',
    signIn: { kind: 'oidc', authority: other.oidcIssuer, clientId: 'page', scope: 'openid goals:run' },
  });
  const { audience, resource } = config(synth({ ...other, webAudience: 'https://goals.example/', webResource: 'urn:goals' })).signIn;
  assert.deepEqual([audience, resource], ['https://goals.example/', 'urn:goals']);
});

test('the sign-in returns to the page, besides the URLs that are set', () => {
  const client = (of: typeof aws) => of.all('AWS::Cognito::UserPoolClient').find(({ name }) => name.endsWith('Client'))!;
  const last = (urls: any[]) => target(urls.at(-1));
  assert.equal(last(client(aws).CallbackURLs), 'https://WebDistribution/');
  assert.deepEqual(client(aws).LogoutURLs.map(target), ['https://WebDistribution/']);
  const urls = synth({ ...own, callbackUrls: 'https://app.example/in' });
  assert.deepEqual(client(urls).LogoutURLs.map(target), ['https://app.example/in', 'https://goals.example.com/']);
  assert.equal(last(client(urls).CallbackURLs), 'https://goals.example.com/');
});

test('the outputs say where the page is, and where the name of its own has to lead', () => {
  const outputs = (of: typeof aws) => Object.entries(of.template.findOutputs('*')).filter(([id]) => id.startsWith('Web'))
    .map(([id, { Value }]) => [id, target(Value)]);
  assert.deepEqual(outputs(aws), [['WebUrl', 'https://WebDistribution/']]);
  assert.deepEqual(outputs(named), [['WebUrl', 'https://goals.example.com/'], ['WebTarget', 'WebDistribution']]);
});

test('the function that copies the files may read assets of CDK, and write the bucket of the page and its log', () => {
  const [copy] = aws.all('AWS::Lambda::Function').filter(({ Runtime }) => Runtime !== 'provided.al2023');
  assert.deepEqual([target(copy!.Role), target(copy!.LoggingConfig.LogGroup)], ['WebRole', 'WebLogs']);
  const granted = aws.all('AWS::IAM::Policy').filter(({ Roles }) => Roles.some((each: any) => target(each) === 'WebRole'))
    .flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
    .map(({ Effect, Action, Resource }: any) => [Effect, list(Action).join(' '), JSON.stringify(Resource).includes('Fn::Sub') ? 'assets' : target(Resource)]);
  assert.deepEqual(granted, [
    ['Allow', 'logs:CreateLogStream logs:PutLogEvents', 'WebLogs'],
    ['Allow', 's3:GetObject', 'assets'],
    ['Allow', 's3:ListBucket', 'WebBucket'],
    ['Allow', 's3:DeleteObject s3:PutObject', 'WebBucket/*'],
  ]);
  const { Properties } = aws.resources('AWS::IAM::Role').WebRole!;
  assert.deepEqual([Properties.ManagedPolicyArns, Properties.Policies], [undefined, undefined]);
});

test('what its function needs comes with CDK: nothing is downloaded', () => {
  const [layer, ...others] = aws.all('AWS::Lambda::LayerVersion');
  assert.equal(others.length, 0);
  const { S3Key } = layer!.Content;
  const file = path.join(aws.app.synth().directory, `asset.${S3Key}`);
  assert.ok(fs.statSync(file).size > 10_000_000, 'the AWS CLI');
});

test('a page that was not built is an error that says how to build it', () => {
  assert.throws(() => synth({ web: 'true', webDir: 'test/none' }),
    /no .*test\/none\/index\.html: build the page first, with `npm ci && npm run build` in web\//);
});
