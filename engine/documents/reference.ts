import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import ts from "typescript";

/**
 * The reference of the components, of their docstrings: each class that `components/index.ts` exports, its arguments and its outputs.
 *
 * By the compiler that checks the types, so that it needs no tool of its own; what was weighed is in docs/design-notes.md.
 */
export function referencePage(root: string): string {
  const index = join(root, "components", "index.ts");
  const parts = exportsOf(index).map(({ file, names }) => {
    const source = parse(join(dirname(index), file));
    const folder = relative(join(root, "components"), dirname(source.fileName));
    const described = source.statements.filter(
      (one): one is ts.ClassDeclaration | ts.InterfaceDeclaration =>
        (ts.isClassDeclaration(one) || ts.isInterfaceDeclaration(one)) && names.includes(one.name?.text ?? ""),
    );
    return { folder, text: described.map(describe).join("\n\n") };
  });
  const folders = [...new Set(parts.map(({ folder }) => folder))];
  const text = folders.map((folder) => {
    const of = parts.filter((part) => part.folder === folder).map((part) => part.text);
    return `## ${folder}\n\n${of.join("\n\n")}`;
  });
  return `# The components, one by one

Made of their docstrings by \`npm run docs\`. How to use them in a program of your own: [library.md](library.md). Each also takes Pulumi's
\`ComponentResourceOptions\`; providers come by them.

${text.join("\n\n")}
`;
}

const parse = (file: string) => ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);

function exportsOf(index: string): { file: string; names: string[] }[] {
  return parse(index).statements.flatMap((one) => {
    if (!ts.isExportDeclaration(one) || one.moduleSpecifier === undefined || one.exportClause === undefined) return [];
    if (!ts.isNamedExports(one.exportClause)) return [];
    const file = (one.moduleSpecifier as ts.StringLiteral).text;
    return [{ file, names: one.exportClause.elements.map(({ name }) => name.text) }];
  });
}

function describe(node: ts.ClassDeclaration | ts.InterfaceDeclaration): string {
  const isClass = ts.isClassDeclaration(node);
  const head = `${isClass ? "###" : "####"} ${node.name?.text ?? ""}`;
  const hidden = (member: ts.ClassElement | ts.TypeElement) =>
    ts.canHaveModifiers(member) && ts.getModifiers(member)?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword);
  const members = [...node.members]
    .filter((member) => !hidden(member) && member.name !== undefined && !ts.isPrivateIdentifier(member.name))
    .filter(
      (member) => ts.isPropertySignature(member) || ts.isPropertyDeclaration(member) || ts.isMethodDeclaration(member),
    )
    .map(lineOf);
  const lines = members.length === 0 ? "" : `\n\n${isClass ? "Outputs:\n\n" : ""}${members.join("\n")}`;
  const said = wordsOf(node);
  return `${head}${said === "" ? "" : `\n\n${said}`}${lines}`;
}

function lineOf(member: ts.PropertySignature | ts.PropertyDeclaration | ts.MethodDeclaration): string {
  const name = member.name.getText();
  const optional = member.questionToken === undefined ? "" : "?";
  const type = ts.isMethodDeclaration(member)
    ? `(${member.parameters.map((each) => each.getText()).join(", ")}) => ${member.type?.getText() ?? "void"}`
    : (member.type?.getText() ?? "");
  const said = wordsOf(member);
  return `- \`${name}${optional}\`: \`${type.replaceAll(/\s+/g, " ").replaceAll("`", "'")}\`${said === "" ? "" : `. ${said}`}`;
}

/** Summary, default and errors; examples are for editors. */
function wordsOf(node: ts.Node): string {
  const [doc] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  if (doc === undefined) return "";
  const plain = (comment: ts.JSDoc["comment"]) =>
    (ts.getTextOfJSDocComment(comment) ?? "").replaceAll(/\s+/g, " ").trim();
  const tags = (doc.tags ?? [])
    .filter(({ tagName }) => ["default", "throws", "see"].includes(tagName.text))
    .map((tag) => `${labels[tag.tagName.text] ?? ""}: ${plain(tag.comment)}.`);
  return [plain(doc.comment), ...tags].join(" ").replaceAll("..", ".").replaceAll("<", "&lt;").trim();
}

const labels: Readonly<Record<string, string>> = { default: "Default", throws: "Throws", see: "See" };
