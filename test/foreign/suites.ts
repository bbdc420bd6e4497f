// The suites: which packages each needs, at which version, and the program under this folder that runs it. The program gets
// the folder in which the packages are and the URLs of the replicas, and says what it counted.

export interface Suite {
  readonly name: string;
  readonly packages: readonly string[];
  /** Beside this file. Called with the folder of the packages and a URL for each replica; exit code 0: all passed. */
  readonly program: string;
}

export const SUITES: readonly Suite[] = [
  {
    name: 'abstract-level',
    packages: ['abstract-level@3.1.1', 'tape@5.10.2'],
    program: 'abstract-level/suite.mjs',
  },
];
