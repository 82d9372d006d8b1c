import { auditFolder, auditPolicy } from "./audit.ts";
import { authenticationDocument } from "./authentication.ts";
import type { HardeningSettings } from "./hardening-settings.ts";
import { contentHash } from "../hash.ts";
import { putFile } from "../shell.ts";
import { stringify } from "yaml";

/** On each member: what its API server reads at its start, beside its certificates. */
export const apiServerFolder = "/etc/kubernetes/quorum/api-server";
/** On each member: the keys by which objects are encrypted, and the configuration made from them. */
export const encryptionFolder = "/etc/kubernetes/quorum/encryption";
export const encryptionConfig = `${encryptionFolder}/config.yaml`;

interface MemberFile {
  readonly path: string;
  readonly text: string;
}

/** A host's folder in a static pod. */
export interface Volume {
  readonly name: string;
  readonly hostPath: string;
  readonly mountPath: string;
  readonly readOnly: boolean;
  readonly pathType: "Directory" | "DirectoryOrCreate";
}

/** A file whose name changes with its text, so that a changed one changes a flag and with it the pod that reads it. */
function hashed(name: string, document: unknown): MemberFile {
  const text = stringify(document, { lineWidth: 0 });
  return { path: `${apiServerFolder}/${name}-${contentHash({ text })}.yaml`, text };
}

export const auditPolicyFile = (): MemberFile => hashed("audit-policy", auditPolicy());

export const authenticationFile = (settings: Pick<HardeningSettings, "issuers">): MemberFile =>
  hashed("authentication", authenticationDocument(settings));

function memberFiles(settings: HardeningSettings): MemberFile[] {
  return [authenticationFile(settings), ...(settings.audit.enabled ? [auditPolicyFile()] : [])];
}

/** Lines that put a member's files in place; those that a running API server reads stay as they are. */
export function memberFileLines(settings: HardeningSettings): string[] {
  return [
    `mkdir -p ${encryptionFolder}`,
    ...(settings.audit.enabled ? [`mkdir -p ${auditFolder}`] : []),
    ...memberFiles(settings).map(({ path, text }) => putFile(path, "600", text)),
  ];
}

/** Lines that remove the files of earlier settings, once nothing reads them. */
export function oldFileLines(settings: HardeningSettings): string[] {
  const kept = memberFiles(settings).map(({ path }) => `! -path ${path}`);
  return [`find ${apiServerFolder} -type f ${kept.join(" ")} -delete`];
}

/** What of the host the API server's pod sees. */
export function apiServerVolumes({ audit }: HardeningSettings): Volume[] {
  const folder = (name: string, path: string, readOnly: boolean, pathType: Volume["pathType"]): Volume => ({
    name,
    hostPath: path,
    mountPath: path,
    readOnly,
    pathType,
  });
  return [
    folder("quorum-api-server", apiServerFolder, true, "Directory"),
    folder("quorum-encryption", encryptionFolder, true, "Directory"),
    ...(audit.enabled ? [folder("quorum-audit", auditFolder, false, "DirectoryOrCreate")] : []),
  ];
}
