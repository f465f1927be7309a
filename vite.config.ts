/// <reference types="node" />
// Builds the scripts, styles, fonts and the icon sprite into frontend_templates/assets/dist; `frame/assets.py` reads its manifest.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import tailwindcss from "@tailwindcss/vite";
import { defineConfig, type Plugin } from "vite";

const ROOT = import.meta.dirname;
const ASSETS = resolve(ROOT, "frontend_templates/assets");
const ICONS = join(dirname(createRequire(import.meta.url).resolve("lucide-static/package.json")), "icons");
// `{% icon "name" %}` in templates, `icon="name"` in Python, `icon("name")` in TypeScript.
const USE = /\bicon(?: |=|\()["']([a-z0-9-]+)["']/g;
const SEEN_IN = ["frontend_templates", "platform/controlplane"];

function files(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (name === "dist" || name === "__pycache__" || name === "migrations") return [];
    return statSync(path).isDirectory() ? files(path) : /\.(html|py|ts)$/.test(name) ? [path] : [];
  });
}

/** One SVG file with a <symbol> for each icon the pages use; an unknown name fails the build. */
function sprite(): Plugin {
  return {
    name: "icon-sprite",
    generateBundle() {
      const used = new Set<string>();
      for (const path of SEEN_IN.flatMap((folder) => files(resolve(ROOT, folder))))
        for (const match of readFileSync(path, "utf8").matchAll(USE)) used.add(match[1] as string);
      const symbols = [...used].sort().map((name) => {
        const body = readFileSync(join(ICONS, `${name}.svg`), "utf8");
        const inner = body.slice(body.indexOf(">", body.indexOf("<svg")) + 1, body.lastIndexOf("</svg>")).replace(/\s+/g, " ");
        return `<symbol id="${name}" viewBox="0 0 24 24">${inner.trim()}</symbol>`;
      });
      const source = `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`;
      this.emitFile({ type: "asset", name: "icons.svg", originalFileName: "icons.svg", source });
    },
  };
}

/** Compressed twins beside every text file; the server hands them out as they are. */
function twins(): Plugin {
  return {
    name: "compressed-twins",
    writeBundle({ dir = "" }, bundle) {
      for (const name of Object.keys(bundle).filter((file) => /\.(js|css|svg)$/.test(file))) {
        const body = readFileSync(join(dir, name));
        writeFileSync(join(dir, `${name}.gz`), gzipSync(body, { level: 9 }));
        writeFileSync(join(dir, `${name}.br`), brotliCompressSync(body));
      }
    },
  };
}

export default defineConfig({
  root: ASSETS,
  base: "/static/",
  plugins: [tailwindcss(), sprite(), twins()],
  build: {
    outDir: join(ASSETS, "dist"),
    emptyOutDir: true,
    manifest: true,
    assetsDir: "built",
    modulePreload: { polyfill: false },
    target: "es2022",
    assetsInlineLimit: 0,
    rollupOptions: {
      input: [join(ASSETS, "core.ts"), ...["compare", "guide", "report", "teams", "workers"].map((page) => join(ASSETS, `css/${page}.css`))],
    },
  },
});
