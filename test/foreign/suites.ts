// The suites: the packages each needs, their versions, and the program under this folder that runs
// it. The program gets the folder of the packages and the URLs of the replicas, and reports its
// counts.

export interface Suite {
  readonly name: string;
  readonly packages: readonly string[];
  /**
   * Beside this file. Called with the folder of the packages and a URL for each replica; exit code
   * 0: all passed.
   */
  readonly program: string;
}

export const SUITES: readonly Suite[] = [
  {
    name: 'abstract-level',
    packages: ['abstract-level@3.1.1', 'tape@5.10.2'],
    program: 'abstract-level/suite.mjs',
  },
  {
    name: 'keyv',
    packages: ['keyv@5.5.5', '@keyv/test-suite@2.1.2'],
    program: 'keyv/suite.mjs',
  },
  {
    name: 'unstorage',
    packages: ['unstorage@1.17.6'],
    program: 'unstorage/suite.mjs',
  },
  {
    name: 'openapi',
    packages: [
      '@redocly/openapi-core@2.64.0',
      'openapi-typescript@7.13.0',
      'openapi-fetch@0.17.0',
      'typescript@5.9.3',
      '@types/node@20.19.43',
    ],
    program: 'openapi/suite.mjs',
  },
];
