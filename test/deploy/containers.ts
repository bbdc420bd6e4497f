// Stage 3: the image and the compose cluster, as described in docs/containers.md, with a killed
// container and a region that is cut off from the others.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { freePorts } from '../support/ports.ts';
import { has, repository, run } from './command.ts';
import { canGetImage, composeCommand, Project, type Published } from './compose.ts';
import { checkImage } from './image.ts';
import { prometheusAt } from './prometheus.ts';
import { checkRegions, type Regions } from './regions.ts';
import { NotRun, type Step } from './report.ts';
import { makeSecrets } from './secrets.ts';

const REPLICAS = ['eu-1', 'us-1', 'ap-1'] as const;

export async function checkContainers(step: Step): Promise<void> {
  if (!has('docker', 'version')) throw new NotRun('no Docker engine');
  const command = composeCommand();
  if (command === undefined) throw new NotRun('no docker compose');
  const folder = mkdtempSync(join(tmpdir(), 'conit-deploy-'));
  const name = `conit-test-${randomBytes(4).toString('hex')}`;
  try {
    await checkImage(step, name);
    const secrets = await makeSecrets(join(folder, 'secrets'));
    const [eu, us, ap, own] = (await freePorts(4)).map(String) as [string, string, string, string];
    const env = {
      CONIT_IMAGE: name,
      CONIT_SECRETS: secrets.folder,
      CONIT_EU_PORT: eu,
      CONIT_US_PORT: us,
      CONIT_AP_PORT: ap,
      CONIT_PROMETHEUS_PORT: own,
    };
    const ports = [eu, us, ap].map(Number);
    const replicas = REPLICAS.map((id, at) => ({ id, httpPort: ports[at] ?? 0 }));
    const project = new Project(command, { name, env });
    const prometheus = await canGetImage(prometheusImage());
    await inProject(step, project, {
      project,
      secrets,
      replicas: replicas as unknown as readonly [Published, Published, Published],
      prometheus: prometheus ? prometheusAt(`http://127.0.0.1:${own}`) : undefined,
    });
  } finally {
    await run('docker', ['image', 'rm', name], { isCleanup: true });
    rmSync(folder, { recursive: true, force: true });
  }
}

async function inProject(step: Step, project: Project, regions: Regions): Promise<void> {
  try {
    const services = regions.prometheus === undefined ? REPLICAS : [...REPLICAS, 'prometheus'];
    await step('the cluster is put up', async () => {
      await project.up(services);
      return services.join(', ');
    });
    await checkRegions(step, regions);
    await step('it is taken down, and nothing is left', async () => {
      await project.down();
      const remains = await project.remains();
      if (remains.length > 0) throw new Error(`left: ${remains.join(', ')}`);
      return undefined;
    });
  } finally {
    await project.down();
  }
}

function prometheusImage(): string {
  const file = readFileSync(join(repository, 'docker-compose.yml'), 'utf8');
  const { services } = parse(file, { merge: true }) as {
    readonly services: { readonly prometheus: { readonly image: string } };
  };
  return services.prometheus.image;
}
