import type { FastifyInstance } from "fastify";
import { msgd, svca, svcb } from "./chain.ts";
import type { Settings } from "./settings.ts";
import { web } from "./web.ts";

/** Registers the routes of one service; `/`, `/health` and `/metrics` are there already. */
export type Role = (app: FastifyInstance, settings: Settings) => void;

/** One image serves every role: ROLE chooses. */
export const roles = { web, svca, svcb, msgd } satisfies Record<string, Role>;

export type RoleName = keyof typeof roles;
