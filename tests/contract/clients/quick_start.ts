// What a partner writes with the generated types: publish, read the typed answer and a refusal.
// Checked by tsc against the generated types, then run. quickStart is the page's body, typed.
import createClient from "openapi-fetch";
import type { components, paths } from "./imo360.js";
import { quickStart } from "./body.js";

declare const process: { argv: string[] };

type ListingAnswer = components["schemas"]["ListingAnswer"];
type Problem = components["schemas"]["Problem"];

const [baseUrl, key] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl, headers: { "X-API-Key": key } });

const published = await client.POST("/api/integration/estates", { body: quickStart });
if (!published.data) throw new Error(JSON.stringify(published.error));
if ("dryRun" in published.data) throw new Error("nothing was stored");
const answer: ListingAnswer = published.data;

const refused = await client.POST("/api/integration/estates", {
  body: { providerIdentifier: "my-crm", externalId: "typescript", title: " " },
});
const problem: Problem | undefined = refused.error;
if (!problem) throw new Error("a blank title was taken");

console.log(answer.identifier, answer.status, problem.status, problem.code);
