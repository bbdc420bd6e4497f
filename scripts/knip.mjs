// Runs knip, which needs TypeScript's JavaScript compiler API. TypeScript 7 has none, so
// `typescript` resolves to the copy of the last release that has it, which @ts-morph/common
// carries.

import { register } from 'node:module';

const hooks = `
export function resolve(specifier, context, next) {
  return next(specifier === 'typescript' ? '@ts-morph/common/dist/typescript.js' : specifier, context);
}`;

register(`data:text/javascript,${encodeURIComponent(hooks)}`);
await import('../node_modules/knip/dist/cli.js');
