import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import type { SectionName } from '../../src/config/schema.ts';
import { deployDir, deployFiles, readDeployFile, yamlDocuments } from './deploy-files.ts';
import type { Tree } from './deploy-files.ts';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const version = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
  devDependencies: Record<string, string>;
};
const needsOf: Record<string, SectionName[]> = {
  agent: ['source', 'transport'],
  indexer: ['transport', 'index', 'lease'],
};

const compose = yamlDocuments('compose.yaml')[0]!;
const manifests = deployFiles('.yaml')
  .filter((name) => name.startsWith('kubernetes/'))
  .flatMap(yamlDocuments);
const ofKind = (kind: string) => manifests.filter((manifest) => manifest['kind'] === kind);
const podSpecs = [...ofKind('Job'), ...ofKind('Deployment')].map(({ spec }) => spec.template.spec as Tree);

describe('every YAML file', () => {
  it.each(deployFiles('.yaml'))('%s parses', (name) => {
    expect(yamlDocuments(name).length).toBeGreaterThan(0);
  });
});

describe('images', () => {
  const images = [
    ...Object.values(compose['services'] as Tree).map((service: Tree) => service['image'] as string),
    ...podSpecs.flatMap((spec) =>
      [...(spec['initContainers'] ?? []), ...spec['containers']].map((c: Tree) => c['image'] as string),
    ),
  ];

  it('are pinned to a version', () => {
    expect(images.length).toBeGreaterThan(8);
    for (const image of images) expect(image).toMatch(/^[a-z0-9./-]+:v?\d+\.\d+\.\d+(?:-[a-z]+)?$/);
  });

  it('are of the versions that Caboose is tested with, and Caboose of its own', () => {
    for (const image of ['apache/kafka:4.4.0', 'zookeeper:3.9.4', 'elasticsearch:9.5.3', 'kibana:9.5.3'])
      expect(images).toContain(image);
    const own = images.filter((image) => image.startsWith('caboose:'));
    expect(new Set(own)).toEqual(new Set([`caboose:${version.version}`]));
  });

  it('of Caboose is built in stages with the pinned Node, and runs as a user without privileges', () => {
    const dockerfile = readDeployFile('Dockerfile');
    expect(dockerfile).toContain(`ARG NODE_VERSION=${version.devDependencies['node']}\n`);
    expect(dockerfile.match(/^FROM .*$/gm)).toHaveLength(3);
    expect(dockerfile.match(/npm ci/g)).toHaveLength(2);
    expect(dockerfile).toMatch(/^USER 10001:10001$/m);
    expect(dockerfile).toMatch(/^ENTRYPOINT \["caboose"\]$/m);
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((match) =>
      match[1]!.split(' '),
    );
    const ignore = readDeployFile('Dockerfile.dockerignore').split('\n');
    for (const path of copied) expect(ignore).toContain(`!${path}`);
  });
});

