import { z } from 'zod';
import { dialPlanFileSchema } from '../../src/config/dial-plan-file.js';
import { inventoryFileSchema } from '../../src/config/inventory-file.js';
import { showDuration } from '../../src/config/scalars.js';
import { siteFileSchema } from '../../src/config/site-file.js';
import { ms } from '../../src/domain/time.js';

/** The page that is generated from the schemas. */
const PAGE = 'docs/configuration.md';

/** A piece of JSON schema, as far as we make them. */
interface Node {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly expected?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Node | false;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
}

/** A kind of configuration file. */
interface Kind {
  readonly name: string;
  readonly title: string;
  readonly intro: string;
  readonly schema: z.ZodType;
}

const KINDS: readonly Kind[] = [
  {
    name: 'site',
    title: 'Site file',
    intro: 'What this gateway is, and which dial plan and inventory it works from.',
    schema: siteFileSchema,
  },
  {
    name: 'dialplan',
    title: 'Dial plan',
    intro: 'What people dial, where it is answered, and over which trunks it gets there.',
    schema: dialPlanFileSchema,
  },
  {
    name: 'inventory',
    title: 'Inventory',
    intro: 'Carriers, what can be lost together, and the hardware between us and the carriers.',
    schema: inventoryFileSchema,
  },
];

/** Everything that is generated from the schemas: its path in the repository, and its text. */
export function generated(): ReadonlyMap<string, string> {
  const nodes = KINDS.map((kind) => ({ kind, node: nodeOf(kind.schema) }));
  return new Map([
    ...nodes.map(({ kind, node }) => [schemaPath(kind), schemaText(kind, node)] as const),
    [PAGE, page(nodes)] as const,
  ]);
}

function schemaPath({ name }: Kind): string {
  return `config/schema/${name}.schema.json`;
}

function nodeOf(schema: z.ZodType): Node {
  const made = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema instanceof z.ZodDefault) {
        jsonSchema.default = shownDefault(zodSchema);
      }
      if (zodSchema instanceof z.ZodPipe && zodSchema.in instanceof z.ZodTransform) {
        const { description } = jsonSchema;
        for (const key of Object.keys(jsonSchema)) {
          Reflect.deleteProperty(jsonSchema, key);
        }
        const full = inner(zodSchema.out as z.ZodType);
        Object.assign(jsonSchema, description === undefined ? {} : { description }, {
          anyOf: [{ type: 'string' }, full],
        });
      }
    },
  });
  return made as Node;
}

/** The schema of a part, to stand inside another. */
function inner(schema: z.ZodType): z.core.JSONSchema.JSONSchema {
  const { $schema, ...node } = nodeOf(schema) as Node & { readonly $schema?: string };
  return $schema === undefined ? {} : (node as z.core.JSONSchema.JSONSchema);
}

/** A default as it would be written in the file. */
function shownDefault(schema: z.ZodDefault): unknown {
  const value: unknown = schema.def.defaultValue;
  const isDuration = String(z.globalRegistry.get(schema.def.innerType as z.ZodType)?.['expected']).includes('duration');
  return isDuration ? showDuration(ms(Number(value))) : value;
}

function schemaText({ title, intro }: Kind, { ...node }: Node): string {
  const { $schema, ...rest } = node as Node & { readonly $schema?: string };
  const text = { $schema, title: `Noodroute: ${title.toLowerCase()}`, description: intro, ...rest };
  return `${JSON.stringify(text, (key, value: unknown) => (key === 'expected' ? undefined : value), 2)}\n`;
}

function page(nodes: readonly { readonly kind: Kind; readonly node: Node }[]): string {
  const parts = nodes.map(
    ({ kind, node }) =>
      `## ${kind.title}\n\n${kind.intro} For editors: \`${schemaPath(kind)}\`.\n\n${section('', node)}`,
  );
  return `${INTRO}\n${parts.join('\n')}`;
}

