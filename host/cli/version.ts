/** The package's version; a test compares it with package.json, which lies outside the bundle's sources. */
export const VERSION = '0.1.0';