describe('the configs of Caboose', () => {
  const environment = { HOSTNAME: 'pod-0', POD_UID: 'b1946ac9-2492-4d23-b4a5-d1f2a3c4e5f6' };

  it.each([
    ['compose/agent.yaml', 'agent', () => readDeployFile('compose/agent.yaml')],
    ['compose/indexer.yaml', 'indexer', () => readDeployFile('compose/indexer.yaml')],
    ['the ConfigMap of the agent', 'agent', () => configMap('caboose-agent')],
    ['the ConfigMap of the indexer', 'indexer', () => configMap('caboose-indexer')],
  ])('in %s is valid for %s', async (_where, command, text) => {
    const dir = await mkdtemp(join(tmpdir(), 'caboose-deploy-'));
    try {
      const file = join(dir, 'caboose.yaml');
      await writeFile(file, text());
      const config = await loadConfig({ file, cwd: dir, env: environment, needs: needsOf[command]! });
      expect(config.transport?.kafka?.brokers[0]).toMatch(/^kafka/);
      expect(config.http.listen).toMatch(command === 'agent' ? /:7070$/ : /:7071$/);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('take every variable without a default from the pod', () => {
    for (const spec of podSpecs) {
      for (const container of cabooseContainers(spec)) {
        const names = new Set(['HOSTNAME', ...(container['env'] ?? []).map((entry: Tree) => entry['name'])]);
        const used = [
          ...configOf(spec, container)
            .replaceAll(/#.*$/gm, '')
            .matchAll(/\$\{(\w+)\}/g),
        ];
        for (const match of used) expect(names).toContain(match[1]);
      }
    }
  });

  it('drain in less time than the container is given', () => {
    const job = podSpecs.find((spec) => spec['initContainers'])!;
    const drainMs = Number(/drainTimeoutMs: (\d+)/.exec(configMap('caboose-agent'))![1]);
    expect(drainMs).toBeLessThan(job['terminationGracePeriodSeconds'] * 1000);
    expect(compose['services'].agent.stop_grace_period).toBe('40s');
  });
});

describe('the pods', () => {
  it('run Caboose as a native sidecar of the trainer', () => {
    const [sidecar] = ofKind('Job')[0]!['spec'].template.spec.initContainers;
    expect(sidecar).toMatchObject({ name: 'caboose', restartPolicy: 'Always' });
    expect(sidecar.startupProbe).toBeUndefined();
    expect(sidecar.env).toContainEqual({
      name: 'POD_UID',
      valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } },
    });
  });

  it('give no privileges, write to no root file system and have ceilings', () => {
    for (const spec of podSpecs) {
      expect(spec['securityContext']).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(spec['automountServiceAccountToken']).toBe(false);
      for (const container of [...(spec['initContainers'] ?? []), ...spec['containers']]) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(container.resources.limits.memory).toBeDefined();
      }
    }
  });

  it('mount only volumes that they have, and ConfigMaps that exist', () => {
    const configMaps = ofKind('ConfigMap').map(({ metadata }) => metadata.name as string);
    for (const spec of podSpecs) {
      const volumes = new Map<string, Tree>(spec['volumes'].map((volume: Tree) => [volume['name'], volume]));
      for (const container of [...(spec['initContainers'] ?? []), ...spec['containers']]) {
        for (const { name } of container.volumeMounts) expect([...volumes.keys()]).toContain(name);
      }
      const mapped = [...volumes.values()].flatMap(({ configMap }) => (configMap ? [configMap.name] : []));
      for (const name of mapped) expect(configMaps).toContain(name);
    }
  });

  it('are selected by the Service, the Deployment and the budget', () => {
    const deployment = ofKind('Deployment')[0]!;
    const { labels } = deployment['spec'].template.metadata;
    for (const selector of [
      deployment['spec'].selector.matchLabels,
      ofKind('Service')[0]!['spec'].selector,
      ofKind('PodDisruptionBudget')[0]!['spec'].selector.matchLabels,
    ]) {
      expect(labels).toMatchObject(selector);
    }
    expect(deployment['spec'].replicas).toBe(2);
  });
});

describe('compose.yaml', () => {
  it('publishes ports on loopback only, and names volumes and services that it has', () => {
    const services = compose['services'] as Tree;
    for (const service of Object.values(services) as Tree[]) {
      for (const port of service['ports'] ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
      for (const name of Object.keys(service['depends_on'] ?? {}))
        expect(Object.keys(services)).toContain(name);
      for (const volume of (service['volumes'] ?? []) as string[]) {
        const [source = ''] = volume.split(':');
        const known = source.startsWith('./')
          ? deployFiles('').map((name) => `./${name}`)
          : Object.keys(compose['volumes']);
        expect(known).toContain(source);
      }
    }
  });

  it('mounts files that the commands ask for', () => {
    for (const name of ['agent', 'indexer']) {
      const file = compose['services'][name].command.at(-1) as string;
      expect(file.replace('/etc/caboose/', '')).toBe(`${name}.yaml`);
    }
    expect(deployDir.endsWith('/deploy/')).toBe(true);
  });
});

function configMap(name: string): string {
  return ofKind('ConfigMap').find(({ metadata }) => metadata.name === name)!['data'][
    'caboose.yaml'
  ] as string;
}

function cabooseContainers(spec: Tree): Tree[] {
  return [...(spec['initContainers'] ?? []), ...spec['containers']].filter(({ image }) =>
    image.startsWith('caboose:'),
  );
}

function configOf(spec: Tree, container: Tree): string {
  const mount = container['volumeMounts'].find(({ mountPath }: Tree) => mountPath === '/etc/caboose');
  return configMap(spec['volumes'].find(({ name }: Tree) => name === mount.name).configMap.name);
}
