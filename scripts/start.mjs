// `npm start`: a cluster on this machine, from a fresh clone. Further arguments go to the command:
// `npm start -- --regions eu,us,ap`.

import { become, prepare } from './prepare.mjs';

prepare();
become(process.execPath, ['dist/cli/main.js', 'cluster', ...process.argv.slice(2)]);
