/** The sign-in of the page's user. */
export interface Session {
  /** A token that should still be valid. Rejects with the problem `UNAUTHENTICATED` where there is none. */
  token(): Promise<string>;
  /** Gets another token after this one was refused. Returns `false` if there is none. */
  renew(refused?: string): Promise<boolean>;
  /** Asks the user to sign in. */
  signIn(): Promise<void>;
  /** Ends the session. Missing where there is nothing to end. */
  signOut?: () => Promise<void>;
}
