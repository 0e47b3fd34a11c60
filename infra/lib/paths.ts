import * as path from 'node:path';

/** This folder's absolute path; the compiled code lives in `build/lib`. */
export const infraDir = path.resolve(__dirname, '..', '..');
