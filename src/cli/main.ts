#!/usr/bin/env node
// The command line of Conit: `conit --help`.

import { getGlobalDispatcher } from 'undici';
import { runProgram } from './program.ts';
import { processTerminal } from './terminal.ts';

process.exitCode = await runProgram(process.argv.slice(2), processTerminal());
// Connections that are kept for a next request would keep the process as well.
await getGlobalDispatcher().close();
