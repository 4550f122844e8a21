/** Seconds after which whoever could not be provisioned may ask again. */
const RETRY_AFTER = 5;

/** What whoever asked for a user of Elasticsearch is answered. */
export type Provisioned =
  | {
      readonly status: 'ready';
      /** For the backend. */
      readonly authorization: string;
      /** False once its password is about to change: to be asked in the step that hands it on. */
      isCurrent(): boolean;
    }
  /** No name or group that Elasticsearch's users can have: 400. */
  | { readonly status: 'bad-request'; readonly message: string }
  /** Not our user: 403. */
  | { readonly status: 'refused' }
  /** 503. */
  | { readonly status: 'unavailable'; readonly retryAfterSeconds: number };

export const UNAVAILABLE: Provisioned = { status: 'unavailable', retryAfterSeconds: RETRY_AFTER };
/** It was asked for as somebody that the user is no more; the next request knows better. */
export const CHANGED: Provisioned = { status: 'unavailable', retryAfterSeconds: 1 };
