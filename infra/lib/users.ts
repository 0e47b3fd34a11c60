import { Duration, Stack, Validations } from 'aws-cdk-lib';
import {
  CfnManagedLoginBranding, type CfnUserPoolClient, FeaturePlan, ManagedLoginVersion, Mfa, OAuthScope, ResourceServerScope, StandardThreatProtectionMode,
  UserPool, type UserPoolClient, UserPoolClientIdentityProvider, type UserPoolClientOptions, type UserPoolDomain,
} from 'aws-cdk-lib/aws-cognito';
import { Construct } from 'constructs';
import type { Settings } from './settings';
import type { Variant } from './variant';

/** Where `goalctl login` listens (goalctl/src/login/callback.rs). Cognito compares the port too, and documents http for localhost only. */
export const loopbackUrls = [28476, 28477, 28478].map((port) => `http://localhost:${port}/callback`);

const resourceServer = 'goal-activity';
const apiScope = 'api';

const plans = { lite: FeaturePlan.LITE, essentials: FeaturePlan.ESSENTIALS, plus: FeaturePlan.PLUS };

interface UsersProps {
  readonly settings: Settings;
  readonly variant: Variant;
}

/** The user pool that issues the API's tokens, its sign-in pages, and the clients that may ask for tokens. */
export class Users extends Construct {
  /** The scope that pages and `goalctl` ask for. */
  static readonly scope = `${resourceServer}/${apiScope}`;
  /** All that a sign-in asks for. */
  static readonly loginScopes = `openid ${Users.scope}`;
  /**
   * The API accepts a token with any of these. A sign-in without the pages, such as AdminInitiateAuth, issues the second
   * one only: adding a scope to it takes a Lambda trigger and not the lite plan.
   */
  static readonly scopes = [Users.scope, OAuthScope.COGNITO_ADMIN.scopeName];

  readonly pool: UserPool;
  /** For people, in a browser: pages and `goalctl login`. */
  readonly client: UserPoolClient;
  /** For tools with AWS credentials: `goalctl login --user`. */
  readonly operators: UserPoolClient;
  readonly domain: UserPoolDomain;

  constructor(scope: Construct, id: string, { settings, variant }: UsersProps) {
    super(scope, id);
    const { domain, plan, callbackUrls } = settings.userPool;
    this.pool = this.userPool(settings, variant);
    const access = new ResourceServerScope({ scopeName: apiScope, scopeDescription: 'Call the API as the user' });
    const server = this.pool.addResourceServer('Api', { identifier: resourceServer, scopes: [access] });

    const common: UserPoolClientOptions = {
      // Programs on the users' machines: they could not keep a secret. PKCE binds a code to the program that asked for it.
      generateSecret: false,
      // A wrong name and a wrong password get the same response.
      preventUserExistenceErrors: true,
      // `goalctl logout`, and a lost machine.
      enableTokenRevocation: true,
      // API Gateway cannot know that a token was revoked: it works until it expires.
      accessTokenValidity: Duration.hours(1),
      idTokenValidity: Duration.hours(1),
      supportedIdentityProviders: [UserPoolClientIdentityProvider.COGNITO],
    };
    this.client = this.pool.addClient('Client', {
      ...common,
      authFlows: variant.userPasswordAuth ? { userSrp: true, userPassword: true } : { userSrp: true },
      refreshTokenValidity: Duration.days(7),
      oAuth: {
        // No implicit flow: it would put tokens into URLs.
        flows: { authorizationCodeGrant: true },
        scopes: [OAuthScope.OPENID, OAuthScope.EMAIL, OAuthScope.resourceServer(server, access)],
        callbackUrls: [...loopbackUrls, ...callbackUrls],
        logoutUrls: callbackUrls,
      },
    });
    this.operators = this.pool.addClient('Operators', {
      ...common,
      // The name and password of a user work here only together with AWS credentials.
      authFlows: { adminUserPassword: true },
      refreshTokenValidity: Duration.days(1),
      disableOAuth: true,
    });

    // The pages of the lite plan are the classic ones.
    const managed = plan !== 'lite';
    this.domain = this.pool.addDomain('Domain', {
      // Unique in the region. A stack's name is in its account, an account's id in the world.
      cognitoDomain: { domainPrefix: domain ?? `${settings.stackName}-${Stack.of(this).account}` },
      managedLoginVersion: managed ? ManagedLoginVersion.NEWER_MANAGED_LOGIN : ManagedLoginVersion.CLASSIC_HOSTED_UI,
    });
    if (managed && variant.loginBranding) {
      // Without a style managed login shows an error page instead of the client's sign-in.
      new CfnManagedLoginBranding(this, 'Branding', {
        userPoolId: this.pool.userPoolId, clientId: this.client.userPoolClientId, useCognitoProvidedValues: true,
      }).node.addDependency(this.domain);
    }
  }

  /** The same as the attribute ProviderURL, which the emulator does not have. */
  get issuer(): string {
    return `https://${this.pool.userPoolProviderName}`;
  }

  /** Cognito's access token has no `aud`; API Gateway then compares its client id. */
  get clientIds(): string[] {
    return [this.client.userPoolClientId, this.operators.userPoolClientId];
  }

  /** Accepts a page of this stack, which is made after the users: its headers name their addresses. */
  signInFrom(url: string): void {
    const client = this.client.node.defaultChild as CfnUserPoolClient;
    client.callbackUrLs = [...(client.callbackUrLs ?? []), url];
    client.logoutUrLs = [...(client.logoutUrLs ?? []), url];
  }

  /** Where a page ends the session of the sign-in pages, which then return to it at `https://<host>/`. */
  logoutUrl(host: string): string {
    return `${this.domain.baseUrl()}/logout?client_id=${this.client.userPoolClientId}&logout_uri=https%3A%2F%2F${host}%2F`;
  }

  private userPool({ userPool }: Settings, variant: Variant): UserPool {
    // `Default` is no part of logical ids: an update of a stack keeps its pool.
    const pool = new UserPool(this, 'Default', {
      // An account can spend money on AI calls, so an administrator creates it.
      selfSignUpEnabled: false,
      signInAliases: { email: true },
      // Ann@example.com and ann@example.com are one user. Cannot be changed later.
      signInCaseSensitive: false,
      featurePlan: plans[userPool.plan],
      ...(userPool.plan === 'plus' && { standardThreatProtectionMode: StandardThreatProtectionMode.FULL_FUNCTION }),
      mfa: Mfa.OPTIONAL,
      mfaSecondFactor: { otp: true, sms: false },
      passwordPolicy: {
        minLength: 12,
        requireLowercase: true,
        requireUppercase: true,
        requireDigits: true,
        requireSymbols: true,
      },
      deletionProtection: variant.deletionProtection,
      removalPolicy: variant.removalPolicy,
    });
    Validations.of(pool).acknowledge({
      id: 'AwsSolutions-COG2',
      reason: 'Users plan their own goals here and nothing else; a second factor is theirs to choose, not ours to demand.',
    }, {
      id: 'AwsSolutions-COG8',
      reason: 'The Plus plan is paid per user. Whoever wants its threat protection sets userPoolPlan=plus, or brings a pool (oidcIssuer).',
    });
    return pool;
  }
}
