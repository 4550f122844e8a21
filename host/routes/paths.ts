/** Where guests send their deferrals, whatever endpoints are configured. */
export const FORWARD_AUTH_PATH = '/api/authz/forward-auth';
export const LEGACY_PATH = '/api/verify';
