import * as fs from 'node:fs';
import * as path from 'node:path';
import { Annotations, Duration, Fn, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import {
  AccessLevel, AllowedMethods, type BehaviorOptions, CacheCookieBehavior, CacheHeaderBehavior, CachePolicy, CacheQueryStringBehavior, Distribution,
  HeadersFrameOption, HeadersReferrerPolicy, HttpVersion, OriginRequestPolicy, PriceClass, ResponseHeadersPolicy, S3OriginAccessControl,
  SecurityPolicyProtocol, ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { HttpOrigin, S3BucketOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { BlockPublicAccess, Bucket, BucketEncryption, type CfnBucket, type IBucket, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { BucketDeployment, CacheControl, Source } from 'aws-cdk-lib/aws-s3-deployment';
import { Construct } from 'constructs';
import type { Api } from './api';
import type { Settings } from './settings';
import { SettingsError } from './settings-error';
import { Users } from './users';
import type { WebSettings } from './web-settings';

interface WebProps {
  readonly settings: Settings;
  readonly web: WebSettings;
  readonly api: Api;
  readonly key?: IKey;
}

/** Files whose names contain a hash of what is in them, as Vite builds them. */
const hashed = 'assets/*';
const configuration = 'config.json';

/** The statuses that CloudFront would keep for 10 seconds by itself (`ErrorCode` of a custom error response). */
const errors = [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504];

/** The web page, and the API under the same origin, so that a browser needs no permission of CORS. */
export class Web extends Construct {
  /** As a browser writes it, and as the sign-in returns to it. */
  readonly url: string;
  readonly distribution: Distribution;
  private readonly host: string;
  /** The name of what must be unique in the account, and not only in the region. */
  private readonly unique: string;

  constructor(scope: Construct, id: string, private readonly props: WebProps) {
    super(scope, id);
    const { settings, web, api } = props;
    this.unique = `${settings.stackName}-${Stack.of(this).region}`;
    const bucket = this.bucket();
    this.distribution = this.distribute(bucket);
    this.host = web.domain?.name ?? this.distribution.distributionDomainName;
    this.url = `https://${this.host}/`;
    api.users?.signInFrom(this.url);
    this.deploy(bucket);
  }

  /** Everything in it is made by a build, and no user's data: it needs neither versions nor a key, and goes with the stack. */
  private bucket(): Bucket {
    const bucket = new Bucket(this, 'Bucket', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'Only CloudFront reads it, and what it holds is public. Who must know of every access turns on CloudTrail data events.',
    });
    return bucket;
  }

  private distribute(bucket: Bucket): Distribution {
    const { settings, web: { domain }, api } = this.props;
    const responseHeadersPolicy = this.headers();
    const page: BehaviorOptions = {
      origin: S3BucketOrigin.withOriginAccessControl(bucket, {
        // Allowed to list, S3 answers 404 for what there is not, instead of 403. Nobody lists: of no request the key is empty.
        originAccessLevels: [AccessLevel.READ, AccessLevel.LIST],
        originAccessControl: new S3OriginAccessControl(this, 'Access', { originAccessControlName: this.unique }),
      }),
      // Keeps what `deploy` says: hashed files, and nothing else for longer than a second.
      cachePolicy: CachePolicy.CACHING_OPTIMIZED,
      viewerProtocolPolicy: ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
      allowedMethods: AllowedMethods.ALLOW_GET_HEAD,
      responseHeadersPolicy,
    };
    const toApi: BehaviorOptions = {
      origin: new HttpOrigin(Fn.select(2, Fn.split('/', api.http.apiEndpoint))),
      cachePolicy: this.ofOneUser(),
      originRequestPolicy: OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
      // A token that was sent without TLS is lost: no redirect that hides it.
      viewerProtocolPolicy: ViewerProtocolPolicy.HTTPS_ONLY,
      allowedMethods: AllowedMethods.ALLOW_ALL,
      responseHeadersPolicy,
    };
    const distribution = new Distribution(this, 'Distribution', {
      comment: settings.stackName,
      defaultRootObject: 'index.html',
      defaultBehavior: page,
      additionalBehaviors: { '/api/*': toApi },
      httpVersion: HttpVersion.HTTP2_AND_3,
      // All continents but South America and Oceania, which are served from further away.
      priceClass: PriceClass.PRICE_CLASS_200,
      // Times only: every error reaches the browser as its origin has written it.
      errorResponses: errors.map((httpStatus) => ({ httpStatus, ttl: Duration.seconds(0) })),
      ...(domain && {
        domainNames: [domain.name],
        certificate: Certificate.fromCertificateArn(this, 'Certificate', domain.certificateArn),
        minimumProtocolVersion: SecurityPolicyProtocol.TLS_V1_2_2021,
      }),
    });
    Annotations.of(this).acknowledgeWarning('@aws-cdk/aws-cloudfront-origins:listBucketSecurityRisk', 'The root is index.html.');
    Validations.of(distribution).acknowledge({
      id: 'AwsSolutions-CFR1',
      reason: 'Where users may be is not known here. Who serves some countries only attaches a web ACL, or changes this construct.',
    }, {
      id: 'AwsSolutions-CFR2',
      reason: 'Files of a build are behind it, and an API with a token check, limits and its own public address, which a web ACL here '
        + 'would not protect. A web ACL must be in us-east-1 and costs by the month.',
    }, {
      id: 'AwsSolutions-CFR3',
      reason: 'The gateway logs every request to the API, without addresses. What is left are requests for public files; their logs '
        + 'would contain addresses of users, and can go to a log group in us-east-1 only.',
    });
    if (!domain) {
      Validations.of(distribution).acknowledge({
        id: 'AwsSolutions-CFR4',
        reason: 'Under its own name CloudFront decides which protocols it accepts. With webDomain it is TLS 1.2 and later.',
      });
    }
    return distribution;
  }

  /**
   * The API sends no Cache-Control, so nothing is kept. But CloudFront answers simultaneous requests of one key with one
   * response (request collapsing), so a key must never be that of two users.
   */
  private ofOneUser(): CachePolicy {
    return new CachePolicy(this, 'OfOneUser', {
      cachePolicyName: this.unique,
      comment: 'Keeps nothing; simultaneous requests share a response only with the same token and query',
      minTtl: Duration.seconds(0),
      defaultTtl: Duration.seconds(0),
      // With 0 the key could not contain a header.
      maxTtl: Duration.seconds(1),
      headerBehavior: CacheHeaderBehavior.allowList('Authorization'),
      queryStringBehavior: CacheQueryStringBehavior.all(),
      cookieBehavior: CacheCookieBehavior.none(),
    });
  }

  private headers(): ResponseHeadersPolicy {
    return new ResponseHeadersPolicy(this, 'Headers', {
      responseHeadersPolicyName: this.unique,
      securityHeadersBehavior: {
        contentSecurityPolicy: { contentSecurityPolicy: contentSecurityPolicy(this.connectSources()), override: true },
        strictTransportSecurity: { accessControlMaxAge: Duration.days(365), includeSubdomains: true, override: true },
        contentTypeOptions: { override: true },
        referrerPolicy: { referrerPolicy: HeadersReferrerPolicy.SAME_ORIGIN, override: true },
        // For browsers that do not know frame-ancestors.
        frameOptions: { frameOption: HeadersFrameOption.DENY, override: true },
      },
      customHeadersBehavior: {
        customHeaders: Object.entries({
          'Cross-Origin-Opener-Policy': 'same-origin',
          'Cross-Origin-Resource-Policy': 'same-origin',
          'Permissions-Policy': ['camera', 'display-capture', 'geolocation', 'microphone', 'payment', 'usb'].map((each) => `${each}=()`).join(', '),
        }).map(([header, value]) => ({ header, value, override: true })),
      },
    });
  }

  /** What the page calls besides its own origin: discovery and tokens. */
  private connectSources(): string[] {
    const { settings: { oidc }, web, api: { users } } = this.props;
    // Of Cognito this one pool: all pools of a region have the same origin.
    if (users) return [`${users.issuer}/`, users.domain.baseUrl()];
    return [...new Set([...(oidc ? [new URL(oidc.issuer).origin] : []), ...web.connectSources])];
  }

  /** What the page reads at its start. */
  private config(): object {
    const { settings: { oidc }, web, api: { users } } = this.props;
    const signIn = users
      ? {
        authority: users.issuer,
        clientId: users.client.userPoolClientId,
        scope: Users.loginScopes,
        logoutUrl: users.logoutUrl(this.host),
      }
      : {
        authority: oidc?.issuer,
        clientId: web.clientId,
        scope: ['openid', ...(oidc?.scopes ?? [])].join(' '),
        ...(web.audience !== undefined && { audience: web.audience }),
        ...(web.resource !== undefined && { resource: web.resource }),
      };
    return { api: '/api', signIn: { kind: 'oidc', ...signIn } };
  }

  /** Hashed files first, and those of former versions stay: a page that was read before the deployment still finds its own. */
  private deploy(bucket: Bucket): void {
    const built = new Asset(this, 'Built', { path: pageFolder(this.props.web.dir), exclude: [configuration] });
    const logGroup = new LogGroup(this, 'Logs', {
      retention: this.props.settings.logRetentionDays, encryptionKey: this.props.key, removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = this.role(bucket, built.bucket, logGroup);
    const files = Source.bucket(built.bucket, built.s3ObjectKey);
    const common = {
      // By its name: CDK would mark its own bucket by a tag, and the function empties no bucket that has it.
      destinationBucket: Bucket.fromBucketName(this, 'Target', bucket.bucketName),
      // Its permissions are those of `role`: CDK's are wider, with wildcards as actions.
      role: role.withoutPolicyUpdates(),
      logGroup,
    };
    const assets = new BucketDeployment(this, 'Assets', {
      ...common,
      sources: [files],
      exclude: ['*'],
      include: [hashed],
      prune: false,
      cacheControl: [CacheControl.setPublic(), CacheControl.maxAge(Duration.days(365)), CacheControl.immutable()],
    });
    const page = new BucketDeployment(this, 'Page', {
      ...common,
      sources: [files, Source.jsonData(configuration, this.config())],
      exclude: [hashed],
      cacheControl: [CacheControl.noCache()],
      // Deletes all files, also those of the other, when the page leaves the stack: CloudFormation deletes empty buckets only.
      retainOnDelete: false,
    });
    // One function copies both, with the layer of the first.
    page.node.tryRemoveChild('AwsCliLayer');
    page.node.addDependency(assets);
    this.acknowledgeFunction();
    // Also when the stack is deleted: the function empties the bucket with these permissions.
    for (const each of [assets, page]) each.node.addDependency(role, bucket);
  }

  private acknowledgeFunction(): void {
    const copies = Stack.of(this).node.children.filter(({ node }) => node.id.startsWith('Custom::CDKBucketDeployment'));
    const ofCdk = 'The function and its runtime are part of CDK, which tests them together; updating CDK updates both.';
    const inDeployments = 'It runs during a deployment only. When it fails, CloudFormation says so and rolls the deployment back, and its '
      + 'log says why.';
    Validations.of(copies[0]!).acknowledge(
      { id: 'AwsSolutions-L1', reason: ofCdk }, { id: 'Serverless-LambdaLatestVersion', reason: ofCdk },
      { id: 'Serverless-LambdaDLQ', reason: inDeployments }, { id: 'Serverless-LambdaTracing', reason: inDeployments },
    );
  }

  /** The role of the function that copies the files. */
  private role(bucket: Bucket, assets: IBucket, logs: LogGroup): Role {
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    const allow = (actions: string[], resource: string) => role.addToPolicy(new PolicyStatement({ actions, resources: [resource] }));
    allow(['logs:CreateLogStream', 'logs:PutLogEvents'], logs.logGroupArn);
    // Of any version: a permission for the new one alone takes effect seconds after the function has asked for it.
    allow(['s3:GetObject'], assets.arnForObjects('*.zip'));
    allow(['s3:ListBucket'], bucket.bucketArn);
    allow(['s3:PutObject', 's3:DeleteObject'], bucket.arnForObjects('*'));
    const bucketId = Stack.of(this).getLogicalId(bucket.node.defaultChild as CfnBucket);
    Validations.of(role).acknowledge({
      id: `AwsSolutions-IAM5[Resource::<${bucketId}.Arn>/*]`,
      reason: 'Which files a page has is decided by its build: the function writes and deletes them in the bucket of the page only.',
    }, {
      id: 'AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::cdk-hnb659fds-assets-<AWS::AccountId>-<AWS::Region>/*.zip]',
      reason: 'CDK publishes each build under a new name. A permission for that name alone takes effect seconds after it is given, '
        + 'and the function asks at once: the deployment would fail, and going back from it as well.',
    });
    return role;
  }
}

function contentSecurityPolicy(connect: string[]): string {
  const directives = {
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self'",
    'img-src': "'self' data: blob:",
    'connect-src': ["'self'", ...connect].join(' '),
    'font-src': "'self'",
    'manifest-src': "'self'",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
  };
  return Object.entries(directives).map(([name, sources]) => `${name} ${sources}`).join('; ');
}

function pageFolder(dir: string): string {
  const index = path.join(dir, 'index.html');
  if (fs.existsSync(index)) return dir;
  throw new SettingsError(`no ${index}: build the page first, with \`npm ci && npm run build\` in web/, or say where it is with -c webDir=...`);
}
