import type { Controller } from '#core/controller.ts';
import { jsonSchema } from './schema.ts';

/** The text of deploy/config.schema.json, in the form that the formatter leaves alone: short lists on one line. */
export function schemaFile(controllers: readonly Controller[]): string {
  const scalar = '(?:"[^"\\n]*"|[0-9.]+)';
  const list = new RegExp(`\\[\\n\\s+(${scalar}(?:,\\n\\s+${scalar})*)\\n\\s+\\]`, 'g');
  const text = JSON.stringify(jsonSchema(controllers), null, 2);
  return `${text.replace(list, (_all, items: string) => `[${items.replace(/,\n\s+/g, ', ')}]`)}\n`;
}
