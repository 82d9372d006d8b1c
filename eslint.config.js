import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

/** What a component must be given, so that it runs the same in any program and under any engine. */
const outsideComponents = [
  {
    selector:
      "MemberExpression[object.name='process'][property.name='env'], MemberExpression[object.name='process'][property.value='env']",
    message: "A component reads no environment: take the value as an argument.",
  },
  {
    selector: "NewExpression[callee.property.name='Config'], NewExpression[callee.name='Config']",
    message: "Only config.ts reads the configuration: take the value as an argument.",
  },
  {
    selector:
      "CallExpression[callee.property.name=/^get(Stack|Project)$/], CallExpression[callee.name=/^get(Stack|Project)$/]",
    message: "A component does not know its stack: take the name as an argument.",
  },
  {
    selector: "NewExpression[callee.property.name='Provider'], NewExpression[callee.name=/Provider$/]",
    message: "Providers come through the options and flow by parent.",
  },
];

const environmentModules = {
  group: ["process", "node:process"],
  message: "A component reads no environment: take the value as an argument.",
};

/** What makes a plan more than a function of its input. */
const outsidePlans = [
  {
    group: ["@pulumi/*"],
    message: "A plan is pure: it decides, and a component makes.",
  },
  {
    regex: "^(node:)?(fs|fs/promises|net|http|https|http2|tls|dns|dgram|child_process|worker_threads|os)$",
    message: "A plan is pure: no files, no network, no processes.",
  },
];

export default defineConfig(
  globalIgnores(["examples/", "node_modules/", "**/node_modules/", "**/dist/", "coverage/", ".quorum/"]),
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "no-console": "off",
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-import-type-side-effects": "error",
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    // Answers of a cluster and recorded inputs have no types of their own; the assertions are what checks them.
    files: ["test/**/*.ts"],
    rules: {
      "@typescript-eslint/no-base-to-string": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-return": "off",
    },
  },
  {
    files: ["components/**/*.ts"],
    rules: {
      "no-restricted-imports": ["error", { patterns: [environmentModules] }],
      "no-restricted-syntax": ["error", ...outsideComponents],
    },
  },
  {
    files: ["components/plan/**/*.ts"],
    rules: {
      "no-restricted-imports": ["error", { patterns: [environmentModules, ...outsidePlans] }],
      "no-restricted-syntax": [
        "error",
        ...outsideComponents,
        { selector: "ImportExpression", message: "A plan is pure: it loads nothing while it runs." },
      ],
    },
  },
);
