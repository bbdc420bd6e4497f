#!/usr/bin/env node
// The command line of Conit: `conit --help`.

import { refuseDebugger } from './no-debugger.ts';

// Before the rest is loaded, which takes its time.
refuseDebugger();
const { runProgram } = await import('./program.ts');
const { processTerminal } = await import('./terminal.ts');
process.exitCode = await runProgram(process.argv.slice(2), processTerminal());
// Connections that are kept for a next request would keep the process as well.
const { getGlobalDispatcher } = await import('undici');
await getGlobalDispatcher().close();
