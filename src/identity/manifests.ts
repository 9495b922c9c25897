import { Document, isScalar, visit } from 'yaml';
import type { Controller } from '#core/controller.ts';
import type { Generations } from './generations.ts';
import { admissionFiles } from './manifests-parts/admission.ts';
import { flowControlFiles } from './manifests-parts/flowcontrol.ts';
import { type Manifest, type ManifestFile, SYSTEM_NAMESPACE } from './manifests-parts/kubernetes.ts';
import { namespaceFiles } from './manifests-parts/namespace.ts';
import { rbacFiles, upstreamRbacFiles } from './manifests-parts/rbac.ts';
import type { NamingMode } from './profiles.ts';

export const SECTIONS = ['namespace', 'rbac', 'admission', 'flowcontrol'] as const;
export type Section = (typeof SECTIONS)[number];

export interface RenderOptions {
  readonly mode: NamingMode;
  readonly generations: Generations;
  /** Comptroller's own; what no identity of ours may touch. */
  readonly namespace?: string;
}

/** Everything that Comptroller needs in a cluster, from the declarations alone, in the order to apply it. */
export function renderManifests(controllers: readonly Controller[], options: RenderOptions): ManifestFile[] {
  const { mode, generations, namespace = SYSTEM_NAMESPACE } = options;
  // The stock users are not ours to limit: mode `upstream` adds the few missing rights and nothing else.
  if (mode === 'upstream') return [...namespaceFiles(namespace), ...upstreamRbacFiles(controllers)];
  return [
    ...namespaceFiles(namespace),
    ...rbacFiles(controllers, generations),
    ...admissionFiles(controllers, namespace),
    ...flowControlFiles(),
  ];
}

export function sectionOf(file: ManifestFile): Section | undefined {
  return SECTIONS.find((section) => file.file.startsWith(`${section}/`));
}

/** A stream of YAML documents; short lists of words stay on one line. */
export function toYaml(files: readonly ManifestFile[]): string {
  return files.flatMap((file) => file.objects.map(documentOf)).join('');
}

const LINE = 120;

function documentOf(object: Manifest): string {
  const document = new Document(object, { aliasDuplicateObjects: false });
  visit(document, {
    Seq: (_, list) => {
      const words = list.items.map((item) => (isScalar(item) ? String(item.value) : '\n'));
      list.flow = words.every((word) => !word.includes('\n')) && words.join(', ').length < LINE / 2;
    },
  });
  return `---\n${document.toString({ lineWidth: LINE, flowCollectionPadding: false })}`;
}
