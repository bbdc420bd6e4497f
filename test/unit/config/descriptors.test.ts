// The limit on client connections follows from the descriptors that the process may have.

import { describe, expect, it } from 'vitest';
import { descriptorLimit, parseLimits } from '../../../src/adapters/descriptor-limit.ts';
import { fitDescriptors } from '../../../src/config/descriptors.ts';
import { loadConfig } from '../../../src/config/load.ts';

const PEERS = 'ap-1=ap@10.0.0.1:7071,eu-1=eu@127.0.0.1:7071,us-1=us@10.0.0.3:7071';

function configured(more: Record<string, string> = {}) {
  const secret = { CONIT_CLUSTER_SECRET: 'f3Kq9-canary-vB71xWm2Zp' };
  const { config } = loadConfig(
    {},
    { CONIT_REPLICA: 'eu-1', CONIT_PEERS: PEERS, ...secret, ...more },
  );
  if (config === undefined) throw new Error('it is refused');
  return config;
}

describe('the connections of clients', () => {
  it('are as many as configured if the process may open enough files', () => {
    for (const limit of [undefined, 1_048_576]) {
      const { config, warnings } = fitDescriptors(configured(), limit);
      expect([config.limits.connectionsMax, warnings]).toEqual([16_384, []]);
    }
  });

  it.each([200, 256, 1024, 4096])('leave room for the database and the peers of %i', (limit) => {
    const { config, warnings } = fitDescriptors(configured(), limit);
    const { connectionsMax } = config.limits;
    expect(connectionsMax + (config.strangersMax ?? 0)).toBeLessThanOrEqual(limit - 150);
    expect(connectionsMax).toBeGreaterThanOrEqual(8);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.reason).toContain(`from 16384 to ${connectionsMax}`);
  });

  it('are never fewer than requested without need, and never zero', () => {
    const few = configured({ CONIT_CONNECTIONS: '20' });
    expect(fitDescriptors(few, 1024).config.limits.connectionsMax).toBe(20);
    expect(fitDescriptors(configured(), 64).config.limits.connectionsMax).toBe(8);
  });
});

describe('the limit of the process', () => {
  it('is the soft limit', () => {
    const line = (soft: string) =>
      `Limit  Soft Limit  Hard Limit  Units\nMax open files            ${soft}                 4096    files\n`;
    expect(parseLimits(line('1024'))).toBe(1024);
    expect(parseLimits(line('unlimited'))).toBeUndefined();
    expect(parseLimits('')).toBeUndefined();
  });

  it.runIf(process.platform === 'linux')('is reported by Linux', () => {
    expect(descriptorLimit()).toBeGreaterThan(0);
  });
});
