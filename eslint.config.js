import js from "@eslint/js";
import globals from "globals";

const rules = {
  complexity: ["error", 12],
  curly: "error",
  eqeqeq: "error",
  "max-depth": ["error", 3],
  "max-lines": ["error", 350],
  "max-params": ["error", 7],
  "no-alert": "error",
  "no-eval": "error",
  "no-implied-eval": "error",
  "no-restricted-properties": ["error", { property: "innerHTML", message: "Use textContent or elements." }],
  "no-shadow": "error",
  "no-unused-expressions": "error",
  "no-use-before-define": ["error", { functions: false, classes: false }],
  "no-var": "error",
  "object-shorthand": "error",
  "prefer-const": "error",
};

export default [
  js.configs.recommended,
  { rules, linterOptions: { reportUnusedDisableDirectives: "error" } },
  { files: ["src/microtome/serve/page/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["tests/page/*.js"], languageOptions: { globals: globals.node } },
];
