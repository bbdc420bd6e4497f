// `npm test`: every suite, from a fresh clone; the end-to-end suite runs what was built.
// Further arguments go to vitest: `npm test -- --project unit -t vector`.

import { become, prepare } from './prepare.mjs';

prepare();
become(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...process.argv.slice(2)]);
