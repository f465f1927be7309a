// The editor behind <json-editor>: CodeMirror for one JSON object, with names and values from a JSON schema.
import { autocompletion, closeBrackets, type Completion, type CompletionContext, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json, jsonParseLinter } from "@codemirror/lang-json";
import { bracketMatching, HighlightStyle, syntaxHighlighting, syntaxTree } from "@codemirror/language";
import { type Diagnostic, linter, lintGutter } from "@codemirror/lint";
import { EditorState, type Extension } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { type Property, properties, wrong } from "./schema";

type Words = (key: string, values?: Record<string, string | number>) => string;

export interface Editor {
  set(text: string): void;
  learn(schema: object): void;
  focused(): boolean;
  destroy(): void;
}

const COLOURS = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--accent)" },
  { tag: tags.string, color: "var(--ok)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--hold)" },
]);
const LOOK = EditorView.theme({
  "&": { fontSize: "12px", color: "var(--ink)", background: "var(--sunken)", borderRadius: "6px", border: "1px solid var(--line-strong)" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "1px" },
  ".cm-scroller": { fontFamily: "var(--font-mono)", lineHeight: "20px", maxHeight: "420px", overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)", padding: "8px 0" },
  ".cm-gutters": { background: "var(--sunken)", color: "var(--ink-3)", border: "0" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { background: "var(--accent-soft)" },
  ".cm-tooltip": { background: "var(--raised)", color: "var(--ink)", border: "1px solid var(--line)", borderRadius: "6px" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { background: "var(--accent-soft)", color: "var(--ink)" },
  ".cm-diagnostic": { padding: "4px 8px", fontFamily: "var(--font-ui)" },
});

/** Names of settings that are not there yet, or the values the setting before the cursor may have. */
function complete(known: () => Map<string, Property>) {
  return (context: CompletionContext) => {
    const node = syntaxTree(context.state).resolveInner(context.pos, -1);
    const owner = node.name === "Property" ? node : node.parent;
    const text = context.state.sliceDoc();
    if (node.name === "PropertyName" || node.name === "Object" || node.name === "⚠") {
      const options: Completion[] = [...known().values()]
        .filter((property) => !text.includes(`"${property.name}"`) || node.name === "PropertyName")
        .map((property) => ({ label: `"${property.name}"`, type: "property", info: property.help, apply: `"${property.name}": ${JSON.stringify(property.default ?? null)}` }));
      const from = node.name === "PropertyName" ? node.from : (context.matchBefore(/"?\w*/)?.from ?? context.pos);
      return context.explicit || node.name === "PropertyName" ? { from, options } : null;
    }
    if (owner?.name !== "Property") return null;
    const name = text.slice(owner.firstChild?.from ?? 0, owner.firstChild?.to ?? 0).replace(/"/g, "");
    const values = known().get(name)?.choices ?? [];
    const from = node.name === "Property" ? context.pos : node.from;
    return values.length ? { from, options: values.map((value) => ({ label: JSON.stringify(value), type: "enum" })) } : null;
  };
}

/** What the schema says against the text, each at its own place. */
function check(view: EditorView, known: Map<string, Property>, words: Words): Diagnostic[] {
  const text = view.state.sliceDoc();
  let values: Record<string, unknown>;
  try {
    values = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return [];
  }
  if (!known.size) return [];
  const found: Diagnostic[] = [];
  syntaxTree(view.state).iterate({
    enter: (node) => {
      if (node.name !== "Property" || node.node.parent?.parent?.name !== "JsonText") return;
      const key = node.node.firstChild;
      if (!key) return;
      const name = JSON.parse(text.slice(key.from, key.to)) as string;
      const message = wrong(name, values[name], known.get(name), words);
      if (message) found.push({ from: node.from, to: node.to, severity: "error", message });
    },
  });
  return found;
}

/** An editor inside a shadow root, whose style sheets need no inline style. changed: what was typed, and whether it is JSON. */
export function open(root: ShadowRoot, text: string, words: Words, changed: (text: string, valid: boolean) => void): Editor {
  let known = new Map<string, Property>();
  let quiet = false;
  const say = EditorView.updateListener.of((update) => {
    if (!update.docChanged || quiet || update.view.composing) return;
    const now = update.state.sliceDoc();
    changed(now, isObject(now));
  });
  const syntax = jsonParseLinter();
  const extensions: Extension[] = [
    lineNumbers(), history(), bracketMatching(), closeBrackets(), json(), syntaxHighlighting(COLOURS), LOOK, lintGutter(),
    linter((view) => syntax(view).map((each) => ({ ...each, message: words("broken") }))),
    linter((view) => check(view, known, words)),
    autocompletion({ override: [complete(() => known)] }),
    keymap.of([...completionKeymap, ...historyKeymap, ...defaultKeymap]),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": words("label") }),
    say,
  ];
  const view = new EditorView({ state: EditorState.create({ doc: text, extensions }), parent: root, root });
  return {
    set(next) {
      if (next === view.state.sliceDoc()) return;
      quiet = true;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } });
      quiet = false;
    },
    learn(schema) {
      known = properties(schema);
      view.dispatch({});
    },
    focused: () => view.hasFocus,
    destroy: () => view.destroy(),
  };
}

function isObject(text: string): boolean {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