/** The keys of a mapping as a table, then those of the mappings in it. */
function section(path: string, node: Node): string {
  const { properties = {}, required = [] } = node;
  const heading = path === '' ? '' : `### ${path}\n\n`;
  const rows = Object.entries(properties).map(([key, child]) => row(key, child, required.includes(key)));
  const below = Object.entries(properties).flatMap(([key, child]) => {
    const inner = mappingIn(path === '' ? key : `${path}.${key}`, child);
    return inner === undefined ? [] : [section(inner.path, inner.node)];
  });
  return `${heading}| key | value | default | what it is |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n\n${below.join('')}`;
}

/** The mapping inside a table, a list or a choice, and its path with what a user fills in. */
function mappingIn(path: string, node: Node): { readonly path: string; readonly node: Node } | undefined {
  if (node.properties !== undefined) {
    return { path, node };
  }
  if (node.anyOf !== undefined) {
    return node.anyOf.map((each) => mappingIn(path, each)).find((each) => each !== undefined);
  }
  if (node.items !== undefined) {
    return mappingIn(`${path}[]`, node.items);
  }
  const entry = node.additionalProperties;
  return entry === undefined || entry === false ? undefined : mappingIn(`${path}.NAME`, entry);
}

function row(key: string, node: Node, isRequired: boolean): string {
  const given = node.default === undefined ? '' : JSON.stringify(node.default).replaceAll('"', '');
  const shown = isRequired ? 'required' : given === '' || given === '[]' || given === '{}' ? 'none' : `\`${given}\``;
  return `| \`${key}\` | ${valueOf(node)} | ${shown} | ${(node.description ?? '').replaceAll('|', '\\|')} |`;
}

function valueOf(node: Node): string {
  if (node.expected !== undefined) {
    return node.expected
      .replace(/ of letters, digits, .*$/, '')
      .replaceAll('|', '\\|')
      .replaceAll('*', '\\*');
  }
  if (node.anyOf !== undefined) {
    return 'a text, or a mapping';
  }
  if (node.items !== undefined) {
    return `a list: ${valueOf(node.items)}`;
  }
  const entry = node.additionalProperties;
  return node.properties !== undefined || entry === undefined || entry === false
    ? 'a mapping'
    : `names, each with ${valueOf(entry)}`;
}

const INTRO = `# Configuration

Generated from the schemas in \`src/config\` by \`npm run docs:config\`; a test fails when it differs.

A site file names a dial plan and an inventory. \`noodroute check FILE\` reads all three, and prints everything that is wrong
with \`file:line:column\`, the path, the value, what was expected, and what may have been meant. \`noodroute run\` does the same
first, and starts nothing that is not whole. Exit status 1 means that something is wrong.

- Files are YAML. A value is read as it is written: \`0112\` stays 0112, and \`088-0000112\` needs no quotes.
- A key that is not in this page is an error. Nothing is ignored in silence.
- Durations have a unit: \`500ms\`, \`5s\`, \`2m\`, \`1h\`.
- Paths are relative to the site file.
- Secrets are never in these files: a file (\`secretFile\`) or an environment variable holds them, and nothing prints them.
- For completion in an editor, begin a file with \`# yaml-language-server: $schema=\` and the path of its schema.

## What is checked beyond single values

Errors:

- a name that nothing has; two trunks at one address, one source at two ingresses, one number of two services, one port of a
  gateway for two lines, a route twice in a plan, a SIP server twice;
- a service that nobody can dial, or that a plan brings nowhere over an enabled trunk; a route with nothing to dial;
- two services that lose all their routes with one carrier, in a plan and the plans after it; a number that calls another service;
- a mobile trunk that would dial 112, a URN or any number that a handset takes for an emergency call;
- a destination that takes over but cannot be reached in the same plan; one that takes over from itself;
- more channels than the lines have; all channels reserved; a service that is barred on every line of a route's trunk;
- risk groups in a loop;
- a contact over TLS without a certificate; a trunk over TCP or TLS without a contact of that kind; listening twice in one place;
- a simulated gateway outside a laboratory; a laboratory that reaches beyond this machine. \`noodroute run\` refuses a
  laboratory's file.

Warnings: a service of which no two routes are independent; trunks, destinations, risk groups, zones and gateways that nothing
uses; a host name in place of an address; a trunk on this machine itself; an admin interface for all; a prepaid card; a ring
time outside 20 to 30 s; an ingress and a trunk between which no RTP flows; a secret that everybody can read.
`;
