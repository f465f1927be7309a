// What a recipe's JSON schema says of each setting, and what is wrong with a value. The server has the last word.

type Words = (key: string, values?: Record<string, string | number>) => string;

interface Part {
  $ref?: string;
  anyOf?: Part[];
  type?: string;
  enum?: unknown[];
  default?: unknown;
  description?: string;
  help_i18n?: { en: string; zh: string };
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

export interface Property extends Part {
  name: string;
  help: string;
  choices: unknown[];
  optional: boolean;
}

export function properties(schema: { properties?: Record<string, Part>; $defs?: Record<string, Part> }): Map<string, Property> {
  const zh = document.documentElement.lang.startsWith("zh");
  const found = new Map<string, Property>();
  for (const [name, raw] of Object.entries(schema.properties ?? {})) {
    const parts = (raw.anyOf ?? [raw]).map((part) => (part.$ref ? { ...schema.$defs?.[part.$ref.split("/").at(-1) ?? ""], ...part } : part));
    const part = { ...(parts.find((each) => each.type !== "null") ?? {}), ...raw };
    const choices = part.enum ?? (part.type === "boolean" ? [true, false] : []);
    const optional = parts.some((each) => each.type === "null");
    found.set(name, { ...part, name, choices, optional, help: (zh ? raw.help_i18n?.zh : raw.help_i18n?.en) ?? raw.description ?? "" });
  }
  return found;
}

/** One sentence about a value that cannot stand; empty when it can. */
export function wrong(name: string, value: unknown, property: Property | undefined, words: Words): string {
  if (!property) return words("unknown", { name });
  if (value === null && property.optional) return "";
  if (property.enum && !property.enum.includes(value)) return words("choices", { name, choices: property.enum.map((each) => JSON.stringify(each)).join(", ") });
  const fits: Record<string, boolean> = {
    integer: Number.isInteger(value),
    number: typeof value === "number",
    boolean: typeof value === "boolean",
    string: typeof value === "string",
  };
  if (property.type && fits[property.type] === false) return words("type", { name, type: property.type });
  if (typeof value !== "number") return "";
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = property;
  if (minimum !== undefined && value < minimum) return words("least", { name, bound: minimum });
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) return words("above", { name, bound: exclusiveMinimum });
  if (maximum !== undefined && value > maximum) return words("most", { name, bound: maximum });
  if (exclusiveMaximum !== undefined && value >= exclusiveMaximum) return words("below", { name, bound: exclusiveMaximum });
  return "";
}
