import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

declare const process: { env: Record<string, string | undefined> };

/** What the page may load and run: its own files, and recordings that it made itself. Nothing inline. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "media-src blob:",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** The policy travels with the page, so that it holds wherever the page is served from. */
function contentSecurityPolicy(): Plugin {
  return {
    name: "content-security-policy",
    apply: "build", // the development server needs inline scripts of its own
    transformIndexHtml: () => [
      { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: POLICY }, injectTo: "head-prepend" },
    ],
  };
}

export default defineConfig({
  plugins: [react(), contentSecurityPolicy()],
  build: {
    assetsInlineLimit: 0, // a data: URL is what the policy does not let in
    modulePreload: { polyfill: false },
  },
  test: { isolate: false, pool: "threads" }, // they are small, and stub what they use
  server: {
    proxy: { "/api": { target: process.env.API ?? "http://127.0.0.1:8080", changeOrigin: false } },
  },
});
