// Ends a CI run: reads vitest's JSON report and prints the counts, at last one plain line `N
// passed, N failed`. A file that could not be loaded has no tests to count; it counts as one
// failure.

import { readFileSync } from 'node:fs';

const report = read(process.argv[2]);
const broken = report.testResults.filter(
  ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
);
const failedFiles = report.testResults.filter(({ status }) => status === 'failed').length;
const passedFiles = report.testResults.length - failedFiles;
const passed = report.numPassedTests;
const failed = report.numFailedTests + broken.length;

console.log('');
console.log(` Test Files  ${failedFiles} failed | ${passedFiles} passed`);
console.log(`      Tests  ${failed} failed | ${passed} passed | ${report.numPendingTests} skipped`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(report.success && failed === 0 ? 0 : 1);

function read(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    console.log(`no test report: ${error.message}`);
    const run = { status: 'failed', assertionResults: [] };
    return {
      success: false,
      numPassedTests: 0,
      numFailedTests: 0,
      numPendingTests: 0,
      testResults: [run],
    };
  }
}
