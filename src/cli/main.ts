#!/usr/bin/env node
// The command line of Conit: `conit --help`.

import { refuseDebugger } from './no-debugger.ts';

// Runs before the slow imports.
refuseDebugger();
const { runProgram } = await import('./program.ts');
const { processTerminal } = await import('./terminal.ts');
process.exitCode = await runProgram(process.argv.slice(2), processTerminal());
// Connections that are kept alive would keep the process running.
const { getGlobalDispatcher } = await import('undici');
await getGlobalDispatcher().close();
